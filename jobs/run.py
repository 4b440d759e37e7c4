"""semcorpus run: the whole job."""

from typing import TYPE_CHECKING

import click

from jobs.asked import asked_for
from jobs.catalogue import STAGES
from jobs.options import (
    Option,
    Options,
    engine_choice,
    engine_options,
    parse_label_sets,
    settings_option,
    talk_options,
    trust_options,
    watch_options,
)
from jobs.terminal import log_event, print_error, print_line, print_rows, print_table
from jobs.working import open_work

if TYPE_CHECKING:
    from pipeline.config import Recipe
    from pipeline.job import RunResult

_SUMMARY_TABLES = (
    "files",
    "images",
    "duplicates",
    "scales",
    "labels",
    "clusterings",
    "dimension",
    "agreement",
    "recommended_k",
    "runs",
)


@click.command(epilog="Example: semcorpus run /share/sem /indexes/sem --labels classes=/share/labels --workers 8")
@click.argument("corpus")
@click.argument("index")
@click.option(
    "--recipe", metavar="NAME|FILE.toml", help="Which settings [those of the last run; of a new index `default`]."
)
@settings_option
@click.option(
    "--labels",
    multiple=True,
    metavar="NAME=PATH",
    help="A label set: a folder per class, or a CSV; repeatable [those of the last run].",
)
@engine_options
@click.option(
    "--until",
    type=click.Choice(tuple(STAGES)),
    metavar="STAGE",
    help="Stop after this stage; from pair on, what is there is reported.",
)
@click.option(
    "--sample", type=click.IntRange(min=1), help="Take only so many files, chosen by the hash of their names."
)
@click.option("--include", multiple=True, metavar="GLOB", help="Take only files that match; repeatable.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out files that match; repeatable.")
@trust_options
@click.option(
    "--corpus-moved", is_flag=True, help="The corpus lies at CORPUS now: go on with it, if its contents are the same."
)
@click.option(
    "--refit", is_flag=True, help="Train those networks anew on all of the corpus that `status` says it has outgrown."
)
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be done, and do nothing.")
@watch_options
@talk_options
def command(corpus: str, index: str, **options: Option) -> int:
    """Bring INDEX up to date with the images in CORPUS; run it again and only what is new or changed is done.

    CORPUS is a folder or a URL (s3://...), INDEX a folder or an s3:// prefix; INDEX is made when it does not exist.
    Recipe, settings, labels, --include and --exclude hold for later runs as well, until others are named.
    SIGUSR1 stops the run at its next checkpoint, with exit status 75: the same command goes on from there.
    """
    from pipeline.job import run_stages, stages_to_run, with_label_sets
    from pipeline.runtime.stopping import stop_at_signal

    asked, remembered = asked_for(index, options["recipe"], options)
    if remembered and not (options["quiet"] or options["log_json"]):
        print_line(f"As in the last run: {asked.in_words()}  (--recipe default drops it)")
    options["asked"] = asked.as_json()
    recipe = asked.load(options["sample"])
    recipe = with_label_sets(recipe, parse_label_sets(options["labels"]), index)
    names = stages_to_run(recipe, options["until"])
    choice = engine_choice(options["engines"], options["workers"], options["dask"], options["ray"])
    if options["only_plan"]:
        return _print_plan(corpus, index, recipe, names, options)
    with stop_at_signal() as stop, open_work(corpus, index, recipe, options, engines=choice, stop=stop) as runner:
        result = run_stages(runner, names)
    if "report" not in names:
        return 0
    page = result.index.location.child("reports", "report.html").url
    if options["log_json"]:
        quality = dict(result.changes.quality) if result.changes else {}
        log_event("finished", commit=result.index.commit, page=page, quality=quality)
    elif not options["quiet"]:
        _print_summary(result, page)
    return 0


def _print_summary(result: "RunResult", page: str) -> None:
    """The key figures, what became different, and where the page is."""
    from pipeline.operations.change_summary import quality_in_words
    from pipeline.reporting.terminal import summary_rows

    print_line("")
    print_rows(summary_rows({name: result.table(name) for name in _SUMMARY_TABLES}))
    print_line("")
    if result.changes:
        print_line(f"Change  {result.changes.subject}")
        if quality := quality_in_words(result.changes):
            print_line(f"Quality of the new pictures: {quality}")
    print_line(f"Page    {page}")
    print_line(f"Commit  {result.index.commit}")


def _print_plan(corpus: str, index: str, recipe: "Recipe", names: tuple[str, ...], options: Options) -> int:
    """What each stage would do, and what the run would refuse; 1 where it would refuse something."""
    from jobs.planning import plan_without_writing
    from pipeline.runtime.plan import RunOptions

    rows, refusals = [], []
    begun = False
    asked = RunOptions(
        accept_removals=options["accept_removals"], corpus_moved=options["corpus_moved"], refit=options["refit"]
    )
    for step in plan_without_writing(corpus, index, recipe, names, options=asked):
        if plan := step.plan:
            rows.append([step.stage, f"{plan.items:,}", f"{len(plan.tasks):,}", plan.step or "all that is missing"])
        else:
            rows.append([step.stage, "", "", "known when the stages before it are done" if begun else "up to date"])
        begun |= plan is not None
        refusals += [step.refusal] if step.refusal else []
    print_table(["stage", "items", "tasks", "what"], rows, right=frozenset({"items", "tasks"}))
    for refusal in refusals:
        print_error(f"The run would end here: {refusal}")
    return 1 if refusals else 0
