"""semcorpus rollback: return to an earlier commit."""

import click

from jobs.options import talk_options
from jobs.terminal import print_line
from pipeline.index.lock.writer import writer_lock
from pipeline.index.store import open_index
from pipeline.storage.location import Location


@click.command(epilog="Example: semcorpus rollback /indexes/sem 240T4X5K")
@click.argument("index")
@click.argument("commit")
@talk_options
def command(index: str, commit: str, quiet: bool, log_json: bool, debug: bool) -> None:
    """Return INDEX to COMMIT, named by the beginning of its id; what people entered (annotations/) stays."""
    opened = open_index(index)
    with writer_lock(Location.parse(index)):
        found = opened.rollback(commit)
    if not quiet:
        print_line(f"{opened.url} is at commit {found} again.")
        print_line(f"Its report is written anew by the next run, or by `semcorpus report {index}`.")
