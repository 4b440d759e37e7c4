"""Row arrays: whole aligned shards, one writer each, and keys that say what is done."""

import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import StorageError
from pipeline.index.memory import empty_root
from pipeline.index.rows import (
    RowArray,
    Shard,
    read_keys,
    read_rows,
    require_rows,
    shards_of,
    write_rows,
    write_shard,
)
from pipeline.index.store import create_index, open_index

ARRAYS = (
    RowArray("v", "float32", (3,), fill_value=np.nan, chunk_rows=4),
    RowArray("n", "int64", attributes={"unit": "px"}),
    RowArray("s", "str"),
)
SHARD_ROWS = 8


def values_of(rows: NDArray[np.int64], salt: int = 0) -> dict[str, NDArray[Any]]:
    """Values that tell their row."""
    names = np.empty(len(rows), object)
    names[:] = [f"row {row} {salt}" for row in rows.tolist()]
    vectors = (rows[:, None] + np.array([0.0, 0.25, 0.5]) + salt).astype(np.float32)
    return {"v": vectors, "n": rows * 10 + salt, "s": names}


def write_all(root: zarr.Group, rows: NDArray[np.int64], total: int, key: int, salt: int = 0) -> None:
    for shard, part in shards_of(rows, SHARD_ROWS, total):
        write_shard(root, "g", shard, part, values_of(part, salt), key)


def assert_rows(root: zarr.Group, rows: NDArray[np.int64], salt: int = 0) -> None:
    expected = values_of(rows, salt)
    group: Any = root["g"]
    assert np.array_equal(group["v"][:][rows], expected["v"])
    assert np.array_equal(group["n"][:][rows], expected["n"])
    assert group["s"][:][rows].tolist() == expected["s"].tolist()


@given(st.sets(st.integers(0, 99)), st.integers(1, 40))
def test_every_row_is_in_exactly_its_shard(chosen: set[int], shard_rows: int) -> None:
    rows = np.array(sorted(chosen), np.int64)
    parts = list(shards_of(rows, shard_rows, 100))
    assert np.concatenate([part for _, part in parts] or [rows]).tolist() == rows.tolist()
    for shard, part in parts:
        assert len(part)
        assert shard.start == shard.number * shard_rows
        assert shard.stop == min(shard.start + shard_rows, 100)
        assert shard.start <= part.min()
        assert part.max() < shard.stop
    assert [shard.number for shard, _ in parts] == sorted({row // shard_rows for row in chosen})


def test_rows_are_written_and_read_with_their_keys() -> None:
    root = empty_root()
    assert require_rows(root, "g", ARRAYS, 20, SHARD_ROWS)
    assert not require_rows(root, "g", ARRAYS, 20, SHARD_ROWS)
    rows = np.array([0, 3, 7, 8, 19])
    write_all(root, rows, 20, key=5)
    assert_rows(root, rows)
    keys = read_keys(root, "g", 22)
    assert keys.dtype == np.uint64
    assert np.flatnonzero(keys == 5).tolist() == rows.tolist()
    assert not keys[[1, 20, 21]].any()
    assert np.isnan(np.asarray(root["g/v"][1])).all()  # type: ignore[index]
    assert root["g/n"].attrs["unit"] == "px"
    assert root["g/v"].shards == (8, 3)  # type: ignore[union-attr]
    assert root["g/v"].chunks == (4, 3)  # type: ignore[union-attr]


def test_a_second_write_keeps_the_other_rows_of_the_shard() -> None:
    root = empty_root()
    require_rows(root, "g", ARRAYS, 16, SHARD_ROWS)
    write_all(root, np.arange(16), 16, key=1)
    write_all(root, np.array([2, 9]), 16, key=2, salt=7)
    assert_rows(root, np.setdiff1d(np.arange(16), [2, 9]))
    assert_rows(root, np.array([2, 9]), salt=7)
    assert read_keys(root, "g", 16).tolist() == [2 if row in (2, 9) else 1 for row in range(16)]


@pytest.mark.parametrize("sizes", [(5, 13), (8, 16), (3, 8, 9, 30), (20, 21)])
def test_a_partial_last_shard_grows(sizes: tuple[int, ...]) -> None:
    root = empty_root()
    done = 0
    for size in sizes:
        assert require_rows(root, "g", ARRAYS, size, SHARD_ROWS)
        assert not read_keys(root, "g", size)[done:].any()
        write_all(root, np.arange(done, size), size, key=3)
        done = size
        assert_rows(root, np.arange(size))
        assert (read_keys(root, "g", size) == 3).all()


@pytest.mark.parametrize(
    "other",
    [
        RowArray("v", "float32", (4,), chunk_rows=4),
        RowArray("v", "float64", (3,), chunk_rows=4),
        RowArray("v", "str"),
    ],
)
def test_another_shape_or_type_makes_all_rows_missing(other: RowArray) -> None:
    root = empty_root()
    require_rows(root, "g", ARRAYS, 10, SHARD_ROWS)
    write_all(root, np.arange(10), 10, key=3)
    assert require_rows(root, "g", (other, *ARRAYS[1:]), 12, SHARD_ROWS)
    assert not read_keys(root, "g", 12).any()
    assert root["g/v"].shape == (12, *other.row_shape)  # type: ignore[union-attr]
    assert not np.asarray(root["g/n"][:]).any()  # type: ignore[index]


def test_a_new_array_makes_all_rows_missing() -> None:
    root = empty_root()
    require_rows(root, "g", ARRAYS[:1], 10, SHARD_ROWS)
    write_shard(root, "g", Shard(0, 0, 8), np.arange(8), {"v": values_of(np.arange(8))["v"]}, 3)
    assert require_rows(root, "g", ARRAYS, 10, SHARD_ROWS)
    assert not read_keys(root, "g", 10).any()


def test_keys_of_a_group_that_is_not_there() -> None:
    assert read_keys(empty_root(), "g", 3).tolist() == [0, 0, 0]


@pytest.mark.parametrize("shard", [Shard(0, 0, 4), Shard(0, 4, 12), Shard(0, 2, 8), Shard(1, 8, 12)])
def test_a_write_that_is_not_whole_shards_is_refused(shard: Shard) -> None:
    root = empty_root()
    require_rows(root, "g", ARRAYS, 20, SHARD_ROWS)
    rows = np.arange(shard.start, shard.stop)
    with pytest.raises(ValueError, match=r"not whole shards of 8 rows.*shards_of"):
        write_shard(root, "g", shard, rows, values_of(rows), 1)
    assert not read_keys(root, "g", 20).any()


@pytest.mark.parametrize("row", [7, 16])
def test_a_row_outside_its_shard_is_refused(row: int) -> None:
    root = empty_root()
    require_rows(root, "g", ARRAYS, 20, SHARD_ROWS)
    with pytest.raises(ValueError, match="outside shard 1"):
        write_shard(root, "g", Shard(1, 8, 16), np.array([row]), values_of(np.array([row])), 1)


def work_in_a_fork(job: tuple[bytes, list[Shard], int]) -> Any:
    """Runs in a spawned process: fill some shards of a fork."""
    session, shards, total = pickle.loads(job[0]), job[1], job[2]
    root = zarr.open_group(session.store, mode="r+")
    for shard in shards:
        rows = np.arange(shard.start, min(shard.stop, total))
        write_shard(root, "g", shard, rows, values_of(rows), 9)
    return session


def test_processes_writing_different_shards_lose_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    total = 30 * SHARD_ROWS + 3
    index = create_index(tmp_path / "index", attributes={})
    transaction = index.begin()
    require_rows(transaction.root, "g", ARRAYS, total, SHARD_ROWS)
    transaction.commit("layout", {})
    shards = [shard for shard, _ in shards_of(np.arange(total), SHARD_ROWS, total)]
    session = pickle.dumps(transaction.fork())
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        forks = pool.map(work_in_a_fork, [(session, shards[part::2], total) for part in (0, 1)])
    transaction.merge(*forks)
    transaction.commit("rows", {})
    root = open_index(index.url).read()
    assert_rows(root, np.arange(total))
    assert (read_keys(root, "g", total) == 9).all()
    assert capfd.readouterr().err == ""


def flip_every_chunk(index: Path, at: float) -> None:
    for chunk in (index / "store/chunks").glob("*"):
        data = bytearray(chunk.read_bytes())
        data[int(at * (len(data) - 1))] ^= 0x10
        chunk.write_bytes(data)


@pytest.mark.parametrize("at", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_a_flipped_bit_in_a_shard_is_found(tmp_path: Path, at: float) -> None:
    index = create_index(tmp_path / "index", attributes={})
    transaction = index.begin()
    require_rows(transaction.root, "g", (RowArray("v", "float64", (64,), chunk_rows=4),), 16, 16)
    transaction.commit("layout", {})
    values = np.random.default_rng(1).random((16, 64))
    write_shard(transaction.root, "g", Shard(0, 0, 16), np.arange(16), {"v": values}, 1)
    transaction.commit("rows", {})
    flip_every_chunk(tmp_path / "index", at)
    root: Any = open_index(index.url).read()
    with pytest.raises((RuntimeError, ValueError), match=r"(?i)checksum|corrupt|zstd"):
        root["g/v"][:]


def test_a_flipped_bit_in_the_keys_is_a_sentence(tmp_path: Path) -> None:
    index = create_index(tmp_path / "index", attributes={})
    transaction = index.begin()
    require_rows(transaction.root, "g", (RowArray("v", "uint8"),), 4096, 4096)
    keys: Any = transaction.root["g/key"]
    keys[:] = np.random.default_rng(1).integers(1, 2**63, 4096, np.uint64)
    transaction.commit("rows", {})
    flip_every_chunk(tmp_path / "index", 0.5)
    with pytest.raises(StorageError, match="keys of g failed: what is stored is damaged"):
        read_keys(open_index(index.url).read(), "g", 4096)


@settings(deadline=None, max_examples=30)
@given(st.sets(st.integers(0, 20)))
def test_picked_rows_are_those_that_an_index_of_zarr_gives(chosen: set[int]) -> None:
    root, rows = empty_root(), np.array(sorted(chosen), np.int64)
    require_rows(root, "g", ARRAYS, 21, SHARD_ROWS)
    write_all(root, np.arange(21), 21, key=1)
    group: Any = root["g"]
    for name in ("v", "n"):
        assert np.array_equal(read_rows(group[name], rows), group[name].oindex[rows])
    assert read_rows(group["s"], rows).tolist() == group["s"][:][rows].tolist()


@settings(deadline=None, max_examples=30)
@given(st.sets(st.integers(0, 20)))
def test_written_rows_change_no_other(chosen: set[int]) -> None:
    root, rows = empty_root(), np.array(sorted(chosen), np.int64)
    require_rows(root, "g", ARRAYS, 21, SHARD_ROWS)
    write_all(root, np.arange(21), 21, key=1)
    group: Any = root["g"]
    expected = group["v"][:]
    expected[rows] = values_of(rows, salt=9)["v"]
    write_rows(group["v"], rows, values_of(rows, salt=9)["v"])
    assert np.array_equal(group["v"][:], expected)


def test_rows_out_of_order_are_refused() -> None:
    root = empty_root()
    require_rows(root, "g", ARRAYS, 21, SHARD_ROWS)
    array: Any = root["g"]["n"]  # type: ignore[index]
    for rows in ([2, 1], [1, 1]):
        with pytest.raises(ValueError, match="ascend"):
            read_rows(array, np.array(rows))
        with pytest.raises(ValueError, match="ascend"):
            write_rows(array, np.array(rows), np.zeros(2, np.int64))
