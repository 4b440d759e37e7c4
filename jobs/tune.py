"""semcorpus tune: search the grid of stacked autoencoders, keep the best, and encode with it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from jobs.catalogue import SUMMARIES
from jobs.options import (
    Command,
    Option,
    engine_choice,
    engine_options,
    settings_option,
    talk_options,
    trust_options,
    watch_options,
)
from jobs.terminal import print_line, print_table


def _widths(_: click.Context, __: click.Parameter, text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(word) for word in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise click.BadParameter(f"{text!r} is no list of widths, such as 200,400,600")
    return found


def _list(name: str, default: str, text: str) -> Callable[[Command], Command]:
    return click.option(name, default=default, show_default=True, callback=_widths, metavar="N,N,...", help=text)


@click.command("tune", help=SUMMARIES["tune"], epilog="Example: semcorpus tune /indexes/sem --name sae --engines ray")
@click.argument("index")
@click.option("--name", default="sae", show_default=True, help="The stacked autoencoder of the recipe that it varies.")
@_list("--first", "200,400,500,600", "Widths of the first layer.")
@_list("--second", "50,100,150,200", "Widths of the second layer.")
@_list("--code", "10,13,18", "Lengths of the code.")
@click.option(
    "--tied", type=click.Choice(["yes", "no", "both"]), default="both", show_default=True, help="The outer weights."
)
@click.option("--batch", type=click.IntRange(min=1), default=300, show_default=True, help="Rows of a step.")
@click.option(
    "--grace", type=click.IntRange(min=1), default=3, show_default=True, help="Epochs that every trial is given."
)
@click.option(
    "--factor", type=click.IntRange(min=2), default=3, show_default=True, help="One in so many goes on at each rung."
)
@click.option(
    "--trials",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where unfinished trials are kept, to go on there [INDEX/trials, which a local index has].",
)
@settings_option
@engine_options
@trust_options
@watch_options
@talk_options
def command(index: str, **options: Option) -> None:
    """Bound to the summary."""
    from jobs.working import open_work
    from pipeline.index.store import open_index
    from pipeline.index.tables import read_table
    from pipeline.job import remember, run_stages
    from pipeline.operations.code_search import Grid, search_codes
    from pipeline.operations.remembered import stored_corpus, stored_recipe
    from pipeline.stages.vectors.tables import TRIALS

    opened = open_index(index)
    if options["trials"] is None and "://" in index:
        raise click.UsageError("An index in a bucket has no room for unfinished trials; say --trials FOLDER.")
    recipe, corpus = stored_recipe(opened, assignments=options["assignments"]), stored_corpus(opened)
    choice = engine_choice(options["engines"], options["workers"], options["dask"], options["ray"])
    tied = {"yes": (True,), "no": (False,), "both": (False, True)}[options["tied"]]
    grid = Grid(options["first"], options["second"], options["code"], tied)
    with open_work(corpus, index, recipe, options, engines=choice) as runner:
        best = search_codes(
            runner,
            options["name"],
            grid,
            folder=options["trials"] or Path(index) / "trials",
            batch_size=options["batch"],
            grace=options["grace"],
            factor=options["factor"],
        )
        remember(runner.index, runner.corpus, best, runner.options)
        run_stages(replace(runner, recipe=best), ("autoencode",))
    if not options["quiet"]:
        _print(read_table(open_index(index).read(), TRIALS.place))


def _print(table: Any) -> None:
    """The trials, the best first."""
    order = sorted(range(len(table["loss"])), key=lambda row: (not table["best"][row], table["loss"][row]))
    cells = [
        [
            str(table["layers"][row]),
            "tied" if table["tied"][row] else "",
            f"{table['loss'][row]:.5g}",
            str(table["epochs"][row]),
            "kept" if table["best"][row] else "" if table["finished"][row] else "ended early",
        ]
        for row in order
    ]
    print_table(
        ["layers", "outer pair", "held-out loss", "epochs", ""], cells, right=frozenset(["held-out loss", "epochs"])
    )
    print_line("`semcorpus run` goes on from these codes; the recipe of the index has the best settings.")
