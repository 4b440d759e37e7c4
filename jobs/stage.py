"""semcorpus walk | pair | ... | report: one stage on an index that exists, with the settings it was last run with."""

from functools import cache
from typing import Any

import click

from jobs.catalogue import STAGES
from jobs.listeners import open_listener
from jobs.options import engine_choice, engine_options, settings_option, talk_options, watch_options, with_metrics
from jobs.terminal import print_line


@cache
def command_for(name: str) -> click.Command:
    """The command of a stage."""

    @click.command(name, help=STAGES[name], epilog=f"Example: semcorpus {name} /indexes/sem")
    @click.argument("index")
    @settings_option
    @engine_options
    @click.option("--accept-removals", is_flag=True, help="Go on although many files have vanished.")
    @click.option("--rehash", is_flag=True, help="Read all files again, whatever their sizes and times say.")
    @watch_options
    @talk_options
    def command(index: str, **options: Any) -> None:
        from pipeline.job import open_runner, run_stages
        from pipeline.remembered import stored_corpus, stored_recipe
        from pipeline.status import what_is_missing
        from pipeline.storage.corpus import Corpus
        from pipeline.storage.index import open_index

        opened = open_index(index)
        recipe = stored_recipe(opened, assignments=options["assignments"])
        choice = engine_choice(options["engines"], options["workers"], options["dask"], options["ray"])
        with (
            open_listener(quiet=options["quiet"], log_json=options["log_json"]) as teller,
            with_metrics(teller, options["metrics"], options["metrics_file"]) as listener,
            open_runner(
                Corpus(stored_corpus(opened), recipe.corpus),
                index,
                recipe,
                engines=choice,
                listener=listener,
                accept_removals=options["accept_removals"],
                rehash=options["rehash"],
                wait_seconds=options["wait_seconds"],
            ) as runner,
        ):
            result = run_stages(runner, (name,))
        hint = "" if name == "report" else what_is_missing(result.index, name)
        if hint and not (options["quiet"] or options["log_json"]):
            print_line(hint, style="yellow")
        if name == "report" and not (options["quiet"] or options["log_json"]):
            print_line(f"Page    {result.index.location.child('reports', 'report.html').url}")

    return command
