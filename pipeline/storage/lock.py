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
_LONGEST_OWNER = 1000


@contextmanager
def writer_lock(location: Location) -> Iterator[None]:
    """Hold the index for writing.

    In a bucket Icechunk itself refuses a commit that would overwrite another's, so nothing is locked there.

    Raises
    ------
    IndexLockedError
        Somebody else writes; the message says who and since when.
    StorageError
        The folder cannot be written, or cannot be locked.
    """
    if not location.is_local:
        yield
        return
    with storage_failures("locking the index", location.url):
        handle = os.open(location.path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with storage_failures("locking the index", location.url):
            _take(handle, location)
        yield
    finally:
        os.close(handle)


def _take(handle: int, location: Location) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(handle, _LONGEST_OWNER, 0).decode(errors="replace").strip() or "another process"
        raise IndexLockedError(
            f"The index {location.url} is being written by {owner}. Wait for it to finish, or stop it."
        ) from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, _owner().encode(errors="replace"), 0)


def _owner() -> str:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return f"process {os.getpid()} of {_user()} on {socket.gethostname()}, since {now}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"user {os.getuid()}"
