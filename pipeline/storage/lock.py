"""One writer at a time: an advisory lock beside the store, released by the kernel even after ``kill -9``."""

import fcntl
import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pipeline.errors import IndexLockedError
from pipeline.storage.failures import storage_failures
from pipeline.storage.location import Location

LOCK_NAME = "writer.lock"


@contextmanager
def writer_lock(location: Location) -> Iterator[None]:
    """Hold the index for writing.

    In a bucket Icechunk itself refuses a commit that would overwrite another's, so nothing is locked there.

    Raises
    ------
    IndexLockedError
        Somebody else writes; the message says who and since when.
    """
    if not location.is_local:
        yield
        return
    path = location.path / LOCK_NAME
    with storage_failures("locking the index", location.url):
        handle = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - held as long as the caller writes
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            owner = handle.read().strip() or "another process"
            raise IndexLockedError(
                f"The index {location.url} is being written by {owner}. Wait for it to finish, or stop it."
            ) from error
        handle.truncate(0)
        handle.write(_owner())
        handle.flush()
        try:
            yield
        finally:
            handle.truncate(0)


def _owner() -> str:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return f"process {os.getpid()} of {getpass.getuser()} on {socket.gethostname()}, since {now}"
