"""semcorpus show: all that is known of one image."""

import click

from jobs.options import format_option, talk_options
from jobs.terminal import print_json, print_rows
from pipeline.lookup import image_facts
from pipeline.storage.index import open_index


@click.command(epilog="Example: semcorpus show /indexes/sem operators/eva/img_0042.tif")
@click.argument("index")
@click.argument("image", metavar="MD5|PATH")
@format_option
@talk_options
def command(index: str, image: str, form: str, quiet: bool, log_json: bool, debug: bool) -> None:
    """Show all that INDEX knows of one image, named by its MD5 (or its beginning) or by a path in the corpus."""
    facts = image_facts(open_index(index), image)
    if form == "json":
        print_json(facts)
        return
    if quiet:
        return
    print_rows([(name.replace("_", " "), _text(value)) for name, value in facts.items() if value not in (None, "", [])])


def _text(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(_text(entry) for entry in value)
    if isinstance(value, dict):
        separator = "\n" if any(isinstance(entry, dict | list) for entry in value.values()) else ", "
        return separator.join(
            f"{name} {_inline(entry)}" for name, entry in value.items() if entry not in (None, "", [])
        )
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _inline(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(_text(entry) for entry in value)
    return _text(value)
