"""semcorpus status: a line a stage."""

import time
from dataclasses import asdict

import click

from jobs.options import format_option, talk_options
from jobs.terminal import SHORT_COMMIT, console, print_json, print_line, print_table
from pipeline.index.lock.owner import Owner
from pipeline.index.lock.writer import read_owner
from pipeline.index.store import open_index
from pipeline.operations.status import IndexStatus, StageStatus, default_settings, index_status


@click.command(epilog="Example: semcorpus status /indexes/sem")
@click.argument("index")
@click.option("--watch", is_flag=True, help="Look again and again until interrupted.")
@click.option("--every", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="Seconds between looks.")
@format_option
@talk_options
def command(index: str, watch: bool, every: float, form: str, quiet: bool, log_json: bool, debug: bool) -> None:
    """Say of every stage of INDEX how much is done and missing, by which commit, how long it took, and who writes it.

    Rows are files for walk, pictures for the stages on pictures, and vectors for those on sets of vectors. What a
    running stage has not committed yet is not counted; the writer's own words are at most half a minute old.
    """
    while True:
        opened = open_index(index)
        found, writer = index_status(opened), read_owner(opened.location)
        if watch and console.is_terminal:
            console.clear()
        if form == "json":
            print_json(_as_json(found, writer))
        elif not quiet:
            _print(found, writer)
        if not watch:
            return
        time.sleep(every)


def _print(found: IndexStatus, writer: Owner | None) -> None:
    print_line(f"Index   {found.url}")
    print_line(f"Corpus  {found.corpus}")
    print_line(f"Recipe  {found.recipe}")
    print_line(f"Commit  {found.commit}")
    if writer:
        print_line(f"Writer  {writer}", style="bold")
    print_line(f"Report  {'of this commit' if found.report_is_current else 'not of this commit'}")
    rows = [
        [
            stage.name,
            f"{stage.done:,}",
            f"{stage.missing:,}" if stage.missing else "-",
            stage.commit[:SHORT_COMMIT],
            f"{stage.seconds:.1f}" if stage.commit else "",
            _changed(stage),
        ]
        for stage in found.stages
    ]
    print_table(
        ["stage", "done", "missing", "commit", "seconds", "settings"],
        rows,
        right=frozenset({"done", "missing", "seconds"}),
    )
    for stage in found.stages:
        if stage.advice:
            print_line(stage.advice)


def _changed(stage: StageStatus) -> str:
    """The settings that are not the defaults, in a few words."""
    defaults = default_settings(stage.name.split()[0])
    changed = [f"{k}={v}" for k, v in stage.settings.items() if k in defaults and defaults[k] != v]
    return ", ".join(changed) or ("default" if stage.commit else "")


def _as_json(found: IndexStatus, writer: Owner | None) -> dict[str, object]:
    stages = [
        {
            "stage": s.name,
            "done": s.done,
            "missing": s.missing,
            "commit": s.commit,
            "seconds": s.seconds,
            "settings": dict(s.settings),
            "advice": s.advice,
        }
        for s in found.stages
    ]
    return {
        "index": found.url,
        "corpus": found.corpus,
        "recipe": found.recipe,
        "commit": found.commit,
        "report_is_current": found.report_is_current,
        "writer": None if writer is None else asdict(writer),
        "stages": stages,
    }
