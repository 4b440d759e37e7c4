"""Writing so that nothing that was finished is lost with the power: the one place that renames and syncs files.

A file is written aside, synced, renamed, and its folder is synced: a reader sees the old content or the new one, never
a part, and after a loss of power one of the two is there. Files that others have written (the store's) are synced as
they are, with their folders, before anything refers to them.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.storage.location import Location

_THREADS = 8  # syncs under way at once: a file system puts those of one moment into one write of its journal


def write_durably(place: Location, data: bytes) -> None:
    """Replace or make a file or object, whole and for good; folders above it are made.

    In a bucket an object is whole by itself and kept once the service has answered.

    Raises
    ------
    OSError
        It cannot be written; the old content is left.
    """
    if not place.is_local:
        place.filesystem().pipe_file(place.url, data)
        return
    make_folder(place.path.parent)
    aside = place.path.with_name(f".{place.path.name}.new")
    try:
        aside.unlink(missing_ok=True)  # what a killed writer left
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        aside.replace(place.path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    _sync(place.path.parent)


def make_folder(path: Path) -> None:
    """Make a folder and those above it; each new one stands in the one above for good."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    _sync(path.parent)


def remove_durably(paths: Iterable[Path]) -> None:
    """Delete files, for good; those that are not there are passed over."""
    gone = list(paths)
    for path in gone:
        path.unlink(missing_ok=True)
    for folder in sorted({path.parent for path in gone}):
        if folder.is_dir():
            _sync(folder)


def sync_folder(path: Path) -> None:
    """Sync a folder: what has been made, renamed or deleted in it."""
    _sync(path)


def sync_files(paths: Iterable[Path]) -> None:
    """Sync files that are written already, and then the folders that they stand in."""
    files = list(paths)
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(_sync, files))
    for folder in sorted({path.parent for path in files}):
        _sync(folder)


def sync_tree(root: Path) -> None:
    """Sync everything below a folder, the folder, and its entry in the one above."""
    folders = [root]
    for folder, _, names in os.walk(root):
        folders.append(Path(folder))
        sync_files(Path(folder, name) for name in names)
    for path in reversed(folders):
        _sync(path)
    _sync(root.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
