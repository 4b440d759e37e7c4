"""semcorpus verify: a full check of an index against itself and its corpus."""

import click

from jobs.listeners import open_listener
from jobs.options import Option, engine_choice, engine_options, talk_options
from jobs.terminal import log_event, print_error, print_line
from pipeline.engine import Engines
from pipeline.index.store import open_index
from pipeline.operations.verification import Finding, verify_index


@click.command(epilog="Example: semcorpus verify /indexes/sem --read-corpus")
@click.argument("index")
@click.option("--read-corpus", is_flag=True, help="Read every file of the corpus again and compare its MD5.")
@click.option(
    "--corpus", default="", metavar="URL", help="The corpus, where it is no local folder: nothing else is contacted."
)
@engine_options
@talk_options
def command(index: str, read_corpus: bool, corpus: str, quiet: bool, log_json: bool, **options: Option) -> int:
    """Check INDEX against itself and its corpus: every stored chunk is read, every row must fit the others.

    Exits with status 1 when anything is wrong.
    """
    choice = engine_choice(options["engines"], options["workers"], options["dask"], options["ray"])
    checked, problems = 0, 0
    with open_listener(quiet=quiet, log_json=log_json) as listener, Engines(choice, listener) as engines:
        for finding in verify_index(
            open_index(index), read_corpus=read_corpus, corpus=corpus, engines=engines, listener=listener
        ):
            checked += finding.checked
            problems += bool(finding.problem)
            _tell(finding, quiet=quiet, log_json=log_json)
    if log_json:
        log_event("finished", checked=checked, problems=problems)
    elif not quiet:
        found = {0: "No problem", 1: "1 problem"}.get(problems, f"{problems:,} problems")
        print_line(f"{found} in {checked:,} checks")
    return 1 if problems else 0


def _tell(finding: Finding, *, quiet: bool, log_json: bool) -> None:
    if finding.problem and log_json:
        log_event("problem", what=finding.what, message=finding.problem)
    elif finding.problem:
        print_error(finding.problem)
    elif finding.note and log_json:
        log_event("note", what=finding.what, text=finding.note)
    elif not (quiet or log_json):
        told = finding.note or f"({finding.checked:,})"
        print_line(
            f"{'' if finding.note else 'sound':<7}{finding.what} {told}", style="yellow" if finding.note else None
        )
