"""What people entered, in ``INDEX/annotations/``: append-only, outside the store, so that no rollback touches it.

``annotations/KIND/000001.jsonl`` and so on: a file for each time that somebody entered something, never changed
afterwards, a JSON object a line. Later files and lines come after earlier ones. A writer holds a lock of its own
(``annotations/writer.lock``), so that entering works while a job writes to the store; in a bucket the object is created
only where none of its name exists.
"""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final

from pipeline.errors import StorageError
from pipeline.index.lock.writer import writer_lock
from pipeline.storage.failures import storage_failures
from pipeline.storage.location import Location

FOLDER: Final = "annotations"
_NAME: Final = re.compile(r"^(\d{6})\.jsonl$")
_ATTEMPTS: Final = 20  # others who create an object at the same moment


def append_annotations(location: Location, kind: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Add records at the end, all of them or none.

    Parameters
    ----------
    location : Location
        The index.
    kind : str
        What they are about, for example ``scale``: a folder of its own.
    records : sequence of mapping
        JSON-like.

    Raises
    ------
    IndexLockedError
        Somebody else is entering something at this moment.
    StorageError
        They cannot be written.
    """
    if not records:
        return
    data = _lines(records)
    place = location.child(FOLDER, kind)
    with storage_failures("entering annotations into", location.url):
        if location.is_local:
            place.path.mkdir(parents=True, exist_ok=True)
            with writer_lock(location.child(FOLDER)):
                _write_durably(place, _next(_numbers(place)), data)
        else:
            _create_object(place, data)


def read_annotations(location: Location, kind: str) -> list[dict[str, Any]]:
    """All records in the order in which they were entered; none where nothing was.

    Raises
    ------
    StorageError
        A file cannot be read, or is no longer what was written.
    """
    place = location.child(FOLDER, kind)
    found: list[dict[str, Any]] = []
    with storage_failures("reading the annotations of", location.url):
        filesystem = place.filesystem()
        for number in _numbers(place):
            name = place.child(f"{number:06d}.jsonl").url
            found += _parse(filesystem.cat_file(name), name)
    return found


def erase_from_annotations(
    location: Location, kind: str, without: Callable[[dict[str, Any]], dict[str, Any] | None]
) -> None:
    """Rewrite the records of a kind: the one exception to their being append-only, for what must be forgotten.

    Parameters
    ----------
    location : Location
        The index.
    kind : str
        As in `append_annotations`.
    without : callable
        Gives a record without what must go, or None where nothing of it stays. Files whose records it leaves as they
        are, are left as they are.

    Raises
    ------
    IndexLockedError
        Somebody else is entering something at this moment.
    StorageError
        A file cannot be read or written, or is damaged.
    """
    place = location.child(FOLDER, kind)
    with storage_failures("forgetting in the annotations of", location.url):
        if not _numbers(place):
            return
        lock = writer_lock(location.child(FOLDER)) if location.is_local else nullcontext()
        with lock:
            for number in _numbers(place):
                name = f"{number:06d}.jsonl"
                records = _parse(place.filesystem().cat_file(place.child(name).url), name)
                kept = [left for record in records if (left := without(record)) is not None]
                if kept == records:
                    continue
                if location.is_local:
                    _write_durably(place, name, _lines(kept))
                else:
                    place.filesystem().pipe_file(place.child(name).url, _lines(kept))


def _lines(records: Sequence[Mapping[str, Any]]) -> bytes:
    # A file of no records is an empty line: one of no bytes is damaged.
    lines = [json.dumps(record, sort_keys=True, ensure_ascii=False) + "\n" for record in records]
    return ("".join(lines) or "\n").encode()


def _parse(data: bytes, name: str) -> list[dict[str, Any]]:
    try:
        records = [json.loads(line) for line in data.decode().splitlines() if line]
    except ValueError as error:
        raise StorageError(f"{name} is damaged ({error}). Bring it back from a backup: people entered it.") from error
    if not data.endswith(b"\n") or not all(isinstance(record, dict) for record in records):
        raise StorageError(f"{name} is damaged (cut off). Bring it back from a backup: people entered it.")
    return records


def _numbers(place: Location) -> list[int]:
    filesystem = place.filesystem()
    try:
        names = filesystem.ls(place.url, detail=False)
    except FileNotFoundError:
        return []
    matches = (_NAME.match(str(name).rpartition("/")[2]) for name in names)
    return sorted(int(match[1]) for match in matches if match)


def _next(numbers: Sequence[int]) -> str:
    return f"{numbers[-1] + 1 if numbers else 1:06d}.jsonl"


def _write_durably(place: Location, name: str, data: bytes) -> None:
    """Aside, to the disk, then renamed: the file is there as a whole, also after a loss of power."""
    final = place.path / name
    aside = final.with_name(f".{final.name}.new")
    with open(aside, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    aside.replace(final)
    folder = os.open(place.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _create_object(place: Location, data: bytes) -> None:
    filesystem = place.filesystem()
    for _ in range(_ATTEMPTS):
        try:
            filesystem.pipe_file(place.child(_next(_numbers(place))).url, data, mode="create")
        except FileExistsError:
            continue  # somebody was quicker: ours comes after theirs
        return
    raise StorageError(f"{place.url} is being written by many at once; try again.")
