"""The rows of ``scale/``: how a reading, and what a person said over it, is stored and read back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.index.arrays import read_strings
from pipeline.index.rows import RowArray, read_keys, read_slice
from pipeline.records import ScaleReading
from pipeline.runtime.keys import scale_key
from pipeline.runtime.plan import Context
from pipeline.stages.files.ledger import read_files, text_array
from pipeline.stages.scale.answers import Answer, answer_id, machine_fields, machine_part, resolved
from pipeline.stages.scale.sidecars import SidecarFile, sidecar_files
from pipeline.stages.scale.tables import READING, SCALES
from pipeline.stages.selection import done_rows, image_count, missing_rows

GROUP = SCALES.place
ARRAYS = SCALES.row_arrays()
_READ = {column.name for column in READING}
READING_ARRAYS = tuple(spec for spec in ARRAYS if spec.name in _READ)


@dataclass(frozen=True, slots=True)
class ScaleRow:
    """A reading by the program, the text file that it rests on, and what a person said."""

    reading: ScaleReading
    sidecar: str = ""
    answer: Answer | None = None
    inherited: bool = False


def scale_columns(rows: Sequence[ScaleRow]) -> dict[str, NDArray[np.generic]]:
    """The values of `ARRAYS` for these rows."""
    shown = [resolved(row.reading, row.answer, row.inherited) for row in rows]
    columns: dict[str, NDArray[np.generic]] = {}
    for spec in READING_ARRAYS:
        values = [getattr(reading, spec.name) for reading in shown]
        if spec.dtype == "str":
            columns[spec.name] = text_array(values)
        else:
            empty = [-1] * 4 if spec.row_shape else spec.fill_value
            columns[spec.name] = np.array([empty if v is None else v for v in values], spec.dtype)
    columns["sidecar"] = text_array([row.sidecar for row in rows])
    columns["answer"] = text_array([answer_id(row.answer, row.inherited) for row in rows])
    columns["machine"] = text_array(["" if row.answer is None else machine_part(row.reading) for row in rows])
    return columns


def read_columns(root: zarr.Group, start: int, stop: int) -> dict[str, NDArray[np.generic]]:
    """The stored values of rows ``start`` to ``stop`` (exclusive); what an older version did not store is empty."""
    found = read_slice(root, GROUP, start, stop)
    rows = len(found[ARRAYS[0].name])
    empty = {spec.name: np.full((rows, *spec.row_shape), spec.fill_value) for spec in ARRAYS if spec.name not in found}
    return found | empty


def stored_reading(columns: dict[str, NDArray[np.generic]], position: int, *, by_machine: bool = False) -> ScaleReading:
    """The reading at a position of `read_columns`; ``by_machine`` as it was before a person's answer."""
    reading = ScaleReading(**{spec.name: _plain(columns[spec.name][position], spec) for spec in READING_ARRAYS})
    machine = str(columns["machine"][position])
    return replace(reading, **machine_fields(machine)) if by_machine and machine else reading


def _plain(value: Any, spec: RowArray) -> Any:
    if spec.dtype == "str":
        return str(value)
    if spec.row_shape:
        return tuple(value.tolist()) if value[0] >= 0 else None
    plain = value.item()
    if spec.name == "confidence":
        return plain
    return None if plain == spec.fill_value or (isinstance(plain, float) and math.isnan(plain)) else plain


def rows_to_read(context: Context) -> tuple[NDArray[np.int64], dict[int, SidecarFile]]:
    """Pictures whose scale is to be read, ascending, and the text files beside pictures.

    These are the pictures without a reading by this version and settings, and those whose text file is another than
    when they were read; with ``unread_only`` only those that no version has read.
    """
    root, key = context.root, scale_key(context.recipe)
    sidecars = sidecar_files(read_files(root))
    missing = missing_rows(root, GROUP, key)
    if context.options.unread_only:
        return missing[read_keys(root, GROUP, image_count(root))[missing] == 0], sidecars
    return np.union1d(missing, rows_beside_another_text(root, key, sidecars)), sidecars


def rows_beside_another_text(
    root: zarr.Group, key: int, sidecars: Mapping[int, SidecarFile] | None = None
) -> NDArray[np.int64]:
    """Pictures read by ``key`` beside another text file than the ledger's, or without one; ascending."""
    done = done_rows(root, GROUP, key)
    if not len(done) or f"{GROUP}/sidecar" not in root:
        return np.empty(0, np.int64)
    found = sidecar_files(read_files(root)) if sidecars is None else sidecars
    before = read_strings(root, f"{GROUP}/sidecar")[done].tolist()
    now = [found[row].md5 if row in found else "" for row in done.tolist()]
    other = np.array([old != new for old, new in zip(before, now, strict=True)], bool)
    return np.asarray(done[other], np.int64)
