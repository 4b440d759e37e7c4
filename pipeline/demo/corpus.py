"""The sample corpus on disk: pictures, oddities, labels, the truth, a few lines for the reader."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.demo.damage import bad_files
from pipeline.demo.labels import label_bytes, plan_labels
from pipeline.demo.plan import PlannedPicture, plan_pictures
from pipeline.demo.render import file_bytes, render
from pipeline.demo.textures import TEXTURES
from pipeline.demo.truth import FileTruth, truth_of, truth_of_bad, with_duplicates, write_truth
from pipeline.errors import UsageError

MOST_IMAGES_PER_CLASS = 1000

_README = """\
A sample corpus made by `semcorpus demo`: code drew every picture, no microscope did.

corpus/         what a shared disk looks like: give this folder to `semcorpus run`
labels/         a label set, one folder a category, with repeated and contradictory files
truth.parquet   the right answer for every file of corpus/; the columns are documented in
                pipeline/demo/truth.py

Seed {seed}, {images_per_class} images a class: the same numbers give the same bytes
(with the same library versions, on the same kind of processor).
"""


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What was written.

    Attributes
    ----------
    corpus, labels, truth : Path
        The folder of pictures, the folder of labels, the table.
    files : int
        Files in the corpus.
    size_bytes : int
        Their size together.
    pictures : int
        Different pictures among them.
    statuses : mapping of str to int
        Files by the status that the ledger must give.
    label_files, label_contents, contradictory : int
        Files of the label set, different contents among them, pictures with two categories.
    """

    corpus: Path
    labels: Path
    truth: Path
    files: int
    size_bytes: int
    pictures: int
    statuses: Mapping[str, int]
    label_files: int
    label_contents: int
    contradictory: int


def write_demo_corpus(
    directory: Path, *, seed: int = 0, images_per_class: int = 20, textures: Sequence[str] = tuple(TEXTURES)
) -> DemoSummary:
    """Write a corpus with known answers.

    Parameters
    ----------
    directory : Path
        Made if it is missing; must be empty.
    seed : int
        Same seed, same bytes. A picture depends on the seed and its own name only.
    images_per_class : int
        Pictures of each texture, 2 to 1000; copies and damaged files come on top.
    textures : sequence of str
        Keys of `ALL_TEXTURES`; without more the seven of the sample corpus.

    Returns
    -------
    DemoSummary

    Raises
    ------
    UsageError
        ``directory`` is a file or holds something already, or ``images_per_class`` is out of range.

    Notes
    -----
    About 0.1 s a picture on one core, and one picture in memory at a time. The bytes depend neither on the
    number of threads nor on the order of work. A processor with other vector instructions, or another version
    of NumPy, OpenCV or Pillow, may round a few pixels differently; the truth is of the files as written.
    """
    _check(directory, images_per_class)
    corpus, labels = directory / "corpus", directory / "labels"
    rows, label_contents, label_files = [], set(), 0
    pictures = plan_pictures(seed, images_per_class, textures)
    for picture in pictures:
        made = _write_picture(corpus, labels, seed, picture)
        rows += made.rows
        label_files += len(made.label_contents)
        label_contents.update(made.label_contents)
    for bad in bad_files(seed):
        _write(corpus / bad.path, bad.content)
        rows.append(truth_of_bad(bad))
    rows = with_duplicates(rows)
    write_truth(directory / "truth.parquet", rows)
    text = _README.format(seed=seed, images_per_class=images_per_class)
    _write(directory / "README.txt", text.encode())
    return DemoSummary(
        corpus=corpus,
        labels=labels,
        truth=directory / "truth.parquet",
        files=len(rows),
        size_bytes=sum(row.size_bytes for row in rows),
        pictures=len(pictures),
        statuses=dict(sorted(Counter(row.status for row in rows).items())),
        label_files=label_files,
        label_contents=len(label_contents),
        contradictory=len({row.picture_of for row in rows if row.contradictory}),
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """What became of one picture."""

    rows: list[FileTruth]
    label_contents: list[bytes]


def _write_picture(corpus: Path, labels: Path, seed: int, picture: PlannedPicture) -> _Made:
    """Draw a picture once and write all its files and labels."""
    pixels = render(seed, picture)
    planned_labels = plan_labels(seed, picture)
    rows, written = [], dict[str, bytes]()
    for file in picture.files:
        written[file.path] = content = file_bytes(seed, picture, pixels, file)
        _write(corpus / file.path, content)
        rows.append(truth_of(picture, file, content, planned_labels))
    contents = [label_bytes(label, pixels, written) for label in planned_labels]
    for label, content in zip(planned_labels, contents, strict=True):
        _write(labels / label.path, content)
    return _Made(rows, contents)


def _write(path: Path, content: bytes) -> None:
    """Write a new file; one that is there already would make the truth wrong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as stream:
        stream.write(content)


def _check(directory: Path, images_per_class: int) -> None:
    if not 2 <= images_per_class <= MOST_IMAGES_PER_CLASS:
        raise UsageError(
            f"{images_per_class} images per class were asked for; 2 to {MOST_IMAGES_PER_CLASS} of each of "
            f"the {len(TEXTURES)} classes can be made."
        )
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory} is a file; name a new or an empty folder for the sample corpus.")
    if directory.exists() and any(directory.iterdir()):
        raise UsageError(
            f"{directory} is not empty, and nothing is overwritten here; name a new or an empty folder for "
            "the sample corpus, or remove that one first."
        )
