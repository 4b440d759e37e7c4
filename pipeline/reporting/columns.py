"""Reading report tables column by column: a missing table, column or value is plain to see.

Every function answers for tables that lack the column (an older index, a stage that was not run), so
that a figure or a section decides once whether it has something to show.
"""

from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Tables = Mapping[str, pa.Table]

T = TypeVar("T", bound=Hashable)

NO_IMAGE = -1


def filled(tables: Tables, name: str) -> pa.Table | None:
    """Return the table of that name, or None when it is missing or has no rows."""
    table = tables.get(name)
    return table if table is not None and table.num_rows > 0 else None


def texts(table: pa.Table, name: str) -> list[str]:
    """Return a column as strings; null and a missing column are ``""``, bytes become hexadecimal."""
    if name not in table.column_names:
        return [""] * table.num_rows
    return [_as_text(value) for value in table[name].to_pylist()]


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return ", ".join(_as_text(item) for item in value)
    return str(value)


def numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """Return a column as float64 [rows]; null and a missing column are NaN. Not for ids."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    column = pc.cast(table[name], pa.float64()).combine_chunks()
    return np.array(pc.fill_null(column, float("nan")).to_numpy(zero_copy_only=False), dtype=np.float64)


def integers(table: pa.Table, name: str, *, missing: int = NO_IMAGE) -> NDArray[np.int64]:
    """Return a column as int64 [rows], never by way of floats; null and a missing column are `missing`."""
    if name not in table.column_names:
        return np.full(table.num_rows, missing, dtype=np.int64)
    column = pc.fill_null(pc.cast(table[name], pa.int64()), missing).combine_chunks()
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.int64)


def flags(table: pa.Table, name: str, *, missing: bool = False) -> NDArray[np.bool_]:
    """Return a column as bool [rows]; null and a missing column are `missing`."""
    if name not in table.column_names:
        return np.full(table.num_rows, missing)
    column = pc.fill_null(pc.cast(table[name], pa.bool_()), missing).combine_chunks()
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.bool_)


def where(table: pa.Table, **wanted: str) -> pa.Table:
    """Return the rows whose named columns equal the wanted texts; a missing column matches nothing."""
    for name, value in wanted.items():
        if name not in table.column_names:
            return table.slice(0, 0)
        table = table.filter(pc.equal(pc.cast(table[name], pa.string()), value))
    return table


def split(table: pa.Table, name: str) -> dict[str, pa.Table]:
    """Return the rows of each value of a column, in order of first appearance; one pass, whatever the values."""
    if name not in table.column_names:
        return {}
    encoded = pc.dictionary_encode(pc.cast(table[name], pa.string())).combine_chunks()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(encoded.dictionary) + 1))
    return {
        word: table.take(pa.array(order[starts[place] : starts[place + 1]]))
        for place, word in enumerate(encoded.dictionary.to_pylist())
    }


def distinct(values: list[T]) -> list[T]:
    """Return the distinct values in order of first appearance."""
    return list(dict.fromkeys(values))


def distinct_in(table: pa.Table, name: str) -> list[str]:
    """Return the distinct texts of a column in order of first appearance, fast for millions of rows."""
    return [_as_text(value) for value in pc.unique(table[name]).to_pylist()]


def counts(values: list[str]) -> list[tuple[str, int]]:
    """Return (value, count), most frequent first, ties by value."""
    table: dict[str, int] = {}
    for value in values:
        table[value] = table.get(value, 0) + 1
    return sorted(table.items(), key=lambda item: (-item[1], item[0]))


def member_relations(duplicates: pa.Table) -> list[str]:
    """Return how the members of each group are tied to it, without the image that stands for the group."""
    stands = integers(duplicates, "image") == integers(duplicates, "group")
    return [word for word, first in zip(texts(duplicates, "relation"), stands.tolist(), strict=True) if not first]
