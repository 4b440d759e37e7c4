"""One writer at a time: a lock with an owner, which dies with the owner and expires when the owner's machine does.

In a local folder the kernel holds the lock (``flock``) and drops it even after ``kill -9``. Where the folder is shared
and the kernels of two machines do not know of each other's locks, and in a bucket, the owner's record is a lease: it is
renewed while the owner lives and may be taken over once it has expired.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from pipeline.errors import IndexLockedError, StorageError
from pipeline.index.lock.bucket_record import BucketRecord, RecordChangedError
from pipeline.index.lock.owner import LEASE, Owner, this_process
from pipeline.storage.failures import storage_failures
from pipeline.storage.location import Location

LOCK_NAME = "writer.lock"
_LONGEST_RECORD = 4096
_RENEWALS = 6  # a lease's length: five may fail before another writer may take over
_POLL_SECONDS = 2.0


class _Record(Protocol):
    """Where the owner is written down."""

    def read(self) -> Owner | None: ...

    def write(self, owner: Owner) -> None:
        """Replace what was read last; another writer in between raises `RecordChangedError`."""

    def clear(self) -> None: ...


class Lease:
    """The right to write, as long as `check` raises nothing."""

    def __init__(self, record: _Record, owner: Owner, place: str) -> None:
        self._record = record
        self._owner = owner
        self._place = place
        self._doing = ""
        self._lost = ""
        self._renewed = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_stopped, name="lease", daemon=True)
        self._thread.start()

    def tell(self, doing: str) -> None:
        """Say what is being worked on; others read it at the next renewal."""
        self._doing = doing

    def check(self) -> None:
        """Raise `IndexLockedError` if another writer may have taken over: then nothing more may be committed."""
        if not self._lost and time.monotonic() - self._renewed > LEASE.total_seconds():
            self._lost = "it could not be renewed in time"
        if self._lost:
            raise IndexLockedError(
                f"The lock on the index {self._place} was lost ({self._lost}); nothing more is written. What was "
                "committed before is kept; run the same command again."
            )

    def close(self) -> None:
        """Stop renewing and give the lock back, unless it is another's by now."""
        self._stopped.set()
        self._thread.join()
        if not self._lost:
            with suppress(StorageError, RecordChangedError), storage_failures("unlocking the index", self._place):
                self._record.clear()

    def _renew_until_stopped(self) -> None:
        while not self._stopped.wait(LEASE.total_seconds() / _RENEWALS) and not self._lost:
            self._renew()

    def _renew(self) -> None:
        try:
            with storage_failures("renewing the lock of", self._place):
                found = self._record.read()
                if found is None or found.token != self._owner.token:
                    raise RecordChangedError(str(found or "nobody"))
                self._owner = self._owner.renewed(self._doing)
                self._record.write(self._owner)
        except RecordChangedError as error:
            self._lost = f"it is held by {error}"
        except StorageError:
            return  # a network may come back; `check` knows when it is too late
        self._renewed = time.monotonic()


@contextmanager
def writer_lock(
    location: Location, *, wait_seconds: float = 0.0, waiting: Callable[[str], object] = lambda text: None
) -> Iterator[Lease]:
    """Hold the index for writing.

    Parameters
    ----------
    location : Location
        The index.
    wait_seconds : float
        How long to wait for another writer to finish.
    waiting : callable
        Told once, in a sentence, that another writer is waited for.

    Raises
    ------
    IndexLockedError
        Somebody else writes; the message says who and since when.
    StorageError
        The place cannot be written, or cannot be locked.
    """
    deadline = time.monotonic() + wait_seconds
    with _open_record(location, deadline, waiting) as record:
        owner = this_process()
        _take(record, owner, location, deadline, waiting)
        lease = Lease(record, owner, location.url)
        try:
            yield lease
        finally:
            lease.close()


def read_owner(location: Location) -> Owner | None:
    """Who writes the index now, None if nobody does; for people, since it may change at any moment."""
    with storage_failures("reading the lock of", location.url):
        if not location.is_local:
            owner = BucketRecord(location.child(LOCK_NAME)).read()
        else:
            try:
                owner = Owner.from_json((location.path / LOCK_NAME).read_text(errors="replace"))
            except FileNotFoundError:
                return None
    return owner if owner and owner.is_alive else None


@contextmanager
def _open_record(location: Location, deadline: float, waiting: Callable[[str], object]) -> Iterator[_Record]:
    if not location.is_local:
        yield BucketRecord(location.child(LOCK_NAME))
        return
    with storage_failures("locking the index", location.url):
        handle = os.open(location.path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        record = _LockedFile(handle)
        with storage_failures("locking the index", location.url):
            _until_free(record.lock, location, deadline, waiting)
        yield record
    finally:
        os.close(handle)


class _LockedFile:
    """The owner in a file that the kernel locks."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def lock(self) -> Owner | str | None:
        """Lock the file; who holds it if another process does."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self.read() or "another process"
        return None

    def read(self) -> Owner | None:
        return Owner.from_json(os.pread(self._handle, _LONGEST_RECORD, 0).decode(errors="replace"))

    def write(self, owner: Owner) -> None:
        record = owner.to_json().encode(errors="replace")
        os.pwrite(self._handle, record.ljust(_LONGEST_RECORD), 0)

    def clear(self) -> None:
        os.ftruncate(self._handle, 0)


def _take(record: _Record, owner: Owner, location: Location, deadline: float, waiting: Callable[[str], object]) -> None:
    def attempt() -> Owner | str | None:
        found = record.read()
        if found and found.is_alive and found.token != owner.token:
            return found
        try:
            record.write(owner.renewed(""))
        except RecordChangedError:
            return record.read() or "another process"
        return None

    with storage_failures("locking the index", location.url):
        _until_free(attempt, location, deadline, waiting)


def _until_free(
    attempt: Callable[[], Owner | str | None], location: Location, deadline: float, waiting: Callable[[str], object]
) -> None:
    told = False
    while holder := attempt():
        left = deadline - time.monotonic()
        if left <= 0:
            raise IndexLockedError(
                f"The index {location.url} is being written by {holder}. Wait for it to finish, or stop it; "
                "--wait SECONDS waits for it."
            )
        if not told:
            waiting(f"The index is being written by {holder}; waiting for it to finish.")
            told = True
        time.sleep(min(_POLL_SECONDS, left))
