"""semcorpus changes: what became different since the last run."""

from dataclasses import asdict

import click

from jobs.options import talk_options
from jobs.terminal import print_json
from pipeline.index.store import open_index
from pipeline.operations.change_summary import to_mail, to_markdown
from pipeline.operations.changes import changes_between, find_base
from pipeline.operations.remembered import stored_recipe


@click.command(
    epilog="Example: semcorpus changes /indexes/sem --since 24h --format mail | sendmail data@facility.example"
)
@click.argument("index")
@click.option(
    "--since",
    metavar="COMMIT|AGE",
    help="Compare with this commit, or with 24h ago [the last summary; after an interrupted run, since it].",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "mail", "json"]),
    default="markdown",
    show_default=True,
    help="mail: plain text with its header; each path stands alone on its line.",
)
@talk_options
def command(index: str, since: str | None, form: str, quiet: bool, log_json: bool, debug: bool) -> None:
    """Say what became different in INDEX: files, duplicates, scales, clusters that grew, and drift."""
    opened = open_index(index)
    found = changes_between(opened, find_base(opened, since))
    if form == "json":
        print_json({**asdict(found), "subject": found.subject})
        return
    title = stored_recipe(opened).report.title
    if quiet:
        return
    click.echo(to_mail(found, title=title) if form == "mail" else to_markdown(found, title=title), nl=False)
