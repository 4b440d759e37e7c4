"""semcorpus forget: remove an image and its history for good."""

import click

from jobs.options import talk_options
from jobs.terminal import print_line


@click.command(epilog="Example: semcorpus forget /indexes/sem 0fed21836d873a0a4908e15fdecd13bc --yes")
@click.argument("index")
@click.argument("md5")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@talk_options
def command(index: str, md5: str, yes: bool, quiet: bool, log_json: bool, debug: bool) -> None:
    """Remove the image MD5 from INDEX for good: its rows, its paths, its labels, and all older commits.

    Its files must be gone from the corpus first. Older commits hold the image too and are deleted, so that no rollback
    past this point is possible. The reports are deleted; the next run writes them, and what was computed over all
    pictures, anew.
    """
    from pipeline.index.store import open_index
    from pipeline.operations.forgetting import forget

    opened = open_index(index)
    if not yes:
        click.confirm(
            f"Remove {md5} and all {len(opened.history())} older commits of {opened.url} for good?", abort=True
        )
    found = forget(opened, md5)
    if not quiet:
        print_line(
            f"Removed row {found.image} with {len(found.paths)} paths of the ledger and {found.commits} commits."
        )
        print_line("Run the job again: it makes the reports, neighbours and clusters anew.")
