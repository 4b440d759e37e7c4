"""Reading sets of small labelled pictures in the layouts they are published in, as gray pictures of one size."""

import csv
import gzip
import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pipeline.errors import CorruptImageError

Gray = NDArray[np.uint8]

_PICTURES: Final = (".jpg", ".jpeg", ".png", ".ppm")
_IDX_PICTURES, _IDX_LABELS = 2051, 2049
_CIFAR_BYTES: Final = 1 + 3 * 32 * 32


@dataclass(frozen=True, slots=True)
class Part:
    """Pictures, uint8 [n, h, w], their labels, and whether they are those that test."""

    pictures: Gray
    labels: Sequence[str]
    tests: bool


def read_idx(pictures: Path, labels: Path, *, tests: bool) -> Part:
    """A pair of files of the idx format (MNIST), packed by gzip or not.

    Raises
    ------
    CorruptImageError
        They are not, or do not belong together.
    """
    shape, values = _idx(pictures, _IDX_PICTURES, 3)
    count, numbers = _idx(labels, _IDX_LABELS, 1)
    if shape[0] != count[0]:
        raise CorruptImageError(f"{pictures} has {shape[0]} pictures and {labels} {count[0]} labels.")
    return Part(values.reshape(shape), [str(number) for number in numbers.tolist()], tests)


def _idx(path: Path, magic: int, axes: int) -> tuple[tuple[int, ...], NDArray[np.uint8]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    header = np.frombuffer(data[: 4 * (1 + axes)], ">i4").tolist()
    values = np.frombuffer(data[4 * (1 + axes) :], np.uint8)
    if len(header) != 1 + axes or header[0] != magic or len(values) != int(np.prod(header[1:])):
        raise CorruptImageError(f"{path} is no idx file of {'pictures' if axes == 3 else 'labels'}, or is cut off.")
    return tuple(header[1:]), values


def read_cifar(path: Path, names: Sequence[str], *, tests: bool) -> Part:
    """A binary batch of CIFAR-10 (a byte of label, then 32 x 32 red, green and blue), turned to gray.

    Raises
    ------
    CorruptImageError
        It is no whole number of pictures, or has a label beyond the names.
    """
    data = np.frombuffer(path.read_bytes(), np.uint8)
    if len(data) % _CIFAR_BYTES or not len(data) or data[::_CIFAR_BYTES].max() >= len(names):
        raise CorruptImageError(f"{path} is no binary batch of CIFAR-10, or is cut off.")
    rows = data.reshape(-1, _CIFAR_BYTES)
    gray = rows[:, 1:].reshape(-1, 3, 32, 32).astype(np.float64).transpose(0, 2, 3, 1) @ (0.299, 0.587, 0.114)
    return Part(gray.round().astype(np.uint8), [names[label] for label in rows[:, 0].tolist()], tests)


def read_folders(data: Path, *, side: int) -> Part:
    """Pictures in a folder a class, ``.../CLASS/NAME.jpg``, below a folder or in the tar archives of one.

    A table ``GT-CLASS.csv`` beside the pictures (GTSRB) says what part of each shows the thing; that is cut out. Every
    picture becomes a square of ``side``, gray.

    Raises
    ------
    CorruptImageError
        A picture cannot be read.
    """
    boxes: dict[str, tuple[int, int, int, int]] = {}
    waiting: list[tuple[str, bytes]] = []
    for name, content in sorted(_files(data)):
        if name.lower().endswith(".csv"):
            boxes |= _boxes(str(PurePosixPath(name).parent), content)
        elif name.lower().endswith(_PICTURES):
            waiting.append((name, content))
    pictures = np.zeros((len(waiting), side, side), np.uint8)
    for place, (name, content) in enumerate(waiting):
        pictures[place] = _square(name, content, boxes.get(name), side)
    labels = [str(PurePosixPath(name).parent.name) for name, _ in waiting]
    return Part(pictures, labels, tests=True)


def _files(data: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all files of a folder, and of the tar archives that lie in it."""
    for path in data.rglob("*"):
        if ".tar" in path.suffixes:
            with tarfile.open(path) as archive:
                for member in archive:
                    found = archive.extractfile(member) if member.isfile() else None
                    if found is not None:
                        yield member.name, found.read()
        elif path.is_file():
            yield path.relative_to(data).as_posix(), path.read_bytes()


def _boxes(folder: str, content: bytes) -> dict[str, tuple[int, int, int, int]]:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8", "replace")), delimiter=";")
    sides = ("Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2")
    return {
        f"{folder}/{row['Filename']}": (int(row[sides[0]]), int(row[sides[1]]), int(row[sides[2]]), int(row[sides[3]]))
        for row in rows
        if row.get("Filename") and all(row.get(side) for side in sides)
    }


def _square(name: str, content: bytes, box: tuple[int, int, int, int] | None, side: int) -> Gray:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            gray = picture.convert("L")
            gray = gray if box is None else gray.crop(box)
            return np.asarray(gray.resize((side, side), Image.Resampling.BOX, reducing_gap=None), np.uint8)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise CorruptImageError(f"{name} cannot be read: {error}.") from error


def write_parts(parts: Sequence[Part], folder: Path, *, size: int, seed: int) -> Path:
    """Write containers with the arrays ``pictures`` and ``raw`` (values from 0 to 1), and labels of those that test.

    Parameters
    ----------
    parts : sequence of Part
        Those that test first.
    folder : Path
        Of the containers; the labels become ``labels.csv`` beside it.
    size : int
        Take at most so many pictures, part by part, a random choice within one; 0: all.
    seed : int

    Returns
    -------
    Path
        Of the labels.
    """
    left = size or sum(len(part.labels) for part in parts)
    rows = [("file", "label")]
    for number, part in enumerate(parts):
        order = np.random.default_rng([seed, number]).permutation(len(part.labels))[:left]
        left -= len(order)
        if not len(order):
            continue
        chosen = np.sort(order)
        pictures = part.pictures[chosen]
        name = f"part{number}.npz"
        np.savez(folder / name, pictures=pictures, raw=pictures.reshape(len(pictures), -1).astype(np.float32) / 255)
        if part.tests:
            labels = [part.labels[place] for place in chosen.tolist()]
            rows += [(f"{name}#page={row}", label) for row, label in enumerate(labels, start=1)]
    place = folder.parent / "labels.csv"
    with place.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return place
