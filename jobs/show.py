"""semcorpus show: all that is known of one image."""

from pathlib import Path

import click

from jobs.options import format_option, talk_options
from jobs.terminal import print_json, print_rows
from pipeline.index.store import Index, open_index
from pipeline.operations.lookup import image_facts


@click.command(epilog="Example: semcorpus show /indexes/sem operators/eva/img_0042.tif")
@click.argument("index")
@click.argument("image", metavar="MD5|PATH")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.png",
    help="Draw the image with what was found of its scale.",
)
@format_option
@talk_options
def command(index: str, image: str, picture: Path | None, form: str, quiet: bool, log_json: bool, debug: bool) -> None:
    """Show all that INDEX knows of one image, named by its MD5 (or its beginning) or by a path in the corpus."""
    opened = open_index(index)
    facts = image_facts(opened, image)
    if picture is not None:
        _draw(opened, image, picture)
    if form == "json":
        print_json(facts)
        return
    if quiet:
        return
    print_rows([(name.replace("_", " "), _text(value)) for name, value in facts.items() if value not in (None, "", [])])


def _draw(index: Index, image: str, place: Path) -> None:
    from pipeline.operations.scale_review.picture import scale_picture

    if place.suffix.lower() != ".png":
        raise click.UsageError(f"--picture writes a PNG file; name it .png, not {place.suffix or 'without an ending'}.")
    data = scale_picture(index, image)
    try:
        place.write_bytes(data)
    except OSError as error:
        raise click.UsageError(f"The picture cannot be written to {place}: {error.strerror}.") from error


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
