"""One writer at a time, who is named, and whose lock dies with him or expires with his machine."""

import getpass
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import IndexLockedError, StorageError
from pipeline.index.lock import writer as lock
from pipeline.index.lock.bucket_record import BucketRecord, RecordChangedError
from pipeline.index.lock.owner import Owner, this_process
from pipeline.index.lock.writer import LOCK_NAME, read_owner, writer_lock
from pipeline.storage.location import Location

HOLDER = """
import sys
from pipeline.storage.location import Location
from pipeline.index.lock.writer import writer_lock
with writer_lock(Location.parse(sys.argv[1])) as lease:
    lease.tell("embed, 5 of 9")
    lease._renew()
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(place: str) -> "subprocess.Popen[str]":
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def close(process: "subprocess.Popen[str]") -> None:
    process.communicate()


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """A place for an index, on disk and in a bucket."""
    if request.param == "folder":
        return Location.parse(tmp_path)
    request.getfixturevalue("s3_endpoint")
    return Location.parse(f"s3://semcorpus/{tmp_path.name}")


def write_record(place: Location, owner: Owner) -> None:
    """What another machine would have left."""
    with place.filesystem().open(place.child(LOCK_NAME).url, "wb") as file:
        file.write(owner.to_json().encode())


def elsewhere(*, expires_in: float) -> Owner:
    """An owner on another machine."""
    expires = datetime.now(UTC) + timedelta(seconds=expires_in)
    return replace(this_process(), host="node7", machine="another boot", expires=expires)


def test_a_second_writer_is_told_who_writes_until_that_one_is_killed(place: Location) -> None:
    holder = hold(place.url)
    try:
        owner = rf"by process {holder.pid} of {getpass.getuser()} on .*, since 20.*, now at embed, 5 of 9"
        with pytest.raises(IndexLockedError, match=owner), writer_lock(place):
            pytest.fail("two writers")
        found = read_owner(place)
        assert found is not None
        assert found.process == holder.pid
    finally:
        holder.send_signal(signal.SIGKILL)
        close(holder)
    assert read_owner(place) is None
    with writer_lock(place) as lease:
        found = read_owner(place)
        assert found is not None
        assert found.process == os.getpid()
        lease.check()
    assert read_owner(place) is None
    with writer_lock(place):
        pass


def test_this_process_cannot_hold_it_twice(place: Location) -> None:
    with writer_lock(place), pytest.raises(IndexLockedError, match=f"process {os.getpid()} "), writer_lock(place):
        pytest.fail("two writers")


def test_the_lock_is_free_after_an_error(place: Location) -> None:
    with pytest.raises(KeyError), writer_lock(place):
        raise KeyError
    close(hold(place.url))


def test_an_owner_on_another_machine_is_believed_until_it_expires(place: Location) -> None:
    write_record(place, elsewhere(expires_in=60))
    with pytest.raises(IndexLockedError, match="on node7"), writer_lock(place):
        pytest.fail("two writers")
    write_record(place, elsewhere(expires_in=-1))
    with writer_lock(place) as lease:
        lease.check()


def test_waiting_for_another_writer(place: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_POLL_SECONDS", 0.1)
    write_record(place, elsewhere(expires_in=1))
    told: list[str] = []
    with writer_lock(place, wait_seconds=30, waiting=told.append):
        pass
    assert len(told) == 1
    assert "on node7" in told[0]
    write_record(place, elsewhere(expires_in=60))
    with pytest.raises(IndexLockedError), writer_lock(place, wait_seconds=0.2):
        pytest.fail("two writers")


def test_a_lock_that_another_writer_took_over_is_noticed_and_left_to_it(place: Location) -> None:
    other = elsewhere(expires_in=60)
    with writer_lock(place) as lease:
        write_record(place, other)
        lease._renew()
        with pytest.raises(IndexLockedError, match=r"was lost .*node7"):
            lease.check()
    found = read_owner(place)
    assert found is not None
    assert found.token == other.token


def test_a_lock_that_could_not_be_renewed_is_given_up(place: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    with writer_lock(place) as lease:
        later = time.monotonic() + 1000
        monkeypatch.setattr(time, "monotonic", lambda: later)
        with pytest.raises(IndexLockedError, match="could not be renewed"):
            lease.check()
        monkeypatch.undo()


def test_renewing_puts_the_end_off(place: Location) -> None:
    with writer_lock(place) as lease:
        first = read_owner(place)
        lease._renew()
        second = read_owner(place)
        assert first
        assert second
        assert second.expires > first.expires
        assert second.since == first.since


def test_two_that_take_a_bucket_at_once_cannot_both_have_it(s3_endpoint: str) -> None:
    place = Location.parse("s3://semcorpus/raced/writer.lock")
    first, second = BucketRecord(place), BucketRecord(place)
    assert first.read() is None
    assert second.read() is None
    one, two = elsewhere(expires_in=60), replace(elsewhere(expires_in=60), token="two")
    first.write(one)
    with pytest.raises(RecordChangedError, match="on node7"):
        second.write(two)
    assert second.read() == one
    first.write(one.renewed("embed"))
    with pytest.raises(RecordChangedError):
        second.write(two)
    with pytest.raises(RecordChangedError):
        second.clear()
    first.clear()
    assert first.read() is None


def test_a_write_that_was_repeated_by_the_client_is_still_ours(s3_endpoint: str) -> None:
    record, owner = BucketRecord(Location.parse("s3://semcorpus/repeated/writer.lock")), elsewhere(expires_in=60)
    record.write(owner)
    record._tag = ""  # as if the answer had been lost
    record.write(owner)
    record.clear()


@pytest.mark.parametrize("text", ["", "process 7 of somebody", "[]", '{"token": 1}', "\x00" * 50])
def test_a_record_of_another_kind_names_nobody(text: str, tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).write_text(text)
    assert read_owner(Location.parse(tmp_path)) is None
    with writer_lock(Location.parse(tmp_path)):
        pass


def test_a_process_number_that_is_used_again_is_not_the_owner() -> None:
    assert this_process().is_alive
    assert not replace(this_process(), birth="1").is_alive
    assert not replace(this_process(), process=2**22 + 1).is_alive


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Locking the index"), writer_lock(Location.parse(tmp_path / "nowhere")):
        pytest.fail("locked nothing")


def test_a_file_system_without_locks_and_a_user_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1000740000")

    monkeypatch.setattr(getpass, "getuser", nameless)
    with writer_lock(Location.parse(tmp_path)):
        assert f"of user {os.getuid()} on" in str(read_owner(Location.parse(tmp_path)))

    def unsupported(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    with pytest.raises(StorageError, match="Operation not supported"), writer_lock(Location.parse(tmp_path)):
        pytest.fail("locked nothing")
