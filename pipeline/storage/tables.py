"""Tables in the store: a group whose arrays are columns of one length.

Tables are small (a row a file or a picture) and are written by the driver alone, so a column is rewritten chunk by
chunk, and a chunk that did not change is left as it is: it costs no new object in the store.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from pipeline.storage.failures import storage_failures

CHUNK_ROWS = 65_536

Columns = Mapping[str, NDArray[Any]]


def table_length(root: zarr.Group, name: str) -> int:
    """Rows of the table ``name``; 0 if it does not exist."""
    group = root.get(name)
    return int(group.attrs.get("rows", 0)) if isinstance(group, zarr.Group) else 0  # type: ignore[arg-type]


def read_table(root: zarr.Group, name: str, *columns: str) -> dict[str, NDArray[Any]]:
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
        return {column: _read_slice(group[column], 0, None) for column in names}


def write_table(root: zarr.Group, name: str, columns: Columns, *, attributes: Mapping[str, Any] | None = None) -> None:
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
        for column, values in columns.items():
            _write_column(group, column, np.asarray(values))
        group.attrs.update({"rows": rows, **(attributes or {})})


def _is_text(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "UTO"


def _write_column(group: zarr.Group, column: str, values: NDArray[Any]) -> None:
    array = _column_array(group, column, values)
    old_rows = array.shape[0]
    if old_rows != len(values):
        array.resize((len(values), *array.shape[1:]))
    for start in range(0, len(values), CHUNK_ROWS):
        new = values[start : start + CHUNK_ROWS]
        stop = start + len(new)
        if stop > old_rows or not _same_bits(_read_slice(array, start, stop), new):
            array[start:stop] = new


def _read_slice(array: Any, start: int, stop: int | None) -> NDArray[Any]:
    values: NDArray[Any] = array[start:stop]
    return values.astype(object) if _is_text(values) else values


def _same_bits(old: NDArray[Any], new: NDArray[Any]) -> bool:
    """Equal to the last bit: NaN equals itself, and 0.0 differs from -0.0."""
    return np.array_equal(old, new) if _is_text(new) else old.tobytes() == new.tobytes()


def _column_array(group: zarr.Group, column: str, values: NDArray[Any]) -> Any:
    dtype: Any = str if _is_text(values) else values.dtype
    array = group.get(column)
    if isinstance(array, zarr.Array) and array.shape[1:] == values.shape[1:] and _same_kind(array, values):
        return array
    return group.create_array(
        column,
        shape=(0, *values.shape[1:]),
        chunks=(CHUNK_ROWS, *values.shape[1:]),
        dtype=dtype,
        overwrite=True,
        compressors=checked_compressor(),
    )


def _same_kind(array: zarr.Array[Any], values: NDArray[Any]) -> bool:
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
    new: dict[str, NDArray[Any]],
    *,
    attributes: dict[str, Any] | None = None,
) -> None:
    """Replace the rows of a table whose ``column`` is one of ``names``.

    A stored table of other columns, which an older version left, is given up: its keys no longer hold either.
    """
    old = read_table(root, table) if table in root else {}
    if old.keys() == new.keys():
        keep = ~np.isin(old[column].astype(str), list(names))
        new = {k: np.concatenate([old[k][keep], values]) for k, values in new.items()}
    write_table(root, table, new, attributes=attributes)


def as_columns(rows: Sequence[dict[str, Any]], columns: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Rows as typed columns; ``str`` makes text."""
    return {
        name: _text([row[name] for row in rows]) if kind is str else np.array([row[name] for row in rows], kind)
        for name, kind in columns.items()
    }


def _text(values: Sequence[str]) -> NDArray[Any]:
    result = np.empty(len(values), object)
    result[:] = values
    return result
