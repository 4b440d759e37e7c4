"""semcorpus status: a line a stage."""

from typing import Any

import click

from jobs.options import format_option, talk_options
from jobs.terminal import SHORT_COMMIT, print_json, print_line, print_table
from pipeline.status import IndexStatus, StageStatus, default_settings, index_status
from pipeline.storage.index import open_index


@click.command(epilog="Example: semcorpus status /indexes/sem")
@click.argument("index")
@format_option
@talk_options
def command(index: str, form: str, quiet: bool, log_json: bool, debug: bool) -> None:
    """Say of every stage of INDEX how much is done and missing, by which commit, and how long it took.

    Rows are files for walk, pictures for the stages on pictures, and vectors for those on sets of vectors.
    """
    found = index_status(open_index(index))
    if form == "json":
        print_json(_as_json(found))
        return
    if quiet:
        return
    print_line(f"Index   {found.url}")
    print_line(f"Corpus  {found.corpus}")
    print_line(f"Recipe  {found.recipe}")
    print_line(f"Commit  {found.commit}")
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


def _changed(stage: StageStatus) -> str:
    """The settings that are not the defaults, in a few words."""
    defaults = default_settings(stage.name.split()[0])
    changed = [f"{k}={v}" for k, v in stage.settings.items() if k in defaults and defaults[k] != v]
    return ", ".join(changed) or ("default" if stage.commit else "")


def _as_json(found: IndexStatus) -> dict[str, Any]:
    stages = [
        {
            "stage": s.name,
            "done": s.done,
            "missing": s.missing,
            "commit": s.commit,
            "seconds": s.seconds,
            "settings": dict(s.settings),
        }
        for s in found.stages
    ]
    return {
        "index": found.url,
        "corpus": found.corpus,
        "recipe": found.recipe,
        "commit": found.commit,
        "report_is_current": found.report_is_current,
        "stages": stages,
    }
