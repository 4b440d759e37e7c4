"""What stages declare of their tables is what an index holds."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr

from pipeline.errors import IndexFormatError
from pipeline.index.columns import ColumnOf
from pipeline.index.forgetting import forget_image
from pipeline.index.memory import empty_root
from pipeline.index.report_tables import arrow_type
from pipeline.index.rows import KEY
from pipeline.index.schema import Column, Gone, Table
from pipeline.index.store import open_index
from pipeline.index.table_check import check_tables
from pipeline.index.tables import read_table, table_length, write_table
from pipeline.stages.files.ledger import ImageRows, LedgerRows, read_images
from pipeline.stages.files.tables import CONTENTS, LEDGER
from pipeline.stages.registry import TABLES


def test_every_array_of_an_index_is_declared(reference_index: Path) -> None:
    root = open_index(reference_index).read()
    declared = {group: table for table in TABLES for group in table.groups(root)}
    unknown = []
    for path, array in root.members(max_depth=None):
        group, _, name = path.rpartition("/")
        if isinstance(array, zarr.Array):
            table = declared.get(group)
            free = table is not None and table.name in ("stored_clusters",)  # what a method says of each point
            known = table is not None and (table.layout == "arrays" or name in {c.name for c in table.stored} | {KEY})
            unknown += [] if known or free else [path]
    assert unknown == []
    images = table_length(root, "images")
    assert [problem for *_, problems in check_tables(root, TABLES, images) for problem in problems] == []


def test_reports_have_the_declared_columns(reference_index: Path) -> None:
    for table in TABLES:
        if table.report is not None:
            schema = pq.read_schema(reference_index / "reports" / f"{table.name}.parquet")
            assert schema.names == [column.name for column in table.reported]
            kinds = [arrow_type(column) for column in table.reported]
            same = [a == b or pa.types.is_timestamp(a) for a, b in zip(schema.types, kinds, strict=True)]
            assert all(same), table.name


def test_an_image_is_forgotten_by_whatever_names_it() -> None:
    table = Table(
        "t",
        "A row.",
        (
            Column("one", "int64", "An image.", of="image"),
            Column("other", "int64", "Another.", of="image"),
            Column("digest", "md5", "A content.", of="md5"),
            Column("place", "text", "A path.", of="path"),
            Column("number", "int64", "No image."),
        ),
        group="t/*",
    )
    root, md5 = empty_root(), bytes(range(16))
    none = list(bytes(16))
    rows = [
        {"one": 3, "other": 0, "digest": none, "place": "a", "number": 0},
        {"one": 0, "other": 3, "digest": none, "place": "a", "number": 1},
        {"one": 0, "other": 0, "digest": list(md5), "place": "a", "number": 2},
        {"one": 0, "other": 0, "digest": none, "place": "gone.png", "number": 3},
        {"one": 0, "other": 0, "digest": none, "place": "a", "number": 3},
    ]
    for name in ("a", "b"):
        write_table(root, f"t/{name}", table.typed(rows))
    forget_image(root, [table], Gone(3, md5, ("gone.png",)))
    for name in ("a", "b"):
        assert np.array_equal(read_table(root, f"t/{name}")["number"], [3])


def test_records_of_rows_have_the_declared_columns() -> None:
    for record, table in ((LedgerRows, LEDGER), (ImageRows, CONTENTS)):
        columns = {name: column.kind for name, column in vars(record).items() if isinstance(column, ColumnOf)}
        assert columns == {column.name: column.dtype.type for column in table.stored}


def test_a_column_of_another_type_is_refused() -> None:
    root = empty_root()
    write_table(root, "images", {"picture": np.arange(3, dtype=np.int32)})
    with pytest.raises(IndexFormatError, match="picture of the index holds int32, and int64 was expected"):
        _ = read_images(root).picture
    assert read_images(root).present.tolist() == [False] * 3, "a column that an older version has not kept"
