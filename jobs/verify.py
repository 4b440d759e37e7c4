"""semcorpus verify: a full check of an index against itself and its corpus."""

import click

from jobs.options import talk_options
from jobs.terminal import console, errors
from pipeline.storage.index import open_index
from pipeline.verification import verify_index


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
            errors.print("[bold red]wrong:[/] ", end="")
            errors.print(finding.problem, markup=False, soft_wrap=True)
        elif not quiet:
            console.print(f"[green]sound[/]  {finding.what} ({finding.checked:,})")
    if not quiet:
        console.print(
            f"{len(problems)} problems in {checked:,} checks" if problems else f"No problem in {checked:,} checks"
        )
    return 1 if problems else 0
