"""A draft of a repaired store in a local folder: the store as it would be, looked at before anything is written.

Chunks are the store's own, by a link; all other files are links until they are mended, which does not touch the index.
What a repair does is then the difference between the draft and the store.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import icechunk

from pipeline.index.commit_records import CommitRecord, digest
from pipeline.index.history import BrokenHistoryError, Commit, walk_history
from pipeline.index.store import Index
from pipeline.index.store_files import FIRST_SNAPSHOT, METADATA, with_parent, write_reference
from pipeline.storage.durable import write_durably
from pipeline.storage.location import Location


@dataclass
class Draft:
    """The folder of the draft, and what in its store differs from that of the index: names of files, and why."""

    index: Location
    root: Location
    changed: dict[str, str] = field(default_factory=dict)

    def read(self, name: str) -> bytes | None:
        """A file of the store as it would be; None where it is missing."""
        place = self.root.path / "store" / name
        return place.read_bytes() if place.is_file() else None

    def put(self, name: str, data: bytes, why: str) -> None:
        """Write a file of the draft."""
        place = self.root.path / "store" / name
        place.parent.mkdir(exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_bytes(data)
        self.changed[name] = why

    def at(self, commit: str) -> Index:
        """The index as it would be at a commit, read anew."""
        store = self.root.child("store")
        write_reference(store.path, commit)
        return Index(self.root, icechunk.Repository.open(store.icechunk_storage()), commit)

    def commits(self) -> dict[str, Commit]:
        """All commits whose snapshots can be read, whether or not the branch leads to them."""
        repository, found = self.at(FIRST_SNAPSHOT).repository, {}
        for path in sorted((self.root.path / "store" / "snapshots").iterdir()):
            try:
                found[path.name] = next(walk_history(repository, path.name, self.index.url))
            except BrokenHistoryError:
                continue
        return found

    def apply(self) -> None:
        """Write what has changed into the store; the reference is moved by whoever calls."""
        for name in sorted(self.changed):
            data = self.read(name)
            if data is not None:
                write_durably(self.index.child("store", *name.split("/")), data)


@contextmanager
def open_draft(index: Location, records: Mapping[str, CommitRecord]) -> Iterator[Draft]:
    """A draft in which every file that has a sound copy in a record is as it was written."""
    with TemporaryDirectory(prefix="semcorpus-repair-") as folder:
        draft, source, store = Draft(index, Location(folder)), index.path / "store", Path(folder) / "store"
        store.mkdir()
        for part in source.iterdir():
            if part.name in METADATA and part.is_dir():
                (store / part.name).mkdir()
                for file in part.iterdir():
                    (store / part.name / file.name).symlink_to(file)
            elif part.name != "refs":
                (store / part.name).symlink_to(part)
        _restore(draft, records)
        _restore_first(draft)
        yield draft


def _restore(draft: Draft, records: Mapping[str, CommitRecord]) -> None:
    for record in records.values():
        for name, wanted in record.files.items():
            found, copy = draft.read(name), record.copy_of(name)
            if copy is not None and (found is None or digest(found) != wanted):
                draft.put(name, copy, "missing" if found is None else "damaged")


def _restore_first(draft: Draft) -> None:
    """The snapshot that every store begins with says nothing, and is made anew where it is lost."""
    name = f"snapshots/{FIRST_SNAPSHOT}"
    (draft.root.path / "store" / "snapshots").mkdir(exist_ok=True)
    if FIRST_SNAPSHOT not in draft.commits():
        with TemporaryDirectory(prefix="semcorpus-repair-") as folder:
            icechunk.Repository.create(icechunk.local_filesystem_storage(folder))
            draft.put(name, (Path(folder) / name).read_bytes(), "lost, and made anew")


def whole_chain(draft: Draft, commits: Mapping[str, Commit], tip: str) -> list[Commit]:
    """A commit and its ancestors to the beginning; above a lost one, the history is joined to the newest older commit.

    Which commit that was nobody can tell any more where it had no record: it is the newest one that is older, of whole
    history, and not in the chain.
    """
    chain = _chain(commits, tip)
    while chain[-1].parent is not None:
        last = chain[-1]
        older = [c for c in commits.values() if c not in chain and c.written < last.written and _is_whole(commits, c)]
        target = max(older, key=lambda commit: commit.written, default=commits[FIRST_SNAPSHOT])
        name = f"snapshots/{last.id}"
        why = f"joined to commit {target.id}, since commit {last.parent} is lost"
        draft.put(name, with_parent(draft.read(name) or b"", last.parent or "", target.id), why)
        chain += _chain(commits, target.id)
    return chain


def _chain(commits: Mapping[str, Commit], tip: str) -> list[Commit]:
    """A commit and its ancestors, newest first, as far as they can be read."""
    chain: list[Commit] = []
    at: str | None = tip
    while at is not None and at in commits and commits[at] not in chain:
        chain.append(commits[at])
        at = commits[at].parent
    return chain


def _is_whole(commits: Mapping[str, Commit], commit: Commit) -> bool:
    return _chain(commits, commit.id)[-1].parent is None
