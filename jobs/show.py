"""semcorpus show: all that is known of one image."""

from collections.abc import Callable
from pathlib import Path

import click

from jobs.options import format_option, map_options, talk_options
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
    help="Draw the image with its scale, all candidates for it with their scores, and the rule that decided.",
)
@click.option(
    "--map",
    "heat",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.png",
    help="Draw where in it the network answers: along a principal component, or with --class for a class (Grad-CAM).",
)
@map_options
@format_option
@talk_options
def command(
    index: str,
    image: str,
    picture: Path | None,
    heat: Path | None,
    vectors: str,
    component: int,
    label: str | None,
    form: str,
    quiet: bool,
    log_json: bool,
    debug: bool,
) -> None:
    """Show all that INDEX knows of one image, named by its MD5 (or its beginning) or by a path in the corpus."""
    opened = open_index(index)
    facts = image_facts(opened, image)
    if picture is not None:
        _write("--picture", picture, lambda: _scale(opened, image))
    if heat is not None:
        _write("--map", heat, lambda: _map(opened, image, vectors, component, label))
    if form == "json":
        print_json(facts)
        return
    if quiet:
        return
    print_rows([(name.replace("_", " "), _text(value)) for name, value in facts.items() if value not in (None, "", [])])


def _scale(index: Index, image: str) -> bytes:
    from pipeline.operations.scale_review.picture import scale_picture

    return scale_picture(index, image)


def _map(index: Index, image: str, vectors: str, component: int, label: str | None) -> bytes:
    from pipeline.operations.seeing import class_picture, component_picture

    if label is not None:
        return class_picture(index, image, label, vectors=vectors)
    return component_picture(index, image, vectors=vectors, component=component)


def _write(option: str, place: Path, drawn: Callable[[], bytes]) -> None:
    if place.suffix.lower() != ".png":
        raise click.UsageError(f"{option} writes a PNG file; name it .png, not {place.suffix or 'without an ending'}.")
    data = drawn()
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
