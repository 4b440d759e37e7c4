"""semcorpus study: one published study, start to end, with its figures beside the published ones."""

from pathlib import Path
from typing import Any

import click

from jobs.options import engine_choice, engine_options, settings_option, talk_options, trust_options, watch_options
from jobs.terminal import log_event, print_line, print_table
from jobs.working import open_work
from pipeline.studies.registry import SUMMARIES

_NAMES = "\b\n" + "\n".join(f"  {name:9} {summary}" for name, summary in SUMMARIES.items())


@click.command(
    epilog="Example: semcorpus study toys /tmp/toys-data /tmp/toys --make",
    help=f"""Run the study NAME on DATA; leave its index, tables and page in OUT.

    It ends with a table: the published figure, ours, the difference, and why. Run it again to go on where it was
    interrupted.

    {_NAMES}
    """,
)
@click.argument("name", type=click.Choice(tuple(SUMMARIES)), metavar="NAME")
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--make", is_flag=True, help="First write made-up data of the study's layout into DATA, a new folder.")
@click.option("--size", type=click.IntRange(min=0), default=0, help="Take, or make, so many rows or pictures; 0: all.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of what is made or chosen.")
@settings_option
@engine_options
@trust_options
@watch_options
@talk_options
def command(name: str, data: Path, out: Path, make: bool, size: int, seed: int, **options: Any) -> None:
    """Bound to the help above."""
    from pipeline.config import load_recipe
    from pipeline.job import run_stages, stages_to_run, with_label_sets
    from pipeline.runtime.stopping import stop_at_signal
    from pipeline.studies.registry import recipe_text, study_of
    from pipeline.studies.running import compare, comparison, make_data, prepare

    study = study_of(name)
    if make:
        make_data(study, data, size=size, seed=seed)
    prepared = prepare(study, data, out, size=0 if make else size, seed=seed)
    recipe = load_recipe(
        name,
        builtin={name: recipe_text(name)},
        assignments=options["assignments"],
        overrides={"report.title": study.title, **prepared.settings},
    )
    index = str(out / "index")
    recipe = with_label_sets(recipe, prepared.labels, index)
    stages = tuple(stage for stage in stages_to_run(recipe) if stage != "report")
    choice = engine_choice(options["engines"], options["workers"], options["dask"], options["ray"])
    with stop_at_signal() as stop, open_work(prepared.corpus, index, recipe, options, engines=choice, stop=stop) as run:
        run_stages(run, stages)
        compare(study, run)
        run_stages(run, tuple(stage for stage in stages_to_run(recipe) if stage == "report"))
        table = comparison(run)
    _tell(table, out, options)


def _tell(table: Any, out: Path, options: dict[str, Any]) -> None:
    """Write the comparison as JSON beside the index, and print it."""
    import json

    from pipeline.reporting.comparison import HEADERS, comparison_rows

    rows, page = table.to_pylist(), out / "index" / "reports" / "report.html"
    (out / "comparison.json").write_text(json.dumps(rows, indent=1) + "\n")
    if options["log_json"]:
        log_event("finished", comparison=rows, page=str(page))
    elif not options["quiet"]:
        print_line("")
        print_table(
            list(HEADERS), [list(r) for r in comparison_rows({"comparison": table})], right=frozenset(HEADERS[1:4])
        )
        print_line("")
        if page.exists():
            print_line(f"Page    {page}")
