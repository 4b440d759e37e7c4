"""Checks of the store's own files: reference, snapshots, lists of chunks and transaction logs, to the beginning."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

import imagecodecs

from pipeline.errors import StorageError
from pipeline.index.commit_records import CommitRecord, digest, read_records, read_reference_copy
from pipeline.index.history import Commit
from pipeline.index.store import Index
from pipeline.index.store_files import FIRST_SNAPSHOT, HEADER_BYTES, MAGIC

Problem = str
_PLAIN: Final = 0  # the header's word for content that is not compressed


def check_history(index: Index) -> Iterator[tuple[str, Problem]]:
    """Each file of the history that was looked at, and what is wrong with it (empty if nothing).

    A walk of finite length whatever the files say. Where a commit has a record (`commit_records`), its files must be
    the very bytes that were written; where it has none, they must be there and be readable.
    """
    records, damaged = read_records(index.location)
    yield from ((path, f"the commit's record {path} is damaged") for path in damaged)
    yield "reference", _reference_problem(index, records)
    digests = {name: value for record in records.values() for name, value in record.files.items()}
    seen: set[str] = set()
    commits: list[Commit] = []
    try:
        for commit in index.walk():
            commits.append(commit)
            names = [name for name in files_of(index, commit) if name not in seen]
            seen.update(names)
            for name in names:
                yield name, _problem(index, name, digests)
    except StorageError as error:
        yield "history", str(error)
    yield from _missing_records(index, commits, records)


def files_of(index: Index, commit: Commit) -> list[str]:
    """Paths below the store of a commit's snapshot and log, and of all lists of chunks that it refers to."""
    found = json.loads(index.repository.inspect_snapshot(commit.id))
    own = [f"snapshots/{commit.id}", *([f"transactions/{commit.id}"] if commit.id != FIRST_SNAPSHOT else [])]
    return own + [f"manifests/{manifest['id']}" for manifest in found["manifests"]]


def _problem(index: Index, name: str, digests: Mapping[str, str]) -> Problem:
    place = index.location.child("store", *name.split("/"))
    try:
        data = place.filesystem().cat_file(place.url)
    except FileNotFoundError:
        return f"{place.url} is missing"
    if name in digests:
        return "" if digest(data) == digests[name] else f"{place.url} is not what was written"
    return "" if is_readable(data) else f"{place.url} cannot be read"


def is_readable(data: bytes) -> bool:
    """Whether a file of the store has its header and can be decompressed."""
    if not data.startswith(MAGIC) or len(data) <= HEADER_BYTES:
        return False
    if data[HEADER_BYTES - 1] == _PLAIN:
        return True
    try:
        return bool(imagecodecs.zstd_decode(data[HEADER_BYTES:]))
    except RuntimeError:
        return False


def _reference_problem(index: Index, records: Mapping[str, CommitRecord]) -> Problem:
    """The copy is written first, so that it may be one commit ahead where a writer was killed between the two."""
    copy = read_reference_copy(index.location)
    if copy in (None, index.commit) or (copy in records and records[copy].parent == index.commit):
        return ""
    return f"the reference to the newest commit names {index.commit}, and its copy {copy}"


def _missing_records(
    index: Index, commits: list[Commit], records: Mapping[str, CommitRecord]
) -> Iterator[tuple[str, Problem]]:
    """Commits of an older version, which wrote no records, are older than all that have one."""
    oldest = max((n for n, commit in enumerate(commits) if commit.id in records), default=0)
    for commit in commits[:oldest]:
        if commit.id not in records:
            yield "record", f"the record of commit {commit.id} in {index.location.child('commits').url} is missing"
