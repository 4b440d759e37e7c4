"""Tables in the store: a group whose arrays are columns of one length.

Tables are small (a row a file or a picture) and are written by the driver alone, so a column is rewritten chunk by
chunk, and a chunk that did not change is left as it is: it costs no new object in the store.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from pipeline.errors import IndexFormatError
from pipeline.index.arrays import Scalar, StoredArray, attributes_of, find_values, open_values, whole_number
from pipeline.index.dimensions import dimension_names, first_axis, unit_of
from pipeline.json_values import JsonObject
from pipeline.storage.failures import storage_failures

CHUNK_ROWS = 65_536
EVERY_CHUNK_STORED = "every_chunk_stored"
"""Attribute of arrays whose chunks are stored also where they hold nothing but fill values."""

_CHUNK_BYTES = 1 << 20  # of wider rows a chunk holds fewer: a chunk is filled up in memory whenever it is touched
_TEXT_BYTES = 64  # what a text is reckoned at

Columns = Mapping[str, NDArray[np.generic]]


def table_length(root: zarr.Group, name: str) -> int:
    """Rows of the table ``name``; 0 if it does not exist."""
    return whole_number(attributes_of(root, name), "rows", 0)


def read_table(root: zarr.Group, name: str, *columns: str) -> dict[str, NDArray[np.generic]]:
    """Columns of a table as NumPy arrays (all, or those named); an absent table gives an empty dict.

    Text columns come as object arrays of ``str``.

    Raises
    ------
    StorageError
        A chunk is missing or damaged.
    """
    with storage_failures("reading the table", name):
        group = root.get(name)
        if not isinstance(group, zarr.Group):
            return {}
        names = columns or tuple(sorted(str(key) for key in group.array_keys()))
        return {column: _read_slice(open_values(group, column), 0, None) for column in names}


def column_of(table: Columns, name: str, kind: type[Scalar]) -> NDArray[Scalar]:
    """A column of a table that was read, whose values have one type; texts are ``np.object_``.

    Raises
    ------
    IndexFormatError
        The values are of another type.
    """
    found = table[name]
    if found.dtype.type is not kind:
        raise IndexFormatError(
            f"The column {name} of the index holds {found.dtype}, and {kind.__name__} was expected: another version of "
            "semcorpus, or another program, has written it."
        )
    return cast(NDArray[Scalar], found)


def read_texts(root: zarr.Group, name: str, column: str) -> pa.LargeStringArray:
    """A text column, of which only a chunk at a time is Python objects; empty for an absent table.

    Raises
    ------
    StorageError
        A chunk is missing or damaged.
    """
    with storage_failures("reading the table", name):
        array = find_values(root, f"{name}/{column}")
        if array is None:
            return pa.array([], pa.large_string())
        unit, rows = array.chunks[0], array.shape[0]
        chunks = (_read_slice(array, start, start + unit) for start in range(0, rows, unit))
        parts = [pa.array(chunk.tolist(), pa.large_string()) for chunk in chunks]
        return pa.concat_arrays(parts or [pa.array([], pa.large_string())])


def update_rows(root: zarr.Group, name: str, rows: NDArray[np.int64], columns: Columns, *, total: int) -> None:
    """Set single rows of a table and leave the others as they are; only chunks that hold one of them are touched.

    Parameters
    ----------
    root : zarr.Group
    name : str
        The table; made where it does not exist.
    rows : int64 [n]
        Distinct, ascending. All rows beyond the table's present length must be among them.
    columns : mapping of str to ndarray [n, ...]
        New values. Columns of the table that are not named keep theirs; one that is not there yet begins with zeros
        or empty texts.
    total : int
        Length of the table afterwards, at least what it was.

    Raises
    ------
    ValueError
        ``rows`` are not ascending, lie outside, or leave a new row out.
    StorageError
        The store cannot be read or written.
    """
    before = table_length(root, name)
    if np.any(np.diff(rows) <= 0) or (len(rows) and (rows[0] < 0 or rows[-1] >= total)):
        raise ValueError(f"rows of {name} are not ascending, or not within its {total}")
    if total < before or np.count_nonzero(rows >= before) != total - before:
        raise ValueError(f"{name} grows from {before} to {total} rows, and not all of the new ones are given")
    with storage_failures("writing the table", name):
        group = root.require_group(name)
        for column, values in columns.items():
            array = _column_array(group, column, np.asarray(values), first_axis(columns, name))
            if array.shape[0] != total:
                new = array.shape[0] < before
                array.resize((total, *array.shape[1:]))
                if new:
                    array[:] = array.fill_value
            for chunk, inside in _touched(rows, array.chunks[0]):
                _set_rows(array, chunk, rows[inside] - chunk, values[inside])
        if before != total or "rows" not in group.attrs:
            group.attrs["rows"] = total


def _touched(rows: NDArray[np.int64], unit: int) -> Iterator[tuple[int, slice]]:
    """First row of every chunk that holds any of ``rows``, and where those stand in ``rows``."""
    chunks, first = np.unique(rows // unit, return_index=True)
    bounds = [*first.tolist(), len(rows)]
    for chunk, start, stop in zip(chunks.tolist(), bounds, bounds[1:], strict=False):
        yield chunk * unit, slice(start, stop)


def _set_rows(
    array: StoredArray[np.generic], start: int, inside: NDArray[np.int64], values: NDArray[np.generic]
) -> None:
    stop = min(start + array.chunks[0], array.shape[0])
    if len(inside) == stop - start:
        array[start:stop] = values
        return
    block = _read_slice(array, start, stop)
    if not _same_bits(block[inside], values):
        block[inside] = values
        array[start:stop] = block


def write_table(root: zarr.Group, name: str, columns: Columns, *, attributes: JsonObject | None = None) -> None:
    """Make the table hold exactly ``columns``; only chunks that differ are written.

    Raises
    ------
    ValueError
        Columns of different lengths.
    StorageError
        The store cannot be written, or what it holds cannot be compared.
    """
    lengths = {column: len(values) for column, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of {name} differ in length: {lengths}")
    rows = next(iter(lengths.values()), 0)
    with storage_failures("writing the table", name):
        group = root.require_group(name)
        for stale in set(group.array_keys()) - set(columns):
            del group[stale]
        axis = first_axis(columns, name)
        for column, values in columns.items():
            _write_column(group, column, np.asarray(values), axis)
        group.attrs.update({"rows": rows, **(attributes or {})})


def _is_text(values: NDArray[np.generic]) -> bool:
    return values.dtype.kind in "UTO"


def _write_column(group: zarr.Group, column: str, values: NDArray[np.generic], axis: str) -> None:
    array = _column_array(group, column, values, axis)
    old_rows = array.shape[0]
    if old_rows != len(values):
        array.resize((len(values), *array.shape[1:]))
    unit = array.chunks[0]
    for start in range(0, len(values), unit):
        new = values[start : start + unit]
        stop = start + len(new)
        if stop > old_rows or not _same_bits(_read_slice(array, start, stop), new):
            array[start:stop] = new


def _read_slice(array: Any, start: int, stop: int | None) -> NDArray[np.generic]:
    values: NDArray[np.generic] = array[start:stop]
    return values.astype(object) if _is_text(values) else values


def _same_bits(old: NDArray[np.generic], new: NDArray[np.generic]) -> bool:
    """Equal to the last bit: NaN equals itself, and 0.0 differs from -0.0."""
    return np.array_equal(old, new) if _is_text(new) else old.tobytes() == new.tobytes()


def _column_array(group: zarr.Group, column: str, values: NDArray[np.generic], axis: str) -> StoredArray[np.generic]:
    array = find_values(group, column)
    if array is not None and array.shape[1:] == values.shape[1:] and _same_kind(array, values):
        return array
    group.create_array(
        column,
        shape=(0, *values.shape[1:]),
        chunks=(_chunk_rows(values), *values.shape[1:]),
        dtype=str if _is_text(values) else values.dtype,
        overwrite=True,
        compressors=checked_compressor(),
        attributes={EVERY_CHUNK_STORED: True, **({"units": unit} if (unit := unit_of(column)) else {})},
        dimension_names=dimension_names(axis, column, values.ndim),
    )
    return open_values(group, column)


def _chunk_rows(values: NDArray[np.generic]) -> int:
    row_bytes = _TEXT_BYTES if _is_text(values) else values.dtype.itemsize * math.prod(values.shape[1:])
    return min(CHUNK_ROWS, 1 << max(0, (_CHUNK_BYTES // max(1, row_bytes)).bit_length() - 1))


def _same_kind(array: StoredArray[np.generic], values: NDArray[np.generic]) -> bool:
    text = array.dtype.kind in "UTO"
    return text if _is_text(values) else (not text and array.dtype == values.dtype)


def checked_compressor() -> ZstdCodec:
    """Zstandard with a checksum, so that a flipped bit is found and never read in silence."""
    return ZstdCodec(level=1, checksum=True)


def replace_rows(
    root: zarr.Group,
    table: str,
    column: str,
    names: Sequence[str],
    new: dict[str, NDArray[np.generic]],
    *,
    attributes: JsonObject | None = None,
) -> None:
    """Replace the rows of a table whose ``column`` is one of ``names``.

    A stored table of other columns, which an older version left, is given up: its keys no longer hold either.
    """
    old = read_table(root, table) if table in root else {}
    if old.keys() == new.keys():
        keep = ~np.isin(old[column].astype(str), list(names))
        new = {k: np.concatenate([old[k][keep], values]) for k, values in new.items()}
    write_table(root, table, new, attributes=attributes)


def text_array(values: Sequence[str]) -> NDArray[np.object_]:
    """Texts as an object array."""
    result = np.empty(len(values), object)
    result[:] = values
    return result


def hex_md5(digests: Iterable[NDArray[np.uint8]]) -> list[str]:
    """Rows of 16 bytes as hexadecimal text; a row of zeros (no digest) is empty text."""
    return [row.tobytes().hex() if row.any() else "" for row in digests]
