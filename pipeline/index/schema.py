"""What a table is: declared once by its stage, and read by all that stores, reports, documents, checks or forgets.

A stage lists its tables in the `tables.py` of its folder. Reports, `docs/tables.md`, ``forget``, ``verify`` and
``show`` go through that list (`pipeline.stages.registry.TABLES`) and know no table by name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.index.history import Commit
from pipeline.index.rows import RowArray
from pipeline.index.tables import read_table, text_array

Kind = Literal[
    "bool", "uint8", "uint64", "int32", "int64", "float32", "float64",
    "text",
    "md5",  # 16 bytes; hexadecimal digits in a report
    "texts", "seconds", "nanoseconds",  # of reports only: a list of texts; moments
]  # fmt: skip
Layout = Literal[
    "table",  # arrays of one length, written by the driver
    "images",  # arrays with a row for each image, and their keys; written shard by shard
    "points",  # arrays with a row for each picture of some, and their keys
    "arrays",  # arrays of any lengths
    "computed",  # not stored: made for the report
]
Row = dict[str, Any]
"""A row of a table: values by column; `Table.typed` makes columns of many."""

Columns = Mapping[str, NDArray[np.generic]]
Reported = Mapping[str, Any]
"""Values of a report table by column: sequences, NumPy or Arrow arrays."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
    kind : Kind
    meaning : str
        A sentence for `docs/tables.md` and for the store's attributes.
    unit : str
        As the store's attribute ``units``; empty for what has none.
    shape : tuple of int, optional
        Of one value; None where it depends on the settings.
    fill : int, float or str
        What stands in a row that has no value. In a report a NaN is null.
    null : int, optional
        A stored value that is null in a report.
    of : {"", "image", "md5", "path"}
        How it names an image: by its row, its MD5 or a path of the corpus. Such rows go when the image is forgotten.
    stored, reported : bool
        Whether the store and the report have it.
    finite : bool
        Numbers without exception in every row that is done.
    chunk_rows : int, optional
        Rows a chunk, of the layout ``images``; None: a shard is one chunk.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    shape: tuple[int, ...] | None = ()
    fill: float | str = 0
    null: int | None = None
    of: Literal["", "image", "md5", "path"] = ""
    stored: bool = True
    reported: bool = True
    finite: bool = False
    chunk_rows: int | None = None

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Of the stored values; text is ``object``."""
        return np.dtype({"text": "object", "md5": "uint8"}.get(self.kind, self.kind))

    @property
    def row_shape(self) -> tuple[int, ...] | None:
        """Of one stored value; None where it depends on the settings."""
        return (16,) if self.kind == "md5" else self.shape


@dataclass(frozen=True, slots=True)
class Gone:
    """An image that is to be forgotten: its row, the MD5 of its bytes, and its paths in the corpus."""

    row: int
    md5: bytes
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """What a report table may be made of: the index read-only, its recipe, and its commits, newest first."""

    root: zarr.Group
    recipe: Recipe
    history: Sequence[Commit] = ()


Report = Callable[["Table", Sources], Reported]
Forget = Callable[[zarr.Group, "Table", str, Gone], object]
Show = Callable[["Table", Sources, int], Any]


def as_stored(table: "Table", sources: Sources) -> Reported:
    """The report of a table whose rows are shown as they are stored."""
    return read_table(sources.root, table.place)


def rows_of(table: "Table", sources: Sources, picture: int) -> list[Row]:
    """What ``show`` says by default of a picture: its rows, as the report has them."""
    stored = read_table(sources.root, table.place)
    naming = [column.name for column in table.stored if column.of == "image" and column.name in stored]
    rows = np.flatnonzero(np.any([stored[name] == picture for name in naming], axis=0)) if naming else ()
    return [
        {c.name: np.asarray(stored[c.name][row]).tolist() for c in table.reported if c.name in stored} for row in rows
    ]


def made_anew(root: zarr.Group, table: "Table", group: str, gone: Gone) -> None:
    """For rows that the next run makes anew, since they rest on all pictures."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the store, of the reports, or of both.

    Attributes
    ----------
    name : str
        Of the report's table.
    meaning : str
        What a row is, as a sentence.
    columns : tuple of Column
        In the report's order.
    layout : Layout
    group : str
        Where it is stored, if not under its name; ``labels/*`` is a group for each name.
    report : callable, optional
        Gives the values of the report's columns; None for a table that is in no report.
    forget : callable, optional
        Removes an image; by default rows whose columns name it go, and its row of the layout ``images`` is emptied.
    show : callable, optional
        What ``semcorpus show`` says of a picture, for example `rows_of`; None: nothing.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...] = ()
    layout: Layout = "table"
    group: str = ""
    report: Report | None = as_stored
    forget: Forget | None = None
    show: Show | None = None

    @property
    def place(self) -> str:
        """The group, or its pattern; empty for what is not stored."""
        return "" if self.layout == "computed" else self.group or self.name

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns of the store."""
        return tuple(column for column in self.columns if column.stored)

    @property
    def reported(self) -> tuple[Column, ...]:
        """The columns of the report."""
        return tuple(column for column in self.columns if column.reported)

    @property
    def shown_as(self) -> str:
        """What ``semcorpus show`` calls it."""
        return (self.place or self.name).partition("/")[0]

    def groups(self, root: zarr.Group) -> list[str]:
        """The groups of the store that hold it now, in the order of their names."""
        parent, star, _ = self.place.partition("/*")
        found = root.get(parent) if parent else None
        if not isinstance(found, zarr.Group):
            return []
        return [f"{parent}/{name}" for name in sorted(found.group_keys())] if star else [parent]

    def empty(self, rows: int = 0, *names: str) -> dict[str, NDArray[np.generic]]:
        """The stored columns (all, or those named) with ``rows`` zeros or empty texts."""
        return {c.name: _zeros(c, rows) for c in self.stored if not names or c.name in names}

    def typed(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[np.generic]]:
        """Rows as the stored columns."""
        return {column.name: values_of(column, [row[column.name] for row in rows]) for column in self.stored}

    def row_arrays(self, **shapes: tuple[int, ...]) -> tuple[RowArray, ...]:
        """The arrays of the layout ``images``; ``shapes`` are those that depend on settings."""
        return tuple(_row_array(column, shapes.get(column.name, column.row_shape)) for column in self.stored)


def _zeros(column: Column, rows: int) -> NDArray[np.generic]:
    shape = (rows, *(column.row_shape or ()))
    return np.full(shape, "", object) if column.kind == "text" else np.zeros(shape, column.dtype)


def values_of(column: Column, values: Sequence[Any]) -> NDArray[np.generic]:
    """Values as the stored column."""
    if column.kind == "text":
        return text_array(values)
    return np.array(values, column.dtype).reshape(len(values), *(column.row_shape or ()))


def _row_array(column: Column, shape: tuple[int, ...] | None) -> RowArray:
    assert shape is not None, f"the shape of {column.name} depends on settings and is to be named"
    about = {"description": column.meaning, "units": column.unit}
    return RowArray(
        column.name,
        "str" if column.kind == "text" else column.dtype.name,
        shape,
        "" if column.kind == "text" else column.fill,
        column.chunk_rows,
        {key: text for key, text in about.items() if text},
    )
