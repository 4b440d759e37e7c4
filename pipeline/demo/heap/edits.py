"""A night on the share: 1% of the heap's files are added, changed, renamed, moved or removed, and the truth follows."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.demo.heap.containers import jpeg
from pipeline.demo.heap.pictures import picture
from pipeline.demo.heap.tiff_kinds import written
from pipeline.demo.randomness import stream
from pipeline.demo.truth import FileTruth, bytes_md5, read_truth, with_duplicates, write_truth

CHANGED_SHARE: Final = 0.01
_LATER_NS: Final = 1_700_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class Edits:
    """What was done: files that were touched, and contents that were nowhere before."""

    changed_files: int
    new_contents: int


@dataclass(frozen=True, slots=True)
class _Edit:
    """Rows of the truth that take the place of an old one, and how many contents are new."""

    rows: tuple[FileTruth, ...]
    new_contents: int = 0


def edit_heap(directory: Path, *, seed: int = 0, share: float = CHANGED_SHARE) -> Edits:
    """Change a share of the files of ``directory/corpus``, and ``directory/truth.parquet`` with them.

    Only files whose names are text and that belong to a picture of one or two files are touched: what becomes of a
    group whose middle goes away is another question. A renamed file keeps its time, as file systems do, and a picture
    keeps its name (``picture_of``), also where its master is another path now.
    """
    truth = read_truth(directory / "truth.parquet")
    ways = (_added, _changed, _renamed, _moved, _removed)
    chosen = _choose(directory / "corpus", truth, max(len(ways), round(share * len(truth))), seed)
    edits = {
        row.path: ways[number % len(ways)](directory / "corpus", row, stream(seed, "edit", row.path))
        for number, row in enumerate(chosen)
    }
    rows = [new for row in truth for new in (edits[row.path].rows if row.path in edits else (row,))]
    first = {row.path for row in truth if row.status == "ok"}
    write_truth(directory / "truth.parquet", with_duplicates(rows, first=first))
    return Edits(len(chosen), sum(edit.new_contents for edit in edits.values()))


def _choose(corpus: Path, truth: list[FileTruth], count: int, seed: int) -> list[FileTruth]:
    able = [
        row
        for row in truth
        if row.status == "ok"
        and row.format in ("tiff", "jpeg")
        and row.relation in ("", "same_picture")
        and not set(row.path) & set("%\n")
        and not row.path.startswith("series/")
        and (corpus / row.path).is_file()
        and not (corpus / row.path).is_symlink()
        and (corpus / row.path).stat().st_nlink == 1
    ]
    linked = {os.path.realpath(place) for place in corpus.glob("latest/**/*") if place.is_symlink()}
    able = [row for row in able if os.path.realpath(corpus / row.path) not in linked]
    places = stream(seed, "edits").choice(len(able), count, replace=False)
    return [able[int(place)] for place in sorted(places)]


def _added(corpus: Path, row: FileTruth, rng: np.random.Generator) -> _Edit:
    new, content = _new_picture(row, rng, row.path.rsplit(".", 1)[0] + " new.tif")
    (corpus / new.path).write_bytes(content)
    return _Edit((row, replace(new, picture_of=new.path)), 1)


def _changed(corpus: Path, row: FileTruth, rng: np.random.Generator) -> _Edit:
    """Another picture under the same name: a group loses a member, and there is one more picture."""
    new, content = _new_picture(row, rng, row.path)
    (corpus / row.path).write_bytes(content)
    os.utime(corpus / row.path, ns=(_LATER_NS, _LATER_NS))
    return _Edit((replace(new, picture_of=f"{row.path} changed"),), 1)


def _new_picture(row: FileTruth, rng: np.random.Generator, path: str) -> tuple[FileTruth, bytes]:
    gray = picture(rng)
    tiff = path.lower().endswith((".tif", ".tiff"))
    content = written(gray) if tiff else jpeg(gray, quality=90)
    shape = {"width_px": gray.shape[1], "height_px": gray.shape[0], "bit_depth": 8, "pages": 1}
    new = FileTruth(path, bytes_md5(content), len(content), "tiff" if tiff else "jpeg", "ok", relation="", **shape)
    return new, content


def _renamed(corpus: Path, row: FileTruth, rng: np.random.Generator) -> _Edit:
    folder, _, name = row.path.rpartition("/")
    return _to(corpus, row, f"{folder}/renamed {name}")


def _moved(corpus: Path, row: FileTruth, rng: np.random.Generator) -> _Edit:
    return _to(corpus, row, f"moved/{row.path}")


def _to(corpus: Path, row: FileTruth, path: str) -> _Edit:
    (corpus / path).parent.mkdir(parents=True, exist_ok=True)
    (corpus / row.path).rename(corpus / path)
    return _Edit((_gone(row), replace(row, path=path)))


def _removed(corpus: Path, row: FileTruth, rng: np.random.Generator) -> _Edit:
    (corpus / row.path).unlink()
    return _Edit((_gone(row),))


def _gone(row: FileTruth) -> FileTruth:
    return FileTruth(row.path, row.md5, row.size_bytes, row.format, "gone", reason_says="no longer")
