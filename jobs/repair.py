"""semcorpus repair: the newest sound state of a damaged index."""

import click

from jobs.options import talk_options, wait_option
from jobs.terminal import log_event, print_line, print_rows
from pipeline.operations.repairing import Repair, repair
from pipeline.storage.location import Location


@click.command(epilog="Example: semcorpus repair /indexes/sem --dry-run")
@click.argument("index")
@click.option("--dry-run", is_flag=True, help="Say what would be mended and what is lost, and touch nothing.")
@wait_option("Wait so long while a run writes the index.")
@talk_options
def command(index: str, dry_run: bool, wait_seconds: float, quiet: bool, log_json: bool, debug: bool) -> None:
    """Return INDEX to the newest commit of which everything can be read, and say what is lost.

    What the commits' records and copies allow is written anew without loss: references, snapshots, lists of chunks,
    logs, and what people entered. Lost work is done again by the next `semcorpus run`; reports by `semcorpus report`.
    """
    found = repair(Location.parse(index), dry_run=dry_run, wait_seconds=wait_seconds)
    if log_json:
        log_event(
            "would repair" if dry_run else "repaired",
            commit=found.commit,
            mended=found.mended,
            lost=[commit for commit, _ in found.lost],
            lost_rows=found.lost_rows,
            problems=found.problems,
        )
    elif not quiet:
        _print(found, dry_run)


def _print(found: Repair, dry_run: bool) -> None:
    for text in found.mended:
        print_line(f"{'would write' if dry_run else 'written'} anew  {text}")
    for text in found.problems:
        print_line(f"not sound  {text}")
    for commit, message in found.lost:
        print_line(f"lost  commit {commit}: {message}")
    if found.lost and found.lost_rows is None:
        print_line("How many rows are lost cannot be told: the newest commit cannot be read.")
    elif found.lost_rows:
        print_rows([(f"lost rows of {group}", f"{rows:,}") for group, rows in sorted(found.lost_rows.items())])
    if not (found.mended or found.lost):
        print_line(f"Nothing to repair: commit {found.commit} is sound.")
        return
    print_line(f"The index {'would return' if dry_run else 'has returned'} to commit {found.commit}.")
    if found.lost:
        print_line("`semcorpus run` does again what is lost.")
