"""semcorpus walk | pair | ... | report: one stage on an index that exists, with the settings it was last run with."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import click

from jobs.catalogue import STAGES
from jobs.options import (
    Options,
    engine_choice,
    engine_options,
    settings_option,
    talk_options,
    trust_options,
    watch_options,
)
from jobs.terminal import print_line
from jobs.working import open_work

if TYPE_CHECKING:
    from pipeline.runtime.execute import Runner


@cache
def command_for(name: str) -> click.Command:
    """The command of a stage."""

    @click.command(name, help=STAGES[name], epilog=f"Example: semcorpus {name} /indexes/sem")
    @click.argument("index")
    @settings_option
    @engine_options
    @trust_options
    @watch_options
    @talk_options
    def command(index: str, **options: object) -> None:
        run_one(name, index, options)

    return command


def run_one(
    name: str,
    index: str,
    options: Options,
    *,
    before: Callable[["Runner"], object] | None = None,
    unread_only: bool = False,
) -> None:
    """Run one stage with the options of its command; ``before`` is called with the index locked."""
    from pipeline.index.store import open_index
    from pipeline.job import run_stages
    from pipeline.operations.remembered import stored_corpus, stored_recipe
    from pipeline.operations.status import what_is_missing
    from pipeline.parts import check_stages

    check_stages((name,))
    opened = open_index(index)
    recipe = stored_recipe(opened, assignments=options["assignments"])
    choice = engine_choice(options["engines"], options["workers"], options["dask"], options["ray"])
    with open_work(stored_corpus(opened), index, recipe, options, engines=choice, unread_only=unread_only) as runner:
        if before is not None:
            before(runner)
        result = run_stages(runner, (name,))
    silent = options["quiet"] or options["log_json"]
    hint = "" if name == "report" else what_is_missing(result.index, name)
    if hint and not (silent or unread_only):
        print_line(hint, style="yellow")
    if name == "report" and not silent:
        print_line(f"Page    {result.index.location.child('reports', 'report.html').url}")
