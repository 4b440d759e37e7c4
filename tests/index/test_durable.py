"""What a commit and a file leave on the disk, and in which order: the order of calls, not what a disk makes of them."""

import os
from pathlib import Path

import pytest

from pipeline.index.store import create_index, open_index
from pipeline.storage.durable import write_durably
from pipeline.storage.location import Location
from tests.index.syscalls import Event, trace, unsynced_before

COMMITS = """
import pickle, sys
import numpy as np, zarr
from pipeline.index.annotations import append_annotations
from pipeline.index.store import create_index, open_index
from pipeline.index.reports import publish_report
from pipeline.index.tables import write_table
index = create_index(sys.argv[1], attributes={})
first = index.commit
for n in range(2):
    transaction = index.begin()
    write_table(transaction.root, "t", {"a": np.full(90_000, n)})
    transaction.commit(f"{n}", {})
    fork = pickle.loads(pickle.dumps(transaction.fork()))
    write_table(zarr.open_group(fork.store, mode="r+"), f"u{n}", {"a": np.arange(90_000)})
    transaction.merge(fork)
    transaction.commit(f"fork {n}", {})
open_index(sys.argv[1]).rollback(first)
append_annotations(index.location, "scale", [{"a": 1}])
publish_report(index.location, commit=first, key=1, tables={}, files={"report.html": b"x"}, stamp={})
"""


def test_all_of_a_commit_is_synced_before_the_branch_moves(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "index"
    events = trace(COMMITS, str(place), folder=tmp_path)
    moves = [event for event in events if event.path.endswith("branch.main/ref.json") and event.kind == "rename"]
    assert len(moves) == 6  # the first commit, four more and the way back
    assert sum("/chunks/" in event.path for event in events if event.kind == "rename") >= 4
    assert unsynced_before(events, place) == []
    for folder in (tmp_path, tmp_path / "deep", place, place / "store", place / "store/refs", place / "reports"):
        assert Event("sync", str(folder)) in events, folder


def test_the_trace_finds_a_missing_sync() -> None:
    """The check above is one: without any one sync it fails."""
    root = Path("/i")
    whole = [
        Event("rename", "/i/chunks/A", "/i/chunks/A#1"),
        Event("sync", "/i/chunks/A"),
        Event("sync", "/i/chunks"),
        Event("sync", "/i/refs/.ref.json.new"),
        Event("rename", "/i/refs/ref.json", "/i/refs/.ref.json.new"),
        Event("sync", "/i/refs"),
    ]
    assert unsynced_before(whole, root) == []
    for n in (1, 2, 3, 5):
        assert unsynced_before(whole[:n] + whole[n + 1 :], root) != []
    assert unsynced_before([*whole[3:], *whole[:3]], root) == []
    assert unsynced_before([whole[0], *whole[3:], *whole[1:3]], root) != []


def test_a_file_is_whole_or_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Location.parse(tmp_path / "a" / "b" / "file")
    write_durably(place, b"old")
    (place.path.parent / ".file.new").write_bytes(b"what a killed writer left")
    write_durably(place, b"new")
    assert place.path.read_bytes() == b"new"

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_durably(place, b"newer")
    assert place.path.read_bytes() == b"new"
    assert [path.name for path in place.path.parent.iterdir()] == ["file"]


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / ".file.new").symlink_to(tmp_path / "precious")
    write_durably(Location.parse(tmp_path / "file"), b"new")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_commit_whose_sync_fails_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = create_index(tmp_path / "index", attributes={})
    before = index.commit
    transaction = index.begin()
    transaction.root.attrs["a"] = 1

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output error"):
            transaction.commit("lost", {})
    assert open_index(tmp_path / "index").commit == before
    assert "a" not in open_index(tmp_path / "index").read().attrs
