"""One writer at a time, who is named, and whose lock dies with him."""

import getpass
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import IndexLockedError, StorageError
from pipeline.storage.location import Location
from pipeline.storage.lock import LOCK_NAME, writer_lock

HOLDER = """
import sys
from pipeline.storage.location import Location
from pipeline.storage.lock import writer_lock
with writer_lock(Location.parse(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(folder: Path) -> "subprocess.Popen[str]":
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def close(process: "subprocess.Popen[str]") -> None:
    process.communicate()


def test_a_second_writer_is_told_who_writes_until_that_one_is_killed(tmp_path: Path) -> None:
    place = Location.parse(tmp_path)
    holder = hold(tmp_path)
    try:
        owner = rf"by process {holder.pid} of {getpass.getuser()} on .*, since 20"
        with pytest.raises(IndexLockedError, match=owner), writer_lock(place):
            pytest.fail("two writers")
    finally:
        holder.send_signal(signal.SIGKILL)
        close(holder)
    with writer_lock(place):
        assert f"process {os.getpid()} " in (tmp_path / LOCK_NAME).read_text()
    with writer_lock(place):
        pass


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), writer_lock(Location.parse(tmp_path)):
        raise KeyError
    close(hold(tmp_path))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Locking the index"), writer_lock(Location.parse(tmp_path / "nowhere")):
        pytest.fail("locked nothing")


def test_a_file_system_without_locks_and_a_user_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1000740000")

    monkeypatch.setattr(getpass, "getuser", nameless)
    with writer_lock(Location.parse(tmp_path)):
        assert f"of user {os.getuid()} on" in (tmp_path / LOCK_NAME).read_text()

    def unsupported(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    with pytest.raises(StorageError, match="Operation not supported"), writer_lock(Location.parse(tmp_path)):
        pytest.fail("locked nothing")


def test_a_bucket_needs_no_lock() -> None:
    with writer_lock(Location.parse("s3://bucket/index")), writer_lock(Location.parse("s3://bucket/index")):
        pass
