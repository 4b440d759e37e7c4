"""What people entered, in ``INDEX/annotations/``: append-only, outside the store, so that no rollback touches it.

``annotations/KIND/000001.jsonl`` and so on: a file for each time that somebody entered something, of checksummed lines
that are chained from file to file (`sealed_lines`), and the same again in ``annotations/copies/KIND/``. Each reading
checks both, takes a damaged or lost file from the other copy, and says so. Files of an older version, which have
neither seals nor copies, are read as they are and get both when something is entered next. What was lost from the end
in both copies is the one loss that nothing tells.

A writer holds a lock of its own (``annotations/writer.lock``), so that entering works while a job writes to the store;
in a bucket an object is created only where none of its name exists.
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from pipeline.errors import StorageError
from pipeline.index.lock.writer import writer_lock
from pipeline.index.sealed_lines import DamagedLinesError, SealedLine, from_bytes, seal, to_bytes
from pipeline.storage.durable import make_folder, write_durably
from pipeline.storage.failures import storage_failures
from pipeline.storage.location import Location

FOLDER: Final = "annotations"
_COPIES: Final = "copies"
_NAME: Final = re.compile(r"^(\d{6})\.jsonl$")
_ATTEMPTS: Final = 20  # others who create an object at the same moment

Note = Callable[[str], object]


def say_nothing(_: str) -> None:
    """A `Note` that nobody reads."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file of annotations as its sound copy has it; ``stale`` are the places that do not hold just this."""

    number: int
    lines: list[SealedLine]
    data: bytes
    stale: tuple[Location, ...]
    notes: tuple[str, ...]


def append_annotations(location: Location, kind: str, records: Sequence[Mapping[str, object]]) -> None:
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
        They cannot be written, or what was entered before is damaged in both copies.
    """
    if not records:
        return
    with storage_failures("entering annotations into", location.url), _lock(location):
        token = uuid.uuid4().hex
        for _ in range(_ATTEMPTS):
            files = _read_files(location, kind)
            _mend(files)
            last = files[-1].lines[-1].id if files and files[-1].lines else ""
            number = files[-1].number + 1 if files else 1
            first, second = _places(location, kind, number)
            data = to_bytes(seal(records, last, token))
            if _create(first, data):
                write_durably(second, data)
                return
        raise StorageError(f"{location.child(FOLDER, kind).url} is being written by many at once; try again.")


def read_annotations(location: Location, kind: str, *, note: Note = say_nothing) -> list[dict[str, Any]]:
    """All records in the order in which they were entered; none where nothing was.

    Parameters
    ----------
    location : Location
        The index.
    kind : str
        As in `append_annotations`.
    note : callable
        Told, in a sentence, of each file that was taken from its copy.

    Raises
    ------
    StorageError
        A file cannot be read, or is damaged or lost in both copies.
    """
    with storage_failures("reading the annotations of", location.url):
        files = _read_files(location, kind)
    for file in files:
        for text in file.notes:
            note(f"{text}; its other copy is used, and `semcorpus repair {location.url}` writes it anew.")
    return [dict(line.record) for file in files for line in file.lines if line.record is not None]


def check_annotations(location: Location) -> tuple[int, list[str]]:
    """Files of annotations that were looked at, and what is wrong with them: in one copy, or in both."""
    problems: list[str] = []
    checked = 0
    for kind in _kinds(location):
        try:
            with storage_failures("reading the annotations of", location.url):
                files = _read_files(location, kind)
        except StorageError as error:
            problems.append(str(error))
            continue
        checked += len(files)
        problems += [text for file in files for text in file.notes]
    return checked, problems


def mend_annotations(location: Location, *, only_look: bool = False) -> list[str]:
    """Write damaged and lost files anew from their other copies; returns what was wrong.

    Raises
    ------
    StorageError
        A file is damaged or lost in both copies.
    """
    found: list[str] = []
    with storage_failures("mending the annotations of", location.url):
        for kind in _kinds(location):
            with nullcontext() if only_look else _lock(location):
                files = _read_files(location, kind)
                found += [text for file in files for text in file.notes]
                if not only_look:
                    _mend(files)
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
    with storage_failures("forgetting in the annotations of", location.url):
        if not _numbers(location.child(FOLDER, kind)):
            return
        with _lock(location):
            files = _read_files(location, kind)
            _mend(files)
            for file in files:
                kept = [line.with_record(without(dict(line.record)) if line.record else None) for line in file.lines]
                if kept != file.lines:
                    for place in _places(location, kind, file.number):
                        write_durably(place, to_bytes(kept))


def _lock(location: Location) -> AbstractContextManager[object]:
    if not location.is_local:
        return nullcontext()
    make_folder(location.path / FOLDER)
    return writer_lock(location.child(FOLDER))


def _places(location: Location, kind: str, number: int) -> tuple[Location, Location]:
    name = f"{number:06d}.jsonl"
    return location.child(FOLDER, kind, name), location.child(FOLDER, _COPIES, kind, name)


def _read_files(location: Location, kind: str) -> list[_File]:
    """All files of a kind, each from a sound copy, and chained."""
    first = _numbers(location.child(FOLDER, kind))
    second = _numbers(location.child(FOLDER, _COPIES, kind))
    files: list[_File] = []
    after = ""
    for number in range(1, max([0, *first, *second]) + 1):
        places = _places(location, kind, number)
        files.append(_read_file(places, number, after))
        after = files[-1].lines[-1].id if files[-1].lines else after
    return files


def _read_file(places: tuple[Location, Location], number: int, after: str) -> _File:
    """A file from the first of its copies that is sound and follows the line ``after``."""
    found: list[tuple[list[SealedLine], bytes]] = []
    wrong: dict[str, str] = {}
    bare: list[SealedLine] | None = None
    for place in places:
        try:
            lines = _sealed_lines(place, after)
            if lines is not None:
                found.append((lines, to_bytes(lines)))
            elif place is places[0]:
                bare = _bare_lines(place, after)
            wrong.update({} if lines is not None else {place.url: "has lost its seals"})
        except FileNotFoundError:
            wrong[place.url] = "is missing"
        except DamagedLinesError as error:
            wrong[place.url] = f"is damaged ({error})"
    if bare is not None and not found:  # of an older version, which made no second copy
        return _File(number, bare, to_bytes(bare) or b"\n", places, ())
    if not found:
        raise StorageError(
            f"{places[0].url} {wrong[places[0].url]}, and {places[1].url} {wrong[places[1].url]}. Bring one of them "
            "back from a backup: people entered it."
        )
    lines, data = found[0]
    if found[-1][1] != data:
        wrong[places[1].url] = "is not what its first copy is"
    stale = tuple(place for place in places if place.url in wrong)
    return _File(number, lines, data, stale, tuple(f"{place} {what}" for place, what in wrong.items()))


def _sealed_lines(place: Location, after: str) -> list[SealedLine] | None:
    """The lines of a copy; None where they have no seals."""
    found = [line for line in from_bytes(place.filesystem().cat_file(place.url)) if isinstance(line, SealedLine)]
    if not found:
        return None
    if found[0].after != after:
        raise DamagedLinesError("it does not follow the file before it")
    return found


def _bare_lines(place: Location, after: str) -> list[SealedLine]:
    lines = from_bytes(place.filesystem().cat_file(place.url))
    return seal([line for line in lines if isinstance(line, dict)], after, "")


def _mend(files: Sequence[_File]) -> None:
    for file in files:
        for place in file.stale:
            write_durably(place, file.data)


def _create(place: Location, data: bytes) -> bool:
    """Make a file or object where there is none; whether it is ours that is there now."""
    if place.is_local:  # the lock is held
        write_durably(place, data)
        return True
    filesystem = place.filesystem()
    try:
        filesystem.pipe_file(place.url, data, mode="create")
    except FileExistsError:
        # Ours as well, where the answer was lost and the client has tried again: the token in it is nobody else's.
        return bool(filesystem.cat_file(place.url) == data)
    return True


def _kinds(location: Location) -> list[str]:
    names: set[str] = set()
    for place in (location.child(FOLDER), location.child(FOLDER, _COPIES)):
        try:
            entries = place.filesystem().ls(place.url, detail=True)
        except FileNotFoundError:
            continue
        names |= {str(e["name"]).rstrip("/").rpartition("/")[2] for e in entries if e["type"] == "directory"}
    return sorted(names - {_COPIES})


def _numbers(place: Location) -> list[int]:
    filesystem = place.filesystem()
    try:
        names = filesystem.ls(place.url, detail=False)
    except FileNotFoundError:
        return []
    matches = (_NAME.match(str(name).rpartition("/")[2]) for name in names)
    return sorted(int(match[1]) for match in matches if match)
