"""semcorpus walk | pair | ... | report: one stage on an index that exists, with the settings it was last run with."""

from functools import cache
from typing import Any

import click

from jobs.options import engine_choice, engine_options, settings_option, talk_options
from jobs.terminal import console, open_listener
from pipeline.job import open_runner, run_stages, stored_corpus, stored_recipe
from pipeline.storage.corpus import Corpus
from pipeline.storage.index import open_index

_HELP = {
    "walk": "List the corpus, digest what is new or changed, keep the ledger.",
    "pair": "Find the images that show one picture, and choose the one that stands for it.",
    "labels": "Match label sets to pictures by content.",
    "scale": "Read the physical scale from metadata and data bars.",
    "pixels": "Make the network-sized pictures.",
    "embed": "Make a vector for every picture.",
    "autoencode": "Train autoencoders on the vectors and make shorter codes.",
    "neighbours": "Find the exact nearest neighbours of every vector.",
    "dimension": "Estimate the intrinsic dimension.",
    "cluster": "Cluster every set of vectors.",
    "agree": "Score the clusterings against the labels.",
    "report": "Write the tables, the figures and the page.",
}


@cache
def command_for(name: str) -> click.Command:
    """The command of a stage."""

    @click.command(name, help=_HELP[name], epilog=f"Example: semcorpus {name} /indexes/sem")
    @click.argument("index")
    @settings_option
    @engine_options
    @click.option("--accept-removals", is_flag=True, help="Go on although many files have vanished.")
    @talk_options
    def command(index: str, **options: Any) -> None:
        opened = open_index(index)
        recipe = stored_recipe(opened, assignments=options["assignments"])
        choice = engine_choice(options["engines"], options["workers"], options["dask"], options["ray"])
        with (
            open_listener(quiet=options["quiet"], log_json=options["log_json"]) as listener,
            open_runner(
                Corpus(stored_corpus(opened), recipe.corpus),
                index,
                recipe,
                engines=choice,
                listener=listener,
                accept_removals=options["accept_removals"],
            ) as runner,
        ):
            result = run_stages(runner, (name,))
        if name == "report" and not options["quiet"]:
            word = "written" if result.report_written else "up to date"
            console.print(f"report {word}:", result.index.location.child("reports", "report.html").url, markup=False)

    return command
