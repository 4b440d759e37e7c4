"""Tables in the store: what is written comes back to the bit, and what did not change is not written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from pipeline.errors import StorageError
from pipeline.index import tables
from pipeline.index.memory import empty_root
from pipeline.index.schema import Column, Table
from pipeline.index.store import Index, create_index, open_index
from pipeline.index.tables import (
    read_table,
    read_texts,
    replace_rows,
    table_length,
    update_rows,
    write_table,
)

DTYPES = ["bool", "int8", "uint8", "int16", "int32", "int64", "uint64", "float32", "float64"]


def text(*values: str) -> NDArray[Any]:
    result = np.empty(len(values), object)
    result[:] = values
    return result


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return create_index(tmp_path / "index", attributes={})


def chunk_files(index: Index) -> set[Path]:
    return set((index.location.path / "store/chunks").glob("*"))


@settings(max_examples=25, deadline=None)
@given(st.data(), st.integers(0, 7), st.sampled_from([(), (3,), (2, 2)]))
def test_every_dtype_comes_back_to_the_bit(data: st.DataObject, rows: int, row_shape: tuple[int, ...]) -> None:
    columns = {dtype: data.draw(arrays.arrays(dtype, (rows, *row_shape))) for dtype in DTYPES}
    words = data.draw(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=rows, max_size=rows))
    root = empty_root()
    write_table(root, "t", {**columns, "text": text(*words)}, attributes={"about": "x"})
    found = read_table(root, "t")
    assert set(found) == {*columns, "text"}
    for name, values in columns.items():
        assert found[name].dtype == values.dtype
        assert found[name].tobytes() == values.tobytes()
    assert found["text"].tolist() == words
    assert found["text"].dtype == object
    assert table_length(root, "t") == rows
    assert root["t"].attrs["about"] == "x"


@pytest.mark.parametrize("steps", [(3, 10, 4, 5, 0, 7), (8, 9, 8), (4, 8, 12, 2, 12)])
def test_growing_and_shrinking_leave_no_trace(steps: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CHUNK_ROWS", 4)
    root = empty_root()
    for number, rows in enumerate(steps):
        columns = {"a": np.arange(rows) + number * 100, "s": text(*(f"{number}-{i}" for i in range(rows)))}
        write_table(root, "t", columns)
        found = read_table(root, "t")
        assert found["a"].tolist() == columns["a"].tolist()
        assert found["s"].tolist() == columns["s"].tolist()
        assert table_length(root, "t") == rows


def test_columns_come_go_and_change_their_type() -> None:
    root = empty_root()
    write_table(root, "t", {"a": np.arange(3), "b": text("x", "y", "z"), "c": np.zeros((3, 2), np.uint8)})
    write_table(root, "t", {"b": np.arange(3.0), "c": np.ones((3, 4), np.uint8), "d": np.arange(3)})
    found = read_table(root, "t")
    assert sorted(found) == ["b", "c", "d"]
    assert (found["b"].dtype, found["c"].shape) == (np.float64, (3, 4))
    assert sorted(read_table(root, "t", "d", "b")) == ["b", "d"]


def test_tables_that_are_not_there() -> None:
    assert read_table(empty_root(), "t") == {}
    assert table_length(empty_root(), "t") == 0


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        write_table(empty_root(), "t", {"a": np.arange(3), "b": np.arange(4)})


def columns_of(rows: int) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(5)  # large enough, and random, so that chunks are files of their own
    return {
        "a": random.integers(0, 2**60, rows),
        "f": np.where(np.arange(rows) % 7 == 0, np.nan, random.random(rows)),
        "m": random.integers(0, 255, (rows, 16), np.uint8),
        "s": text(*(f"{value:x}" for value in random.integers(0, 2**60, rows))),
    }


def test_the_same_again_is_no_change(index: Index) -> None:
    transaction = index.begin()
    write_table(transaction.root, "t", columns_of(500), attributes={"x": 1})
    first = transaction.commit("first", {})
    files = chunk_files(index)
    write_table(transaction.root, "t", columns_of(500), attributes={"x": 1})
    assert not transaction.changed
    assert transaction.commit("again", {}) == first
    assert chunk_files(index) == files


@pytest.mark.parametrize(
    ("change", "new_chunks"),
    [
        (lambda c: c["a"].__setitem__(450, 1), 1),
        (lambda c: c["s"].__setitem__(3, "other"), 1),
        (lambda c: c["f"].__setitem__(0, 0.5), 1),
        (lambda c: (c["a"].__setitem__(0, 1), c["a"].__setitem__(499, 1)), 2),
    ],
)
def test_only_chunks_that_differ_are_written(
    index: Index, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, NDArray[Any]]], None], new_chunks: int
) -> None:
    monkeypatch.setattr(tables, "CHUNK_ROWS", 100)
    transaction = index.begin()
    columns = columns_of(500)
    write_table(transaction.root, "t", columns)
    transaction.commit("first", {})
    before = chunk_files(index)
    change(columns)
    write_table(transaction.root, "t", columns)
    transaction.commit("second", {})
    assert len(chunk_files(index) - before) == new_chunks
    assert read_table(index.read(), "t")["s"].tolist() == columns["s"].tolist()


def test_growth_writes_the_last_chunk_and_the_new_ones(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CHUNK_ROWS", 100)
    transaction = index.begin()
    columns = {"m": columns_of(450)["m"]}
    write_table(transaction.root, "t", {"m": columns["m"][:250]})
    transaction.commit("first", {})
    before = chunk_files(index)
    write_table(transaction.root, "t", columns)
    transaction.commit("second", {})
    assert len(chunk_files(index) - before) == 3
    assert np.array_equal(read_table(index.read(), "t")["m"], columns["m"])


@settings(max_examples=30, deadline=None)
@given(st.data(), st.integers(0, 9), st.integers(0, 9))
def test_updated_rows_are_those_of_the_whole_table_written_anew(data: st.DataObject, before: int, more: int) -> None:
    total = before + more
    changed = data.draw(st.sets(st.integers(0, before - 1))) if before else set()
    rows = np.array(sorted(changed | set(range(before, total))), np.int64)
    old = {"a": np.arange(before), "m": np.ones((before, 2), np.uint8), "s": text(*(f"é{i}" for i in range(before)))}
    new = {"a": -rows - 1, "s": text(*(f"new {row}" for row in rows.tolist())), "m": np.full((len(rows), 2), 7, "u1")}
    root = empty_root()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "CHUNK_ROWS", 4)
        if before:
            write_table(root, "t", old)
        update_rows(root, "t", rows, new, total=total)
    expected = {name: np.concatenate([old[name], new[name][len(changed) :]]) for name in old}
    for name, values in expected.items():
        values[rows] = new[name]
    found = read_table(root, "t")
    assert table_length(root, "t") == total
    for name, values in expected.items():
        assert found[name].tolist() == values.tolist()
    assert read_texts(root, "t", "s").to_pylist() == expected["s"].tolist()


def test_an_update_of_a_few_rows_writes_their_chunks(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CHUNK_ROWS", 100)
    transaction = index.begin()
    columns = columns_of(500)
    write_table(transaction.root, "t", columns)
    transaction.commit("first", {})
    before = chunk_files(index)
    rows = np.array([7, 450])
    update_rows(transaction.root, "t", rows, {"a": columns["a"][rows], "m": columns["m"][rows] ^ 1}, total=500)
    transaction.commit("second", {})
    assert len(chunk_files(index) - before) == 2
    assert np.array_equal(read_table(index.read(), "t")["f"], columns["f"], equal_nan=True)


def test_a_column_that_comes_later_begins_empty() -> None:
    root = empty_root()
    write_table(root, "t", {"a": np.arange(3)})
    update_rows(root, "t", np.array([1, 3]), {"a": np.array([8, 9]), "s": text("x", "y")}, total=4)
    found = read_table(root, "t")
    assert (found["a"].tolist(), found["s"].tolist()) == ([0, 8, 2, 9], ["", "x", "", "y"])


@pytest.mark.parametrize(
    ("rows", "total", "problem"),
    [([1, 0], 3, "not ascending"), ([3], 3, "not within"), ([4], 5, "not all of the new ones"), ([0], 2, "grows from")],
)
def test_updates_that_would_leave_holes_are_refused(rows: list[int], total: int, problem: str) -> None:
    root = empty_root()
    write_table(root, "t", {"a": np.arange(3)})
    with pytest.raises(ValueError, match=problem):
        update_rows(root, "t", np.array(rows), {"a": np.array(rows)}, total=total)
    assert table_length(root, "t") == 3


def test_a_minus_zero_is_a_change() -> None:
    root = empty_root()
    write_table(root, "t", {"f": np.zeros(3)})
    write_table(root, "t", {"f": np.array([0.0, -0.0, 0.0])})
    assert np.signbit(read_table(root, "t")["f"]).tolist() == [False, True, False]


def test_rows_of_some_names_are_replaced() -> None:
    root = empty_root()
    table = Table("t", "A row.", (Column("name", "text", "Its name."), Column("k", "int64", "Its number.")))
    replace_rows(root, "t", "name", ["a"], table.typed([{"name": "a", "k": 1}, {"name": "a", "k": 2}]))
    replace_rows(root, "t", "name", ["b"], table.typed([{"name": "b", "k": 3}]))
    replace_rows(root, "t", "name", ["a"], table.typed([{"name": "a", "k": 9}]))
    found = read_table(root, "t")
    assert (found["name"].tolist(), found["k"].tolist()) == (["b", "a"], [3, 9])
    replace_rows(root, "t", "name", ["a", "b"], table.typed([]))
    assert table_length(root, "t") == 0


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("column", ["a", "f", "m", "s"])
@pytest.mark.parametrize("where", [0.1, 0.5, 0.99])
def test_a_flipped_bit_is_found(index: Index, column: str, where: float) -> None:
    transaction = index.begin()
    write_table(transaction.root, "t", {column: columns_of(500)[column]})
    transaction.commit("first", {})
    (chunk,) = chunk_files(index)
    flip(chunk, int(where * chunk.stat().st_size))
    with pytest.raises(StorageError, match=r"the table t failed: what is stored is damaged.*semcorpus verify"):
        read_table(open_index(index.url).read(), "t")


def test_a_missing_chunk_is_found(index: Index) -> None:
    transaction = index.begin()
    write_table(transaction.root, "t", columns_of(500))
    transaction.commit("first", {})
    for chunk in chunk_files(index):
        chunk.unlink()
    root: zarr.Group = open_index(index.url).read()
    with pytest.raises(StorageError, match="table t failed"):
        read_table(root, "t")
