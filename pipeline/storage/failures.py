"""Turns the store's own exceptions into one readable `StorageError`."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import icechunk

from pipeline.errors import IndexLockedError, SemcorpusError, StorageError

_FULL = ("no space left", "disk quota exceeded", "os error 28", "os error 122")
_DENIED = ("permission denied", "os error 13", "accessdenied", "access denied", "read-only file system")
_SERVICES = frozenset({"adlfs", "aiobotocore", "aiohttp", "azure", "botocore", "ftplib", "gcsfs", "google", "paramiko"})
_CLOCK = "invalid snapshot timestamp ordering"
_DAMAGED = ("zstd decompression error", "checksum do not match", "checksums do not match")
# What Icechunk says of its own files; a missing one is damage too, since it deletes none that is needed.
_STORE_DAMAGED = (
    "snapshot not found",
    "invalid magic numbers",
    "range was invalid",
    "cannot serialize ref",
    "x i/o error",
    "not found: no such file",
    "flatbuffer",
)


@contextmanager
def storage_failures(doing: str, place: str) -> Iterator[None]:
    """Translate what Icechunk, fsspec and the operating system raise while ``doing`` something at ``place``."""
    try:
        yield
    except SemcorpusError:
        raise
    except icechunk.ConflictError as error:
        raise IndexLockedError(
            f"Another process has written to the index {place} meanwhile; nothing of this step was kept. "
            "Wait for it to finish and start again."
        ) from error
    except Exception as error:
        translated = storage_error(error, doing, place)
        if translated is None:
            raise
        raise translated from error


def storage_error(error: BaseException, doing: str, place: str) -> StorageError | None:
    """The readable error for one that a disk, a bucket or damaged data have caused; None for any other."""
    known = isinstance(error, icechunk.IcechunkError | OSError) or _is_of_a_service(error)
    if known or is_damage(error) or is_disk_full(error):
        return StorageError(_explain(error, doing, place))
    return None


def is_disk_full(error: BaseException) -> bool:
    """Whether an exception, or one that caused it, means that the disk is full."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(word in str(seen).lower() for word in _FULL):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def is_damage(error: BaseException) -> bool:
    """Whether an exception means that stored bytes are not those that were written (a checksum disagrees)."""
    text = str(error).lower()
    if isinstance(error, icechunk.IcechunkError):
        return any(word in text for word in _STORE_DAMAGED)
    return isinstance(error, RuntimeError | ValueError) and any(word in text for word in _DAMAGED)


def _is_of_a_service(error: BaseException) -> bool:
    """Whether it comes from a library that fsspec speaks to a service with and passes on; it may not be installed."""
    return type(error).__module__.partition(".")[0] in _SERVICES


def _explain(error: BaseException, doing: str, place: str) -> str:
    text = str(error)
    if is_disk_full(error):
        return (
            f"The disk is full: {doing} {place} failed. The index is as it was after its last commit; make room and "
            "run the same command again."
        )
    if any(word in text.lower() for word in _DENIED):
        return f"No permission for {doing} {place}: {_first_line(text)}."
    if _CLOCK in text:
        return (
            f"{doing[:1].upper()}{doing[1:]} {place} failed: the clock of this machine stands before the newest commit "
            "was written: it has been set back meanwhile. Set it right and run the same command again, which says more "
            "if it was that commit's clock that was ahead."
        )
    if is_damage(error):
        return (
            f"{doing[:1].upper()}{doing[1:]} {place} failed: what is stored is damaged ({_first_line(text)}). "
            "`semcorpus verify INDEX` finds all of it; `semcorpus repair INDEX` returns to the newest sound state."
        )
    return f"{doing[:1].upper()}{doing[1:]} {place} failed: {_first_line(text)}."


def _first_line(text: str) -> str:
    lines = [line.strip(" |") for line in text.splitlines()]
    useful = [line.removeprefix("x ") for line in lines if line and line != "context:"]
    return (useful[0] if useful else "no reason given")[:300].rstrip(".")
