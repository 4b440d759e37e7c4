"""``INDEX/commits/``: a second record of every commit of a local index, from which the store's history is checked.

Icechunk's snapshots, lists of chunks and transaction logs carry no checksum, and each is there once: the newest
snapshot is a single point of failure. So a commit leaves ``commits/ID.json``, with a digest of each of these files that
it wrote and a copy of those that are not large, and ``commits/main.json``, a copy of the branch's reference. Both are
on the disk before the branch moves. In a bucket the service keeps checksums and copies, and there are no records.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.storage.durable import remove_durably, write_durably
from pipeline.storage.location import Location

FOLDER: Final = "commits"
_REFERENCE: Final = "main.json"


_COPIED_BYTES: Final = 1 << 20  # of a file of which a copy is kept: only lists of very many chunks are larger


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """What a commit wrote into the store besides chunks.

    Attributes
    ----------
    commit, parent : str
    files : mapping of str to str
        Path below the store of each snapshot, list of chunks and transaction log, and its digest.
    copies : mapping of str to str
        The bytes of these files in base64, large ones left out.
    """

    commit: str
    parent: str
    files: Mapping[str, str]
    copies: Mapping[str, str]

    def copy_of(self, name: str) -> bytes | None:
        """The bytes of a file as they were written; None where no copy was kept."""
        return base64.b64decode(self.copies[name]) if name in self.copies else None


def digest(data: bytes) -> str:
    """32 hexadecimal digits (BLAKE2b)."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def record_commit(index: Location, commit: str, parent: str, names: Iterable[str]) -> None:
    """Keep the record of a commit, whose files below the store are ``names``; the index is local."""
    contents = {name: (index.path / "store" / name).read_bytes() for name in sorted(names)}
    files = {name: digest(data) for name, data in contents.items()}
    copies = {name: base64.b64encode(data).decode() for name, data in contents.items() if len(data) <= _COPIED_BYTES}
    _write(index.child(FOLDER, f"{commit}.json"), asdict(CommitRecord(commit, parent, files, copies)))


def read_records(index: Location) -> tuple[dict[str, CommitRecord], list[str]]:
    """Records by commit, and the paths of records that are damaged; none in a bucket or an older index."""
    records, damaged = {}, []
    for path in sorted((index.path / FOLDER).glob("*.json")) if index.is_local else ():
        if path.name == _REFERENCE:
            continue
        try:
            record = CommitRecord(**_read(path))
            if record.commit != path.stem:
                raise ValueError(path.stem)
        except (OSError, ValueError, TypeError):
            damaged.append(str(path))
        else:
            records[record.commit] = record
    return records, damaged


def changed_since_written(index: Location, commit: str) -> bool:
    """Whether a commit has a record, and its snapshot is there but no longer the one that was written."""
    try:
        record = CommitRecord(**_read(index.path / FOLDER / f"{commit}.json"))
        snapshot = (index.path / "store" / "snapshots" / commit).read_bytes()
    except (OSError, ValueError, TypeError):
        return False
    return record.files.get(f"snapshots/{commit}") != digest(snapshot)


def drop_records(index: Location, commits: Iterable[str]) -> None:
    """Delete the records of commits that are no longer to be had."""
    remove_durably(index.path / FOLDER / f"{commit}.json" for commit in commits)


def write_reference_copy(index: Location, commit: str) -> None:
    """Keep which commit the branch is about to point to."""
    _write(index.child(FOLDER, _REFERENCE), {"snapshot": commit})


def read_reference_copy(index: Location) -> str | None:
    """The commit that the branch pointed to last; None where nothing, or nothing readable, says so."""
    try:
        return str(_read(index.path / FOLDER / _REFERENCE)["snapshot"]) if index.is_local else None
    except (OSError, ValueError, KeyError):
        return None


def _write(place: Location, content: Mapping[str, object]) -> None:
    text = json.dumps(content, sort_keys=True).encode()
    write_durably(place, digest(text).encode() + b" " + text + b"\n")


def _read(path: Path) -> dict[str, Any]:
    said, _, text = path.read_bytes().rstrip(b"\n").partition(b" ")
    if digest(text).encode() != said:
        raise ValueError(f"{path} is damaged")
    found: dict[str, Any] = json.loads(text)
    return found
