"""The key figures, by hand."""

import pyarrow as pa

from pipeline.reporting.sections import damaged_table, relation_table, status_table
from pipeline.reporting.terminal import NOT_RUN, headlines, summary_rows

NAMES = [
    "Files walked",
    "Pictures",
    "Duplicates",
    "Damaged",
    "Scales read",
    "Pictures embedded",
    "Intrinsic dimension",
    "NMI at k = classes",
]


def small_tables() -> dict[str, pa.Table]:
    return {
        "files": pa.table(
            {
                "path": list("abcdefg"),
                "status": ["ok", "ok", "duplicate", "corrupt", "too_large", "gone", "unsupported"],
            }
        ),
        "images": pa.table(
            {"image": [0, 1, 2, 3], "picture": [0, 0, None, 3], "present": [True, True, True, False]},
            schema=pa.schema([("image", pa.int64()), ("picture", pa.int64()), ("present", pa.bool_())]),
        ),
        "scales": pa.table({"image": [0, 1, 2, 3], "status": ["agrees", "read", "no_bar", "read"]}),
        "dimension": pa.table(
            {
                "vectors": ["x", "x", "x", "y"],
                "fraction": [0.9, 0.9, 0.5, 0.9],
                "n_points": [100, 50, 100, 100],
                "dimension": [9.72, 8.0, 7.0, 3.0],
                "error": [0.123, 0.1, 0.1, 0.1],
            }
        ),
        "agreement": pa.table(
            {
                "clustering": ["kmeans-k3", "", "ward-k3"],
                "vectors": ["x", "x", "x"],
                "method": ["kmeans", "refined", "ward"],
                "k": [3, 3, 3],
                "set": ["categories"] * 3,
                "nmi": [0.5, 1.0, 0.62],
            }
        ),
        "clusterings": pa.table({"clustering": ["ward-k3"], "n_images": [2]}),
    }


def test_values_by_hand() -> None:
    assert summary_rows(small_tables()) == [
        ("Files walked", "6"),  # the file that is gone was not walked
        ("Pictures", "2 (3 images of different bytes)"),
        ("Duplicates", "1 (1 same bytes)"),
        ("Damaged", "2 (1 corrupt, 1 too large)"),
        # Row 1 belongs to picture 0, row 3 is gone: pictures 0 and 2 count, and one of them has a value.
        ("Scales read", "50% (1 of 2 pictures)"),
        ("Pictures embedded", "100"),
        ("Intrinsic dimension", "9.7 ± 0.1 (of x)"),
        ("NMI at k = classes", "0.620 (ward-k3 with labels categories)"),
    ]


def test_what_stands_for_a_group_is_no_duplicate() -> None:
    """Its row of the table tells its closest tie as well."""
    tables = small_tables()
    group = {"group": [0, 0, 0], "image": [0, 1, 2], "relation": ["crop", "crop", "thumbnail"]}
    tables["duplicates"] = pa.table(group)
    assert dict(summary_rows(tables))["Duplicates"] == "3 (1 same bytes, 1 crop, 1 thumbnail)"
    shown = relation_table(tables)
    assert shown is not None
    assert [row[:3] for row in shown.rows] == [("crop", "1", "1"), ("thumbnail", "1", "1")]


def test_nothing_was_run() -> None:
    assert [(item.name, item.value) for item in headlines({})] == [(name, NOT_RUN) for name in NAMES]


def test_empty_tables_are_as_missing_ones(tables: dict[str, pa.Table]) -> None:
    empty = {name: table.slice(0, 0) for name, table in tables.items()}
    assert summary_rows(empty) == summary_rows({})


def test_undefined_values_are_said_to_be_so() -> None:
    tables = small_tables()
    for name, column in (("dimension", "dimension"), ("agreement", "nmi")):
        place = tables[name].column_names.index(column)
        rows = tables[name].num_rows
        tables[name] = tables[name].set_column(place, column, pa.array([float("nan")] * rows))
    values = {item.name: item.value for item in headlines(tables)}
    assert values["Intrinsic dimension"] == "not defined"
    assert values["NMI at k = classes"] == "not defined"


def test_made_set_gives_every_value(tables: dict[str, pa.Table]) -> None:
    assert [name for name, value in summary_rows(tables) if value and value != NOT_RUN] == NAMES


def test_more_clusters_than_classes_are_no_better_agreement() -> None:
    """The headline is at the number of classes; what splits more is named only where it is further above chance."""
    tables = small_tables()
    tables["labels"] = pa.table(
        {"set": ["categories"] * 3, "image": [0, 1, 2], "label": ["a", "b", "c"], "contradictory": [False] * 3}
    )
    scores = {
        "clustering": ["ward-k3", "ward-k50", "kmeans-k50", "kmeans-k3"],
        "vectors": ["x"] * 4,
        "method": ["ward", "ward", "kmeans", "kmeans"],
        "k": [3, 50, 50, 3],
        "set": ["categories"] * 4,
        "level": [1] * 4,
        "nmi": [0.6, 0.9, 0.8, 0.5],
        "ami": [0.55, 0.2, 0.6, 0.4],
    }
    tables["agreement"] = pa.table(scores)
    found = {item.name: item for item in headlines(tables)}["NMI at k = classes"]
    assert found.value == "0.600"
    assert found.note == (
        "AMI 0.550; ward-k3 with the 3 labels of categories; furthest above chance: kmeans-k50, NMI 0.800"
    )
    tables["agreement"] = pa.table(scores | {"ami": [0.01, 0.0, 0.0, 0.0]})
    assert "no better than chance" in {item.name: item for item in headlines(tables)}["NMI at k = classes"].note


def test_what_is_no_picture_by_intention_is_counted_apart() -> None:
    tables = small_tables()
    paths = ["a.tif", "b.tif", "c.tif", "d.tif", "notes.txt", ".DS_Store", "README", "like a picture.tif"]
    status = ["ok", "corrupt", "not_judged", "gone", *["unsupported"] * 4]
    tables["files"] = pa.table({"path": paths, "status": status, "reason": [""] * 8})
    found = {item.name: item for item in headlines(tables)}
    assert found["Files walked"].note == "3 no pictures by intention"
    assert (found["Damaged"].value, found["Not judged"].value) == ("1", "1")
    shown, without = status_table(tables), damaged_table(tables)
    assert shown is not None
    assert without is not None
    assert {row[0]: row[1] for row in shown.rows}["side file"] == "3"
    assert [row[0] for row in without.rows] == ["b.tif", "c.tif", "like a picture.tif"]
