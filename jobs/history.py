"""semcorpus history: the commits of an index."""

import click

from jobs.options import format_option, talk_options
from jobs.terminal import SHORT_COMMIT, print_json, print_table
from pipeline.index.store import open_index


@click.command(epilog="Example: semcorpus history /indexes/sem")
@click.argument("index")
@click.option("--all", "everything", is_flag=True, help="Also the commits that only lay out arrays.")
@format_option
@talk_options
def command(index: str, everything: bool, form: str, quiet: bool, log_json: bool, debug: bool) -> None:
    """List the commits of INDEX, newest first; the beginning of a commit's id is enough to name it."""
    commits = [c for c in open_index(index).history() if everything or c.metadata.get("kind") != "layout"]
    commits = [c for c in commits if everything or c.parent is not None]
    if form == "json":
        print_json(
            [
                {
                    "commit": c.id,
                    "parent": c.parent,
                    "message": c.message,
                    "written": c.written.isoformat(),
                    **c.metadata,
                }
                for c in commits
            ]
        )
        return
    if quiet:
        return
    rows = []
    for commit in commits:
        about = commit.metadata
        seconds = about.get("seconds")
        rows.append(
            [
                commit.id[:SHORT_COMMIT],
                commit.written.strftime("%Y-%m-%d %H:%M:%S"),
                f"{about['items']:,}" if "items" in about else "",
                f"{seconds:.1f}" if seconds is not None else "",
                str(about.get("engine", "")),
                commit.message,
            ]
        )
    print_table(
        ["commit", "written (UTC)", "items", "seconds", "engine", "what"], rows, right=frozenset({"items", "seconds"})
    )
