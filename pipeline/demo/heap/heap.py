"""Writing the heap: families until there are enough files, obstacles, label sets, and the truth of all."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.demo.heap.containers import jpeg
from pipeline.demo.heap.families import FAMILIES, HeapFile
from pipeline.demo.heap.label_sets import (
    LABEL_SETS,
    How,
    LabelFile,
    LabelTruth,
    csv_rows,
    folder_labels,
    names_csv,
    stray_label,
    table_csv,
    write_label_truth,
)
from pipeline.demo.heap.obstacles import write_obstacles
from pipeline.demo.heap.pictures import picture
from pipeline.demo.heap.plan import PlannedFamily, families
from pipeline.demo.heap.tiff_kinds import written
from pipeline.demo.randomness import stream
from pipeline.demo.truth import with_duplicates, write_truth
from pipeline.errors import UsageError

FEWEST_FILES: Final = 200
_STRAY_EVERY: Final = 150


@dataclass(frozen=True, slots=True)
class HeapSummary:
    """What was written: rows that the ledger must have, files of label sets, and rows by their status."""

    files: int
    label_files: int
    statuses: Mapping[str, int]


def write_heap(directory: Path, *, seed: int = 0, files: int) -> HeapSummary:
    """Write a large corpus of small files into ``directory/corpus``, with label sets, and the truth of each file.

    Parameters
    ----------
    directory : Path
        Made if it is missing; must be empty.
    seed : int
        Same seed, same bytes; a file depends on the seed and its number only.
    files : int
        Rows that the ledger must have in all, at least `FEWEST_FILES`.

    Raises
    ------
    UsageError
        ``files`` is too few, or the folder is not empty.

    Notes
    -----
    About 2 ms and 30 kB a file. The superuser reads what is locked: for the superuser two rows of the truth are wrong.
    """
    corpus = directory / "corpus"
    if files < FEWEST_FILES:
        raise UsageError(f"{files} files were asked for; a heap has at least {FEWEST_FILES}.")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(f"{directory} is a file or holds something already; name a new or an empty folder.")
    rows = write_obstacles(corpus, written(picture(stream(seed, "heap", "locked"))))
    label_files: list[LabelTruth] = []
    csv_labels: list[LabelTruth] = []
    for planned in families():
        family = _make(seed, planned)
        if len(rows) + len(family) > files:
            if planned.kind == "document":
                continue  # a document without its pages' rows is none
            family = family[: files - len(rows)]
        for file in family:
            _write_file(corpus, file)
            rows.append(file.truth)
        label_files += _write_labels(directory, seed, planned, family)
        csv_labels += csv_rows(planned.kind, planned.number, planned.turn, family)
        if len(rows) == files:
            break
    _write_csvs(directory, csv_labels, label_files)
    finished = with_duplicates(rows)
    write_truth(directory / "truth.parquet", finished)
    return HeapSummary(len(finished), len(label_files), dict(sorted(Counter(row.status for row in finished).items())))


def _make(seed: int, planned: PlannedFamily) -> list[HeapFile]:
    return FAMILIES[planned.kind](planned.number, planned.turn, _stream(seed, planned))


def _stream(seed: int, planned: PlannedFamily) -> np.random.Generator:
    return stream(seed, "heap", planned.kind, planned.turn)


def _write_file(corpus: Path, file: HeapFile) -> None:
    if file.link == "page":
        return
    place = corpus / file.raw_path
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.link == "hard":
        os.link(corpus / file.target, place)
    elif file.link == "symbolic":
        place.symlink_to(os.path.relpath(corpus / file.target, place.parent))
    else:
        with place.open("xb") as stream_:
            stream_.write(file.content)


def _write_labels(directory: Path, seed: int, planned: PlannedFamily, family: list[HeapFile]) -> list[LabelTruth]:
    encoded = _encodings(seed, planned) if planned.kind == "lossless alone" else {}
    found = folder_labels(planned.kind, planned.number, planned.turn, family, encoded)
    if planned.number % _STRAY_EVERY == 0:
        gray = picture(stream(seed, "heap", "stray", planned.number))
        found.append(stray_label(planned.number, jpeg(gray, quality=90)))
    for label in found:
        _write_label(directory / LABEL_SETS["paths"], label)
    return [label.truth for label in found]


def _encodings(seed: int, planned: PlannedFamily) -> dict[How, bytes]:
    """A lossless picture in encodings that the corpus does not have; drawn again, by the first draw of its stream."""
    gray = picture(_stream(seed, planned))
    progressive = planned.turn % 8 == 0
    return {
        "pixels": written(gray, compression="zlib"),
        "re-encoding": jpeg(gray, quality=82, progressive=progressive, optimize=planned.turn % 16 == 4),
    }


def _write_label(root: Path, label: LabelFile) -> None:
    place = root / label.path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(label.content)


def _write_csvs(directory: Path, csv_labels: list[LabelTruth], label_files: list[LabelTruth]) -> None:
    table, numbered = table_csv(row for row in csv_labels if row.set == "table")
    names = [row for row in csv_labels if row.set == "names"]
    (directory / "label sets").mkdir(exist_ok=True)
    (directory / LABEL_SETS["table"]).write_bytes(table)
    (directory / LABEL_SETS["names"]).write_bytes(names_csv(names))
    write_label_truth(directory / "label_truth.parquet", [*label_files, *numbered, *names])
