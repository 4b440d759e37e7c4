"""Rows of a stored table as a record of typed columns; a column is read when it is first asked for."""

from collections.abc import Callable
from typing import Generic

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.index.arrays import Scalar
from pipeline.index.schema import Table
from pipeline.index.tables import column_of, read_table, table_length

ReadColumn = Callable[[str], NDArray[np.generic]]


class StoredRows:
    """A table of the store, at the commit that it was opened at.

    A subclass names the columns that are read, each with its type: ``md5 = ColumnOf(np.uint8)``.

    Parameters
    ----------
    read : callable
        The values of a column by its name, for example `reader_of`.
    """

    def __init__(self, read: ReadColumn) -> None:
        self._read = read
        self._known: dict[str, NDArray[np.generic]] = {}

    def values(self, name: str) -> NDArray[np.generic]:
        """A column by its name."""
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]


class ColumnOf(Generic[Scalar]):
    """A column of `StoredRows` whose values have one type; texts are objects."""

    def __init__(self, kind: type[Scalar]) -> None:
        self.kind = kind
        self.name = ""

    def __set_name__(self, owner: type[StoredRows], name: str) -> None:
        """Take the name of the attribute, which is that of the column."""
        self.name = name

    def __get__(self, rows: StoredRows, owner: type[StoredRows]) -> NDArray[Scalar]:
        """The values, [n, ...]."""
        return column_of({self.name: rows.values(self.name)}, self.name, self.kind)


def reader_of(root: zarr.Group, table: Table) -> ReadColumn:
    """Reads columns of ``table``; one that an older version has not kept is of zeros or empty texts."""

    def read(name: str) -> NDArray[np.generic]:
        group = root.get(table.place)
        if isinstance(group, zarr.Group) and name in group:
            return read_table(root, table.place, name)[name]
        return table.empty(table_length(root, table.place), name)[name]

    return read
