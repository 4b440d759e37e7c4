"""semcorpus scale: read scales, review them, take answers in, compare with the truth."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from jobs.catalogue import STAGES
from jobs.listeners import open_listener
from jobs.options import (
    Options,
    engine_choice,
    engine_options,
    settings_option,
    talk_options,
    trust_options,
    watch_options,
)
from jobs.stage import run_one
from jobs.terminal import print_line, print_rows
from pipeline.records import ScaleStatus

if TYPE_CHECKING:
    from pipeline.runtime.execute import Runner

_ACTIONS = ("review", "answers", "export_answers", "truth")
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    "scale",
    help=STAGES["scale"],
    epilog="Example: semcorpus scale /indexes/sem --review, then semcorpus scale /indexes/sem --answers answers.csv",
)
@click.argument("index")
@click.option("--only", type=click.Choice(["missing"]), help="Read only pictures that no version has read yet.")
@click.option("--again", is_flag=True, help="Read again what is read already; all, or what --status names.")
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice(get_args(ScaleStatus)), help="With --again; repeatable."
)
@click.option("--review", is_flag=True, help="Write the page on which a person confirms or corrects scales.")
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=5000,
    show_default=True,
    help="With --review: the most doubtful so many.",
)
@click.option("--answers", type=_FILE, metavar="FILE", help="Take in the answers that the review page downloads (CSV).")
@click.option("--by", default="", metavar="NAME", help="With --answers: who answered, where the file does not say.")
@click.option("--export-answers", type=_FILE, metavar="FILE", help="Write all answers that hold as CSV.")
@click.option("--truth", type=_FILE, metavar="FILE", help="Compare with true scales (CSV or Parquet), with intervals.")
@settings_option
@engine_options
@trust_options
@watch_options
@talk_options
def command(index: str, **options: object) -> None:
    _check(options)
    if options["review"]:
        _review(index, options)
    elif options["export_answers"]:
        _export(index, options)
    elif options["truth"]:
        _compare(index, options)
    else:
        if options["answers"]:
            _take(index, options)
        run_one("scale", index, options, before=_marking(options), unread_only=options["only"] == "missing")


def _check(options: Options) -> None:
    asked = [name for name in _ACTIONS if options[name]]
    if len(asked) > 1:
        names = " and ".join(f"--{name.replace('_', '-')}" for name in asked)
        raise click.UsageError(f"One thing at a time; got {names}.")
    if options["statuses"] and not options["again"]:
        raise click.UsageError("--status says what to read again; give --again with it.")
    if options["again"] and (options["only"] or asked):
        raise click.UsageError("--again reads scales again; give it alone, or with --status.")
    if options["by"] and not options["answers"]:
        raise click.UsageError("--by names who answered; give --answers with it.")


def _silent(options: Options) -> bool:
    return bool(options["quiet"] or options["log_json"])


def _marking(options: Options) -> "Callable[[Runner], object] | None":
    if not options["again"]:
        return None

    def mark(runner: "Runner") -> None:
        from pipeline.stages.scale.again import mark_unread

        marked = mark_unread(runner.index, runner.recipe, options["statuses"])
        if not _silent(options):
            print_line(f"{marked:,} scales to read again")

    return mark


def _review(index: str, options: Options) -> None:
    from pipeline.engine import Engines
    from pipeline.index.store import open_index
    from pipeline.operations.scale_review.review import write_review

    choice = engine_choice(options["engines"], options["workers"], options["dask"], options["ray"])
    with (
        open_listener(quiet=options["quiet"], log_json=options["log_json"]) as listener,
        Engines(choice, listener) as engines,
    ):
        written = write_review(open_index(index), most=options["most"], engines=engines, listener=listener)
    if _silent(options):
        return
    print_line(f"{written.shown:,} labels and single pictures to judge, for {written.pictures:,} pictures")
    if written.not_shown:
        print_line(f"{written.not_shown:,} less doubtful ones are left out; --most {options['most'] * 4} shows more")
    if written.unreadable:
        print_line(f"{written.unreadable:,} are left out since none of their pictures can be read", style="yellow")
    print_line(f"Page    {written.place}")
    print_line(f"Then    semcorpus scale {index} --answers FILE")


def _take(index: str, options: Options) -> None:
    from pipeline.index.store import open_index
    from pipeline.operations.scale_review.intake import take_answers

    taken = take_answers(open_index(index), options["answers"], by=options["by"])
    if _silent(options):
        return
    print_line(f"{taken.answers:,} answers taken, about {taken.pictures:,} pictures; {taken.unchanged:,} held already")
    if taken.unknown:
        print_line(
            f"{taken.unknown:,} are about nothing in this index; they are kept for when it comes", style="yellow"
        )


def _export(index: str, options: Options) -> None:
    from pipeline.index.store import open_index
    from pipeline.operations.scale_review.intake import export_answers

    written = export_answers(open_index(index), options["export_answers"])
    if not _silent(options):
        print_line(f"{written:,} answers in {options['export_answers']}")


def _compare(index: str, options: Options) -> None:
    from pipeline.index.store import open_index
    from pipeline.operations.scale_review.truth import compare_with_truth

    found = compare_with_truth(open_index(index), options["truth"])
    if _silent(options):
        return
    print_rows(found.rows())
    for line in found.wrong_lines():
        print_line(line, style="yellow")
