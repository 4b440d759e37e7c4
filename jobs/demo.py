"""semcorpus demo: a small corpus with known answers."""

from pathlib import Path
from typing import Final

import click

from jobs.options import talk_options
from jobs.terminal import print_line
from pipeline.demo import write_demo_corpus
from pipeline.demo.heap.heap import FEWEST_FILES, write_heap
from pipeline.demo.heap.label_sets import LABEL_SETS
from pipeline.errors import UsageError

_IMAGES_PER_CLASS: Final = 20


@click.command(
    epilog="Example: semcorpus demo demo && semcorpus run demo/corpus demo/index --labels classes=demo/labels"
)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--seed", default=0, show_default=True, help="Another seed gives another corpus; the same one the same bytes."
)
@click.option(
    "--images-per-class",
    type=click.IntRange(min=4),
    help=f"Pictures of each texture; {_IMAGES_PER_CLASS} by default. Not together with --files.",
)
@click.option(
    "--files",
    type=click.IntRange(min=FEWEST_FILES),
    help="Instead of drawn samples, a heap of so many small files of every kind that a share can hold.",
)
@talk_options
def command(
    directory: Path,
    seed: int,
    images_per_class: int | None,
    files: int | None,
    quiet: bool,
    log_json: bool,
    debug: bool,
) -> None:
    """Write a corpus with known answers into DIRECTORY: corpus/, labels and truth.parquet."""
    if files is not None:
        if images_per_class is not None:
            raise UsageError("A heap of --files has no classes; leave out --images-per-class, or --files.")
        heap = write_heap(directory, seed=seed, files=files)
        if not (quiet or log_json):
            sets = " ".join(f"--labels '{name}={directory}/{place}'" for name, place in LABEL_SETS.items())
            print_line(f"{heap.files} files in {directory / 'corpus'}")
            print_line(f"Next: semcorpus run {directory}/corpus {directory}/index --until labels {sets}")
        return
    summary = write_demo_corpus(directory, seed=seed, images_per_class=images_per_class or _IMAGES_PER_CLASS)
    if not (quiet or log_json):
        print_line(f"{summary.files} files of {summary.pictures} pictures in {directory / 'corpus'}")
        print_line(f"Next: semcorpus run {directory}/corpus {directory}/index --labels classes={directory}/labels")
