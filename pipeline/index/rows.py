"""Arrays with a row for each image, written in whole shards by one writer each.

A group of row arrays holds an array ``key`` (uint64): the key of the settings and the stage version that made a row,
0 where a row has not been made. A row is done for a stage exactly when its key is the one that the stage expects.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.index.arrays import Scalar, StoredArray, arrays_of, find_array, open_values
from pipeline.index.dimensions import dimension_names
from pipeline.index.tables import EVERY_CHUNK_STORED, checked_compressor
from pipeline.storage.failures import storage_failures

KEY = "key"

_PIECE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class RowArray:
    """What an array of a row group looks like: the shape of one row, its type and its meaning."""

    name: str
    dtype: str
    row_shape: tuple[int, ...] = ()
    fill_value: float | str = 0
    chunk_rows: int | None = None  # rows a chunk inside a shard; None: the shard is one chunk
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shard:
    """Rows ``start`` to ``stop`` (exclusive) of an array: what one task writes."""

    number: int
    start: int
    stop: int


def require_rows(root: zarr.Group, name: str, arrays: Sequence[RowArray], rows: int, shard_rows: int) -> bool:
    """Create the arrays of group ``name``, or grow them to ``rows``; returns whether anything changed.

    An array whose row shape or type no longer fits the settings is made anew, and with it the keys, so that all
    rows count as missing.
    """
    group = root.require_group(name)
    changed = False
    if any(not _fits(group.get(spec.name), spec) for spec in arrays):
        for spec in (*arrays, _key_array()):
            _create(group, spec, rows, shard_rows)
        changed = True
    for spec in (*arrays, _key_array()):
        array = open_values(group, spec.name)
        if array.shape[0] != rows:
            array.resize((rows, *spec.row_shape))
            changed = True
    return changed


def read_keys(root: zarr.Group, name: str, rows: int) -> NDArray[np.uint64]:
    """The key of every row, padded with 0 to ``rows``; all 0 where the group does not exist."""
    keys = np.zeros(rows, np.uint64)
    with storage_failures("reading the keys of", name):
        array = find_array(root, f"{name}/{KEY}", np.uint64)
        if array is not None:
            known = array[:][:rows]
            keys[: len(known)] = known
    return keys


def read_slice(root: zarr.Group, name: str, start: int, stop: int) -> dict[str, NDArray[np.generic]]:
    """Rows ``start`` to ``stop`` (exclusive) of every array of a group, by the array's name."""
    with storage_failures("reading rows of", name):
        return {column: array[start:stop] for column, array in arrays_of(root, name).items()}


def shards_of(rows: NDArray[np.int64], shard_rows: int, total: int) -> Iterator[tuple[Shard, NDArray[np.int64]]]:
    """Group ascending row numbers, each below ``total``, by the shard that they lie in; O(n) in time and memory."""
    numbers, first = np.unique(rows // shard_rows, return_index=True)
    for number, part in zip(numbers.tolist(), np.split(rows, first[1:]), strict=False):  # no rows: no numbers, one part
        start = number * shard_rows
        yield Shard(number, start, min(start + shard_rows, total)), part


def write_shard(
    root: zarr.Group,
    name: str,
    shard: Shard,
    rows: NDArray[np.int64],
    values: Mapping[str, NDArray[np.generic]],
    key: int,
) -> None:
    """Put ``values`` (one entry a row of ``rows``) into the shard and write the shard as a whole.

    Rows of the shard that are not in ``rows`` keep what they hold.

    Raises
    ------
    ValueError
        ``shard`` is not aligned to the array's shards, or a row lies outside it: such a write would race with the
        writer of the neighbouring shard and lose rows (zarr-python issue 3682).
    """
    inside = rows - shard.start
    if len(rows) and (inside.min() < 0 or rows.max() >= shard.stop):
        raise ValueError(f"rows {rows.min()}..{rows.max()} lie outside shard {shard.number} of {name}")
    for column, new in {**values, KEY: np.full(len(rows), key, np.uint64)}.items():
        array = open_values(root, f"{name}/{column}")
        _check_aligned(array, shard, name)
        block = _changeable(array[shard.start : shard.stop])
        block[inside] = new
        array[shard.start : shard.stop] = block


def row_pieces(array: StoredArray[Scalar], rows: NDArray[np.int64]) -> Iterator[tuple[slice, NDArray[Scalar]]]:
    """Read some rows of an array piece by piece: chunks that lie side by side, rows picked in memory.

    An index of rows handed to Zarr (``array.oindex[rows]``) costs some 3 MB a row in sharded arrays.

    Parameters
    ----------
    array : StoredArray
    rows : int64 [n]
        Distinct, ascending; n may be 0.

    Yields
    ------
    where : slice
        Where in ``rows`` the piece's rows stand.
    values : ndarray
        The piece's rows, of the array's dtype; a copy.

    Raises
    ------
    ValueError
        ``rows`` do not ascend.

    Notes
    -----
    Memory: three times a piece, which is 16 MiB, or one chunk where that is larger, or a shard where that is smaller.
    """
    if np.any(np.diff(rows) <= 0):
        raise ValueError(f"rows of {array.basename} must be distinct and ascend")
    unit = _piece_rows(array)
    cuts = [0, *(np.flatnonzero(np.diff(rows // unit)) + 1).tolist(), len(rows)]
    for first, last in pairwise(cuts):
        if last > first:
            start, stop = int(rows[first]), int(rows[last - 1]) + 1
            block = array[start:stop]
            yield slice(first, last), block[rows[first:last] - start]


def _piece_rows(array: StoredArray[Scalar]) -> int:
    chunk, shard = array.chunks[0], (array.shards or array.chunks)[0]
    row_bytes = array.dtype.itemsize * math.prod(array.shape[1:])
    return int(min(shard, chunk * max(1, _PIECE_BYTES // max(1, chunk * row_bytes))))


def read_rows(array: StoredArray[Scalar], rows: NDArray[np.int64]) -> NDArray[Scalar]:
    """Some rows of an array, in memory that `row_pieces` bounds beyond the result; ``rows`` as there."""
    values = np.empty((len(rows), *array.shape[1:]), array.dtype)
    for where, block in row_pieces(array, rows):
        values[where] = block
    return values


def write_rows(array: StoredArray[Scalar], rows: NDArray[np.int64], values: NDArray[Scalar]) -> None:
    """Put ``values`` (one entry a row of ``rows``) into an array that nobody else is writing, whole chunks at a time.

    Raises
    ------
    ValueError
        ``rows`` do not ascend.
    """
    if np.any(np.diff(rows) <= 0):
        raise ValueError(f"rows of {array.basename} must be distinct and ascend")
    unit = (array.shards or array.chunks)[0]
    for shard, part in shards_of(rows, unit, array.shape[0]):
        block = array[shard.start : shard.stop]
        first = int(np.searchsorted(rows, part[0]))
        block[part - shard.start] = values[first : first + len(part)]
        array[shard.start : shard.stop] = block


def _check_aligned(array: StoredArray[np.generic], shard: Shard, name: str) -> None:
    unit = (array.shards or array.chunks)[0]
    if shard.start % unit or (shard.stop % unit and shard.stop != array.shape[0]):
        raise ValueError(
            f"rows {shard.start}..{shard.stop} of {name}/{array.basename} are not whole shards of {unit} rows; two "
            "tasks writing into one shard lose rows: plan tasks with shards_of()"
        )


def _changeable(block: NDArray[np.generic]) -> NDArray[np.generic]:
    """The values, texts as objects: NumPy's own texts take no object arrays."""
    return block.astype(object) if block.dtype.kind == "T" else block


def _key_array() -> RowArray:
    return RowArray(KEY, "uint64", attributes={"description": "key of the settings and version that made the row"})


def _fits(array: object, spec: RowArray) -> bool:
    if not isinstance(array, zarr.Array) or array.shape[1:] != spec.row_shape:
        return False
    return bool(array.dtype.kind == "T" if spec.dtype == "str" else array.dtype == np.dtype(spec.dtype))


def _create(group: zarr.Group, spec: RowArray, rows: int, shard_rows: int) -> None:
    chunk_rows = spec.chunk_rows if spec.chunk_rows and spec.chunk_rows < shard_rows else None
    if chunk_rows and shard_rows % chunk_rows:
        chunk_rows = None
    group.create_array(
        spec.name,
        shape=(rows, *spec.row_shape),
        chunks=(chunk_rows or shard_rows, *spec.row_shape),
        shards=(shard_rows, *spec.row_shape) if chunk_rows else None,
        dtype=str if spec.dtype == "str" else spec.dtype,
        fill_value="" if spec.dtype == "str" else spec.fill_value,
        compressors=checked_compressor(),
        attributes={**spec.attributes, EVERY_CHUNK_STORED: True},
        dimension_names=dimension_names("image", spec.name, 1 + len(spec.row_shape)),
        overwrite=True,
    )


def clear_row(root: zarr.Group, name: str, row: int) -> None:
    """Set one row of every array of a group to its fill value, which also marks it as missing."""
    for array in arrays_of(root, name).values():
        if row < array.shape[0]:
            unit = (array.shards or array.chunks)[0]
            start = row // unit * unit
            block = _changeable(array[start : start + unit])
            block[row - start] = array.fill_value
            array[start : start + unit] = block
