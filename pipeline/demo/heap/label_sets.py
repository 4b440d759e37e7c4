"""Label sets of the heap, with the answer for each of their files.

``paths`` is a folder of folders (`Fibres/bundle`), ``table`` a CSV of MD5s, ``names`` a CSV of files of the corpus.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.demo.heap.families import HeapFile
from pipeline.demo.truth import bytes_md5

LABEL_SETS: Final = {"paths": "label sets/paths", "table": "label sets/table.csv", "names": "names.csv"}
"""Where each set lies, from the demo's root."""

_LEAVES: Final = tuple(
    f"{category}/{leaf}"
    for category in ("Fibres", "Films", "MEMS", "Particles", "Patterned", "Porous", "Powder", "Tips", "Wires")
    for leaf in ("bundle", "coated", "single", "other")
)

How = Literal["bytes", "pixels", "re-encoding", ""]


@dataclass(frozen=True, slots=True)
class LabelTruth:
    """What is true of one file (or row) of a label set.

    Attributes
    ----------
    set : str
    path : str
        Of the label file from the set's root; the row's number for a CSV.
    md5 : str
        Of the content that is meant.
    label : str
    picture_of : str or None
        Path in the corpus of the master of the picture that it must be matched to; None: of none.
    how : str
        By what it can be matched at best.
    """

    set: str
    path: str
    md5: str
    label: str
    picture_of: str | None
    how: How


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A file of the set ``paths``."""

    path: str
    content: bytes
    truth: LabelTruth


def leaf(number: int) -> str:
    """The label of the ``number``-th family."""
    return _LEAVES[number % len(_LEAVES)]


def folder_labels(
    kind: str, number: int, turn: int, family: list[HeapFile], encoded: dict[How, bytes]
) -> list[LabelFile]:
    """A family's files in the set ``paths``.

    Parameters
    ----------
    kind : str
        Of the family.
    number, turn : int
        The family's number, and its turn among its kind.
    family : list of HeapFile
    encoded : dict of str to bytes
        Further encodings of the family's picture: by what each can be matched.
    """
    if kind not in ("pair", "lossless alone") or turn % 2 or len(family) < 1 + (kind == "pair"):
        return []
    master = family[0].truth.path
    own, other = leaf(number), leaf(number + 5)
    found: list[tuple[str, str, bytes, How]] = []
    if kind == "pair":
        found.append((own, f"L{number}.jpg", family[1].content, "bytes"))
        if turn % 20 == 4:  # once more in the same class
            found.append((own, f"L{number} again.jpg", family[1].content, "bytes"))
        if turn % 20 == 8:  # the same bytes in another class
            found.append((other, f"L{number}.jpg", family[1].content, "bytes"))
        if turn % 20 == 12:  # the TIFF in another class than its JPG
            found.append((other, f"L{number}.tif", family[0].content, "bytes"))
    else:
        how: How = ("re-encoding", "pixels")[turn // 2 % 2]
        found.append((own, f"L{number}.{'jpg' if how == 're-encoding' else 'png'}", encoded[how], how))
    return [
        LabelFile(f"{label}/{name}", content, _truth("paths", f"{label}/{name}", content, label, master, how))
        for label, name, content, how in found
    ]


def stray_label(number: int, content: bytes) -> LabelFile:
    """A file of the set ``paths`` whose picture the corpus does not have."""
    path = f"{leaf(number)}/stray {number}.jpg"
    return LabelFile(path, content, LabelTruth("paths", path, bytes_md5(content), leaf(number), None, ""))


def _truth(name: str, path: str, content: bytes, label: str, master: str, how: How) -> LabelTruth:
    return LabelTruth(name, path, bytes_md5(content), label, master, how)


def csv_rows(kind: str, number: int, turn: int, family: list[HeapFile]) -> Iterator[LabelTruth]:
    """A family's rows in the sets ``table`` and ``names``; their paths are given when they are written."""
    if kind not in ("pair", "copy", "other alone"):
        return
    if turn % 3 == 0:
        for position, file in enumerate(family[: 1 + (turn % 2)]):
            # Of some pairs the JPG's row contradicts the TIFF's.
            label = leaf(number + (5 if position and turn % 9 == 3 else 0))
            yield LabelTruth("table", "", file.truth.md5, label, file.truth.picture_of, "bytes")
        if turn % 15 == 0:
            yield LabelTruth("table", "", f"f{number:031x}", leaf(number), None, "")
    if turn % 3 == 1 and "\n" not in family[0].raw_path and family[0].raw_path == family[0].truth.path:
        yield LabelTruth("names", family[0].raw_path, family[0].truth.md5, leaf(number), family[0].truth.path, "bytes")


def table_csv(rows: Iterable[LabelTruth]) -> tuple[bytes, list[LabelTruth]]:
    """The set ``table`` as CSV, and its rows with their numbers for paths."""
    listed = list(rows)
    numbered = [
        LabelTruth(row.set, f"row {n}", row.md5, row.label, row.picture_of, row.how) for n, row in enumerate(listed)
    ]
    return _csv(("md5", "label"), [(row.md5, row.label) for row in listed]), numbered


def names_csv(rows: Iterable[LabelTruth]) -> bytes:
    """The set ``names`` as CSV, which lies beside the folder ``corpus``."""
    return _csv(("file", "label"), [(f"corpus/{row.path}", row.label) for row in rows])


def _csv(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(head)
    writer.writerows(rows)
    return buffer.getvalue().encode()


_COLUMNS: Final = ("set", "path", "md5", "label", "picture_of", "how")


def write_label_truth(path: Path, rows: Iterable[LabelTruth]) -> None:
    """Write the rows as Parquet."""
    listed = list(rows)
    pq.write_table(pa.table({name: [getattr(row, name) for row in listed] for name in _COLUMNS}), path)


def read_label_truth(path: Path) -> list[LabelTruth]:
    """Return the rows of `write_label_truth`."""
    return [LabelTruth(**row) for row in pq.read_table(path).to_pylist()]
