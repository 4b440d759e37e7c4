"""The tables of a report, as Arrow tables of their declared types."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.index.schema import Column, Sources, Table
from pipeline.index.tables import hex_md5

_OF_REPORTS = {
    "text": pa.string(),
    "md5": pa.string(),
    "texts": pa.list_(pa.string()),
    "seconds": pa.timestamp("s", tz="UTC"),
    "nanoseconds": pa.timestamp("ns", tz="UTC"),
}


def report_tables(tables: Iterable[Table], sources: Sources) -> dict[str, pa.Table]:
    """All report tables by name; a stage that has not run gives a table without rows."""
    return {table.name: _table(table, sources) for table in tables if table.report is not None}


def arrow_type(column: Column) -> pa.DataType:
    """Type of a column in a report."""
    return _OF_REPORTS.get(column.kind) or pa.from_numpy_dtype(column.dtype)


def _table(table: Table, sources: Sources) -> pa.Table:
    assert table.report is not None
    values = table.report(table, sources)
    rows = max((len(found) for found in values.values()), default=0)
    return pa.table(
        {
            column.name: _column(column, values[column.name])
            if column.name in values
            else pa.nulls(rows, arrow_type(column))  # an older version has not kept it
            for column in table.reported
        }
    )


def _column(column: Column, values: Any) -> pa.Array | pa.ChunkedArray:
    kind = arrow_type(column)
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values if values.type == kind else values.cast(kind)
    if column.kind == "md5":
        values = hex_md5(values)
    if not isinstance(values, np.ndarray):
        return pa.array(values, kind, from_pandas=True)
    if column.null is not None:
        return pa.array(values, kind, mask=values == column.null)
    return pa.array(values.tolist() if values.dtype.kind in "UTO" else values, kind, from_pandas=True)
