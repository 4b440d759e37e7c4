"""A commit that was written by a clock ahead: what says so, what is waited for, and the way out."""

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.errors import StorageError
from pipeline.index import clock
from pipeline.index.store import Index, create_index, open_index


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """With two commits on top of the first."""
    made = create_index(tmp_path / "index", attributes={})
    for number in range(2):
        transaction = made.begin()
        transaction.root.attrs["number"] = number
        transaction.commit(f"commit {number}", {"stage": "made"})
    return made


def at(monkeypatch: pytest.MonkeyPatch, when: datetime) -> None:
    """Let the machine's clock stand there."""
    monkeypatch.setattr(clock, "now", lambda: when)


def test_a_commit_of_the_future_is_refused_with_the_way_out(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last commit is of a year later, by a clock that stands a year before it."""
    newest, before, *_ = index.history()
    real = clock.walk_history
    later = {newest.id: newest.written + timedelta(days=365)}
    monkeypatch.setattr(
        clock,
        "walk_history",
        lambda *places: (
            type(commit)(
                commit.id, commit.parent, commit.message, later.get(commit.id, commit.written), commit.metadata
            )
            for commit in real(*places)
        ),
    )
    with pytest.raises(StorageError, match="a clock that was ahead") as caught:
        index.begin()
    assert f"{newest.written + timedelta(days=365):%F %T}" in str(caught.value)
    way = re.search(r"`semcorpus rollback (\S+) (\w+)`.*gives up 1 later", str(caught.value))
    assert way is not None
    assert way.groups() == (index.url, before.id)
    assert open_index(way[1]).rollback(way[2]) == before.id
    transaction = index.begin()
    transaction.root.attrs["number"] = 7
    transaction.commit("after", {"stage": "made"})
    assert dict(open_index(index.url).read().attrs)["number"] == 7


def test_an_index_of_the_future_alone_has_no_way_back(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, datetime(2001, 1, 1, tzinfo=UTC))
    with pytest.raises(StorageError, match="all of its commits are"):
        index.begin()
    assert index.read().attrs["number"] == 1  # reading goes on


def test_seconds_are_waited_for(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, index.history()[0].written - timedelta(seconds=20))
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    index.begin()
    assert waited == [pytest.approx(20)]
