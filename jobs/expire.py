"""semcorpus expire: shorten the history."""

import click

from jobs.options import talk_options, wait_option
from jobs.terminal import log_event, print_line
from pipeline.index.store import open_index
from pipeline.operations.expiring import expire, parse_age


@click.command(epilog="Example: semcorpus expire /indexes/sem --keep 30d")
@click.argument("index")
@click.option("--keep", default="30d", show_default=True, metavar="AGE", help="Keep commits of so long: 12h, 30d, 6w.")
@wait_option("Wait so long while a run writes the index.")
@talk_options
def command(index: str, keep: str, wait_seconds: float, quiet: bool, log_json: bool, debug: bool) -> None:
    """Delete the commits of INDEX that are older than --keep, and what only they and failed runs have stored.

    The newest commit, the record of all runs and what people entered stay. Nobody should be reading an older commit.
    """
    opened = open_index(index)
    done = expire(opened, parse_age(keep), wait_seconds=wait_seconds)
    if log_json:
        log_event("expired", commits=done.commits, freed_bytes=done.freed_bytes, run_folders=done.run_folders)
    elif not quiet:
        print_line(
            f"{done.commits:,} commits and {done.run_folders:,} folders of runs older than {keep} deleted, "
            f"{done.freed_bytes / 1e6:,.1f} MB freed."
        )
