"""Checking the tables of the store against their declarations."""

from collections.abc import Iterable, Iterator

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.index.arrays import StoredArray, arrays_of
from pipeline.index.rows import KEY
from pipeline.index.schema import Column, Table


def check_tables(root: zarr.Group, tables: Iterable[Table], images: int) -> Iterator[tuple[str, int, list[str]]]:
    """Every stored table: its group, its rows, and what is wrong with it.

    Parameters
    ----------
    root : zarr.Group
    tables : iterable of Table
    images : int
        Rows of ``images``, which columns may name and arrays of a row an image have at most.
    """
    for table in tables:
        if table.layout not in ("arrays", "computed"):
            for group in table.groups(root):
                arrays = arrays_of(root, group)
                if arrays:
                    yield group, max(a.shape[0] for a in arrays.values()), list(_problems(table, group, arrays, images))


def _problems(table: Table, group: str, arrays: dict[str, StoredArray[np.generic]], images: int) -> Iterator[str]:
    lengths = {name: array.shape[0] for name, array in arrays.items()}
    if len(set(lengths.values())) > 1 or (table.layout == "images" and max(lengths.values()) > images):
        yield f"the arrays of {group} do not fit the {images} images: {lengths}"
        return
    done = np.asarray(arrays[KEY][:]) != 0 if table.layout == "images" and KEY in arrays else None
    for column in table.stored:
        if column.name in arrays:
            yield from _column_problems(column, group, arrays[column.name], images, done)


def _column_problems(
    column: Column, group: str, array: StoredArray[np.generic], images: int, done: NDArray[np.bool_] | None
) -> Iterator[str]:
    is_text = array.dtype.kind in "UTO"
    if is_text != (column.kind == "text") or (not is_text and array.dtype != column.dtype):
        yield f"{group}/{column.name} holds {array.dtype}, not {column.kind}"
        return
    if column.of == "image":
        values = np.asarray(array[:])
        outside = values[(values < -1) | (values >= images)]
        if outside.size:
            yield f"{group}/{column.name} names image {outside.flat[0]} of {images}"
    if column.finite and done is not None:
        values = np.asarray(array[:])
        bad = np.flatnonzero(done & ~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
        if len(bad):
            yield f"{len(bad)} {column.name} of {group} are done but not numbers (first: row {bad[0]})"
