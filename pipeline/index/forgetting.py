"""Removing one image from the tables of the store, as their declarations say."""

from collections.abc import Iterable

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.index.rows import KEY, clear_row
from pipeline.index.schema import Column, Columns, Gone, Table
from pipeline.index.tables import read_table, write_table


def forget_image(root: zarr.Group, tables: Iterable[Table], gone: Gone) -> None:
    """Remove an image from all tables, in their order."""
    for table in tables:
        for group in table.groups(root):
            (table.forget or _as_declared)(root, table, group, gone)


def drop_rows(root: zarr.Group, group: str, drop: NDArray[np.bool_]) -> None:
    """Remove rows of a table; one that loses none is not written."""
    if np.any(drop):
        write_table(root, group, {name: values[~drop] for name, values in read_table(root, group).items()})


def _as_declared(root: zarr.Group, table: Table, group: str, gone: Gone) -> None:
    if table.layout == "images":
        if f"{group}/{KEY}" in root:
            clear_row(root, group, gone.row)
    elif table.layout == "table":
        values = read_table(root, group)
        naming = [column for column in table.stored if column.of and column.name in values]
        if naming:
            drop_rows(root, group, np.any([_names(column, values, gone) for column in naming], axis=0))


def _names(column: Column, values: Columns, gone: Gone) -> NDArray[np.bool_]:
    """Rows whose column names the image."""
    found = values[column.name]
    if column.of == "image":
        return np.asarray(found == gone.row)
    if column.of == "md5":
        return np.asarray((found == np.frombuffer(gone.md5, np.uint8)).all(axis=1))
    return np.isin(found.astype(str), gone.paths)
