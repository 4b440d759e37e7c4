"""The index: made, opened, committed to and rolled back, in a folder and in a bucket alike."""

import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pytest
import zarr

from pipeline.errors import IndexFormatError, IndexLockedError, StorageError, UsageError
from pipeline.index import store as index_module
from pipeline.index.reports import publish_report
from pipeline.index.store import FORMAT_VERSION, create_index, index_exists, open_index
from pipeline.index.tables import read_table, write_table
from pipeline.index.transaction import software_version
from pipeline.storage.location import Location


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "deep" / "index")
    return str(request.getfixturevalue("s3_prefix"))


def bare_store(place: str) -> icechunk.Repository:
    """What a run that was killed while it made the index leaves."""
    location = Location.parse(place).child("store")
    if location.is_local:
        location.path.mkdir(parents=True)
    return icechunk.Repository.create(location.icechunk_storage())


def commit(place: str, values: list[int], message: str) -> str:
    transaction = open_index(place).begin()
    write_table(transaction.root, "t", {"a": np.array(values)})
    return transaction.commit(message, {"stage": message})


def column(place: str, at: str | None = None) -> list[int]:
    found: list[int] = read_table(open_index(place, commit=at).read(), "t")["a"].tolist()
    return found


def test_an_index_is_made_committed_to_and_reopened(place: str) -> None:
    assert not index_exists(place)
    made = create_index(place, attributes={"shard_rows": 32})
    assert index_exists(place)
    assert made.read().attrs["shard_rows"] == 32
    first, second = commit(place, [1], "one"), commit(place, [1, 2], "two")
    assert (column(place), column(place, first), column(place, second)) == ([1, 2], [1], [1, 2])
    index = open_index(place)
    assert index.commit == second == made.commit
    held = index.read()
    assert index.read() is held  # opened once a commit
    third = commit(place, [3], "three")
    assert (index.commit, read_table(index.read(), "t")["a"].tolist()) == (third, [3])
    assert read_table(held, "t")["a"].tolist() == [1, 2]
    index.rollback(second)
    assert read_table(index.read(), "t")["a"].tolist() == [1, 2]
    history = index.history()
    assert [entry.message for entry in history] == ["two", "one", "create", "Repository initialized"]
    assert history[0].metadata == {"stage": "two", "software": software_version()}
    assert history[0].parent == first
    assert history[0].written >= history[1].written
    group: Any = zarr.open_group(index.store, mode="r")
    assert group["t/a"][:].tolist() == [1, 2]


def test_an_open_transaction_is_invisible_until_its_commit(place: str) -> None:
    create_index(place, attributes={})
    commit(place, [1], "one")
    transaction = open_index(place).begin()
    write_table(transaction.root, "t", {"a": np.array([5])})
    assert transaction.changed
    assert column(place) == [1]
    done = transaction.commit("two", {})
    assert not transaction.changed
    assert transaction.base_commit == done
    assert column(place) == [5]


def test_forks_write_and_readers_read_a_fixed_commit(place: str) -> None:
    create_index(place, attributes={})
    first = commit(place, [1], "one")
    transaction = open_index(place).begin()
    forks = [pickle.loads(pickle.dumps(transaction.fork())) for _ in range(2)]
    reader = pickle.loads(pickle.dumps(transaction.reader()))
    for number, fork in enumerate(forks):
        write_table(zarr.open_group(fork.store, mode="r+"), f"u{number}", {"a": np.array([number])})
    transaction.merge(*forks)
    transaction.commit("two", {})
    root = open_index(place).read()
    assert [read_table(root, f"u{number}")["a"].tolist() for number in (0, 1)] == [[0], [1]]
    assert "u0" not in zarr.open_group(reader.store, mode="r")
    assert str(reader.snapshot_id) == first


def test_what_is_read_cannot_be_written(place: str) -> None:
    create_index(place, attributes={})
    with pytest.raises(icechunk.IcechunkError, match="read-only"):
        open_index(place).read().create_group("x")


def test_rollback_returns_to_a_commit_by_its_beginning(place: str) -> None:
    create_index(place, attributes={})
    first, _ = commit(place, [1], "one"), commit(place, [2], "two")
    index = open_index(place)
    assert index.rollback(first[:8].lower()) == first
    assert column(place) == [1]
    assert commit(place, [3], "three") == open_index(place).commit
    assert [entry.message for entry in open_index(place).history()][:2] == ["three", "one"]


def test_rollback_needs_one_commit_and_keeps_the_index_an_index(place: str) -> None:
    create_index(place, attributes={})
    newest = commit(place, [1], "one")
    index = open_index(place)
    with pytest.raises(UsageError, match="No commit begins with 'NOSUCH'"):
        index.rollback("NOSUCH")
    with pytest.raises(UsageError, match="2 commits begin with ''"):
        index.rollback("")
    with pytest.raises(UsageError, match="No commit begins"):
        index.rollback(index.history()[-1].id)
    assert open_index(place).commit == newest


def test_a_commit_that_does_not_exist(place: str) -> None:
    create_index(place, attributes={})
    with pytest.raises(UsageError, match=r"no commit 'ZZZ'.*semcorpus history"):
        open_index(place, commit="ZZZ")


def test_two_writers_never_overwrite_each_other(place: str) -> None:
    create_index(place, attributes={})
    slow, fast = open_index(place).begin(), open_index(place).begin()
    for number, transaction in enumerate((slow, fast)):
        write_table(transaction.root, "t", {"a": np.array([number])})
    fast.commit("fast", {})
    with pytest.raises(IndexLockedError, match="Another process has written"):
        slow.commit("slow", {})
    assert column(place) == [1]


def test_where_there_is_no_index(place: str) -> None:
    with pytest.raises(IndexFormatError, match="no index"):
        open_index(place)
    assert not Path(place).exists()


def test_an_interrupted_creation_is_said_and_taken_over(place: str) -> None:
    bare_store(place)
    assert not index_exists(place)
    with pytest.raises(IndexFormatError, match=r"interrupted.*completes it"):
        open_index(place)
    create_index(place, attributes={"shard_rows": 8})
    assert open_index(place).read().attrs["shard_rows"] == 8


def remove_references(place: str) -> None:
    refs = Location.parse(place).child("store", "refs")
    refs.filesystem().rm(refs.url, recursive=True)


def test_a_creation_killed_before_its_branch_is_taken_over(place: str) -> None:
    bare_store(place)
    remove_references(place)
    assert not index_exists(place)
    create_index(place, attributes={})
    assert commit(place, [1], "one") == open_index(place).commit


def test_a_store_that_lost_its_branch_is_left_as_it_is(place: str) -> None:
    """It may be all that is left of an index: somebody must look at it."""
    create_index(place, attributes={})
    remove_references(place)
    with pytest.raises(StorageError, match=r"lost the reference.*semcorpus repair"):
        create_index(place, attributes={})
    snapshots = Location.parse(place).child("store", "snapshots")
    assert len(snapshots.filesystem().ls(snapshots.url)) == 2


def test_an_index_is_not_made_over_another(place: str) -> None:
    create_index(place, attributes={"shard_rows": 8})
    with pytest.raises(UsageError, match="already"):
        create_index(place, attributes={"shard_rows": 16})
    assert open_index(place).read().attrs["shard_rows"] == 8


def test_an_index_is_not_made_among_other_things(place: str, tmp_path: Path) -> None:
    location = Location.parse(place)
    if location.is_local:
        location.path.mkdir(parents=True)
    location.filesystem().pipe_file(location.child("thesis.docx").url, b"x")
    with pytest.raises(UsageError, match="not empty"):
        create_index(place, attributes={})
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        create_index(tmp_path / "file", attributes={})


def test_a_newer_format_names_both(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr(index_module, "FORMAT_VERSION", FORMAT_VERSION + 6)
        create_index(place, attributes={})
    with pytest.raises(IndexFormatError) as caught:
        open_index(place)
    assert f"format {FORMAT_VERSION + 6}" in str(caught.value)
    assert f"up to format {FORMAT_VERSION}" in str(caught.value)
    assert software_version() in str(caught.value)
    assert index_exists(place)


@pytest.mark.parametrize("kind", ["group", "array", "none"])
def test_somebody_elses_store(place: str, kind: str) -> None:
    session = bare_store(place).writable_session("main")
    if kind == "none":
        zarr.create_group(session.store, path="sub").attrs["x"] = 1
    elif kind == "group":
        zarr.create_group(session.store).attrs["x"] = 1
    else:
        zarr.create_array(session.store, shape=(3,), dtype="i4")
    session.commit("theirs")
    with pytest.raises(IndexFormatError, match="semcorpus did not make"):
        open_index(place)
    with pytest.raises(UsageError, match="already"):
        create_index(place, attributes={})


def test_a_store_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    create_index(tmp_path / "index", attributes={})
    index = open_index(tmp_path / "index")
    for path in (tmp_path / "index/store/snapshots").glob("*"):
        path.unlink()
    with pytest.raises(StorageError, match=r"is damaged.*it is missing.*semcorpus repair"):
        open_index(tmp_path / "index")
    (tmp_path / "index/store/refs/branch.main/ref.json").write_text("{")
    with pytest.raises(StorageError, match="Reading"):
        _ = index.commit


WRITER = """
import sys, itertools, numpy as np
from pipeline.index.store import open_index
from pipeline.index.tables import write_table
transaction = open_index(sys.argv[1]).begin()
for n in itertools.count(1):
    write_table(transaction.root, "t", {"a": np.full(5000, n), "b": np.random.default_rng(n).random(5000)})
    transaction.commit(f"{n}", {})
    print(n, flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.013, 0.031])
def test_a_killed_writer_leaves_its_last_commit(tmp_path: Path, delay: float) -> None:
    place = tmp_path / "index"
    create_index(place, attributes={})
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(place)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert [writer.stdout.readline().strip() for _ in range(5)] == ["1", "2", "3", "4", "5"]
    time.sleep(delay)
    writer.kill()
    rest = writer.stdout.read().split()
    writer.wait()
    writer.stdout.close()
    index = open_index(place)
    newest = int(index.history()[0].message)
    assert newest >= int((rest or ["5"])[-1])
    table = read_table(index.read(), "t")
    assert (table["a"] == newest).all()
    assert np.array_equal(table["b"], np.random.default_rng(newest).random(5000))
    assert commit(str(place), [7], "after") == open_index(place).commit


def test_a_report_is_published_beside_the_store(place: str) -> None:
    index = create_index(place, attributes={})
    publish_report(index.location, commit=index.commit, key=1, tables={}, files={"report.html": b"x"}, stamp={})
    assert open_index(place).commit == index.commit
