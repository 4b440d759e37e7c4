"""Pictures that are easily taken for one another: whether pairing makes a false pair of them, and misses no true one.

    python -m benchmarks.false_pairs --frames 5000 --real ../shared/data/sem

Frames of repeated texture, a few pixels to a few periods apart; neighbouring frames of one specimen, cut from real
micrographs where a folder of them is given; second scans of the very same place, with noise of their own; nearly empty
frames with some particles. None of these is a copy of another. Of some there is a re-encoded JPG: a copy of that frame,
and not of its second scan.
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from pipeline.config import load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.imaging.gray_file import decode_gray
from pipeline.index.store import Index, open_index
from pipeline.index.tables import read_table
from pipeline.job import open_runner, run_stages
from pipeline.progress import Silent
from pipeline.records import FIRST_PATHS
from pipeline.stages.files.ledger import read_files, read_images

Gray = NDArray[np.uint8]
Surface = NDArray[np.float32]

_HEIGHT, _WIDTH = 120, 160
_FRAMES_EACH: Final = 10
_COPIED_EVERY: Final = 25
_SUFFIXES: Final = (".jpg", ".png", ".tif")


def texture(rng: np.random.Generator, size: int = 320) -> Surface:
    """A specimen larger than any frame of it: broad relief and a finely repeated texture."""
    coarse = cv2.resize(rng.normal(size=(10, 10)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:size, :size]
    period = rng.uniform(5, 9)
    mesh = np.sin(2 * np.pi * x / period) * np.sin(2 * np.pi * y / period)
    return np.asarray(120 + rng.uniform(0, 30) * coarse + rng.uniform(10, 40) * mesh, np.float32)


def particle(rng: np.random.Generator, size: int = 320) -> Surface:
    """A dark ground with some bright spots."""
    ground = np.full((size, size), rng.uniform(8, 40), np.float32)
    for _ in range(int(rng.integers(4, 12))):
        centre = tuple(int(place) for place in rng.integers(0, size, 2))
        cv2.circle(ground, centre, int(rng.integers(2, 6)), float(rng.uniform(80, 250)), -1)
    return ground


def specimens(real: Path | None) -> Iterator[Surface]:
    """Surfaces without end: real micrographs at half their size in turn with drawn ones."""
    files = sorted(path for path in real.rglob("*") if path.suffix.lower() in _SUFFIXES) if real else []
    for number in range(1_000_000):
        rng = np.random.default_rng((3, number))
        picture = _read(files[number // 2 % len(files)]) if files and number % 2 else None
        if picture is not None and min(picture.shape) >= 480:
            yield _part(rng, cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        else:
            yield particle(rng) if number % 8 == 0 else texture(rng)


def _read(place: Path) -> Gray:
    return decode_gray(place.read_bytes(), max_pixels=1 << 26)


def _part(rng: np.random.Generator, picture: Any) -> Surface:
    """A part of a real picture: of each there are several specimens."""
    top, left = (
        int(rng.integers(0, max(1, length - least))) for length, least in zip(picture.shape, (184, 224), strict=True)
    )
    return np.asarray(picture[top : top + 320, left : left + 320], np.float32)


def frames(rng: np.random.Generator, surface: Surface) -> Iterator[Gray]:
    """Scans of one specimen: the same place twice, and places a few pixels to some periods away."""
    height, width = surface.shape
    for number in range(_FRAMES_EACH):
        top, left = (0, 0) if number < 2 else rng.integers(0, (min(60, height - _HEIGHT), min(60, width - _WIDTH)))
        frame = surface[top : top + _HEIGHT, left : left + _WIDTH] + rng.normal(
            0, rng.uniform(3, 10), (_HEIGHT, _WIDTH)
        )
        yield np.clip(np.rint(frame), 0, 255).astype(np.uint8)


def write_frames(folder: Path, count: int, *, real: Path | None) -> set[frozenset[str]]:
    """Write ``count`` frames, and copies of some; the groups of files that show one picture."""
    groups: set[frozenset[str]] = set()
    number = 0
    for specimen, surface in enumerate(specimens(real)):
        rng = np.random.default_rng((4, specimen))
        for turn, frame in enumerate(frames(rng, surface)):
            if number == count:
                return groups
            groups |= _write(folder, f"{specimen:04d}/{turn}", frame, number)
            number += 1
    raise AssertionError("specimens have no end")


def _write(folder: Path, name: str, frame: Gray, number: int) -> set[frozenset[str]]:
    """A frame as TIFF or JPG; of every 25th, and of the frame after it, a JPG as well."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    copied = number % _COPIED_EVERY < 2
    _save(folder / f"{name}.{'jpg' if number % 3 == 2 and not copied else 'tif'}", frame)
    if not copied:
        return set()
    _save(folder / f"{name} again.jpg", frame)
    return {frozenset((f"{name}.tif", f"{name} again.jpg"))}


def _save(place: Path, frame: Gray) -> None:
    if not cv2.imwrite(str(place), frame):
        raise OSError(f"{place} cannot be written")


def groups_of(index: Index) -> set[frozenset[str]]:
    """Paths of different contents that show one picture, of groups of more than one."""
    files, picture = read_files(index.read()), read_images(index.read()).picture
    members: dict[int, set[str]] = defaultdict(set)
    for path, status, image in zip(*(files.values(name).tolist() for name in ("path", "status", "image")), strict=True):
        if status in FIRST_PATHS:
            members[int(picture[image])].add(path)
    return {frozenset(paths) for paths in members.values() if len(paths) > 1}


def measure(scratch: Path, *, count: int, real: Path | None) -> dict[str, Any]:
    """Write frames, walk and pair them in this process.

    Returns
    -------
    dict
        ``machine``, ``frames``, ``files``, ``groups`` (true ones), ``compared`` (pairs of look-alikes), ``false`` and
        ``missed`` (groups that are none, and those that were not found as they are), ``seconds``.
    """
    folder, recipe = scratch / "corpus", load_recipe()
    true = write_frames(folder, count, real=real)
    began = time.perf_counter()
    corpus = Corpus(str(folder), recipe.corpus)
    local = EngineChoice.parse("local")
    with open_runner(corpus, scratch / "index", recipe, engines=local, listener=Silent()) as runner:
        run_stages(runner, ("walk", "pair"))
    seconds = time.perf_counter() - began
    index = open_index(scratch / "index")
    found = groups_of(index)
    return {
        "machine": describe_machine(),
        "frames": count,
        "files": len(read_files(index.read()).path),
        "groups": len(true),
        "compared": len(read_table(index.read(), "comparisons").get("relation", ())),
        "false": sorted(map(sorted, found - true)),
        "missed": sorted(map(sorted, true - found)),
        "seconds": round(seconds, 1),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print JSON; the exit status is 1 if a group is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--real", type=Path, help="a folder of micrographs to cut frames from")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(Path(scratch), count=chosen.frames, real=chosen.real)
    print(json.dumps(found, indent=1, ensure_ascii=True))
    return int(bool(found["false"] or found["missed"]))


if __name__ == "__main__":
    raise SystemExit(main())
