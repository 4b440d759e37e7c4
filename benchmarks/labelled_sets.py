"""Labelled pictures of several sources, laid out as corpora: a folder of files, and a folder a class beside it."""

import csv
import io
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.demo import write_demo_corpus

Lay = Callable[[Path, Path, int], None]


def sem_fibres(shared: Path, place: Path, _: int) -> None:
    """Real micrographs of fibres and of particles, all from one institute."""
    for file, category in _sem_labels(shared):
        if category in ("Fibres", "Particles"):
            _copy(shared / "sem" / file, place / category)


def sem_sources(shared: Path, place: Path, _: int) -> None:
    """Real micrographs in five groups: those two, and the pictures of three further sources."""
    sem_fibres(shared, place, 0)
    for source in ("baiyubaiyu_jeol", "rickgummy_hitachi", "nasa"):
        for path in sorted((shared / "sem" / source).iterdir()):
            if path.suffix.lower() in (".tif", ".tiff", ".jpg", ".png"):
                _copy(path, place / source)


def demo(_: Path, place: Path, __: int) -> None:
    """The sample corpus, whose labels cover a part of it."""
    made = place.parent / "demo-made"
    write_demo_corpus(made)
    for path in sorted((made / "labels").rglob("*")):
        if path.is_file():
            _copy(path, place / path.parent.name)


def gtsrb(shared: Path, place: Path, most: int) -> None:
    """Traffic signs of the benchmark's own test set, 32 x 32, 43 classes; no two of one sign."""
    _from_archive(shared / "gtsrb" / "gtsrb32.tar.xz", place, most, lambda name: name.startswith("test/"))


def cifar10(shared: Path, place: Path, most: int) -> None:
    """Small photographs, 32 x 32, 10 classes."""
    _from_archive(shared / "cifar10" / "cifar10-test.tar.xz", place, most, lambda _: True)


def mnist(shared: Path, place: Path, most: int) -> None:
    """Handwritten digits, 28 x 28, of people none of whom wrote for the training set."""
    with np.load(shared / "mnist" / "mnist.npz") as stored:
        pictures, labels = stored["x_test"], stored["y_test"]
    taken: Counter[int] = Counter()
    for number, (picture, label) in enumerate(zip(pictures, labels.tolist(), strict=True)):
        if taken[label] < most:
            taken[label] += 1
            (place / str(label)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(place / str(label) / f"{number:05d}.png")


SETS: dict[str, Lay] = {
    "fibres": sem_fibres,
    "sources": sem_sources,
    "demo": demo,
    "gtsrb": gtsrb,
    "cifar10": cifar10,
    "mnist": mnist,
}
SMALL_PICTURES = ("gtsrb", "cifar10", "mnist")
"""Sets of pictures of one small size without a scale."""


def _sem_labels(shared: Path) -> list[tuple[str, str]]:
    with (shared / "sem" / "labels.csv").open() as handle:
        return [(row["file"], row["category"]) for row in csv.DictReader(handle)]


def _copy(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / path.name)


def _from_archive(archive: Path, place: Path, most: int, wanted: Callable[[str], bool]) -> None:
    """The first ``most`` pictures of each class."""
    taken: Counter[str] = Counter()
    with tarfile.open(archive) as files:
        for member in files:
            label = Path(member.name).parent.name
            if not member.isfile() or not wanted(member.name) or taken[label] >= most:
                continue
            taken[label] += 1
            (place / label).mkdir(parents=True, exist_ok=True)
            handle = files.extractfile(member)
            assert handle is not None, "a file"
            # Stored as PNG: the bytes of a JPEG that is copied would do as well, but names of one kind are simpler.
            Image.open(io.BytesIO(handle.read())).convert("L").save(
                place / label / f"{label}-{Path(member.name).stem}.png"
            )
