"""semcorpus verify: a full check of an index against itself and its corpus."""

import click

from jobs.options import talk_options
from jobs.terminal import log_event, print_error, print_line
from pipeline.index.store import open_index
from pipeline.operations.verification import verify_index


@click.command(epilog="Example: semcorpus verify /indexes/sem --read-corpus")
@click.argument("index")
@click.option("--read-corpus", is_flag=True, help="Read every file of the corpus again and compare its MD5.")
@talk_options
def command(index: str, read_corpus: bool, quiet: bool, log_json: bool, debug: bool) -> int:
    """Check INDEX against itself and its corpus: every stored chunk is read, every row must fit the others.

    Exits with status 1 when anything is wrong.
    """
    checked = 0
    problems = []
    for finding in verify_index(open_index(index), read_corpus=read_corpus):
        checked += finding.checked
        if finding.problem:
            problems.append(finding.problem)
            if log_json:
                log_event("problem", what=finding.what, message=finding.problem)
            else:
                print_error(finding.problem)
        elif not (quiet or log_json):
            print_line(f"sound  {finding.what} ({finding.checked:,})")
    if log_json:
        log_event("finished", checked=checked, problems=len(problems))
    elif not quiet:
        found = {0: "No problem", 1: "1 problem"}.get(len(problems), f"{len(problems):,} problems")
        print_line(f"{found} in {checked:,} checks")
    return 1 if problems else 0
