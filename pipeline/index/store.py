"""An index: the Icechunk repository, its commits, and the folders beside it."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import icechunk
import zarr

from pipeline.errors import IndexFormatError, StorageError, UsageError
from pipeline.index import commit_records
from pipeline.index.branch import Branch
from pipeline.index.history import Commit, broken_history, walk_history
from pipeline.index.lock.writer import LOCK_NAME
from pipeline.index.store_files import FIRST_SNAPSHOT
from pipeline.index.transaction import Transaction, software_version
from pipeline.storage.durable import make_folder, sync_files, sync_tree
from pipeline.storage.failures import storage_failures
from pipeline.storage.location import Location
from pipeline.storage.steady_bucket import steadily, steady_store

FORMAT_VERSION = 1
# The kind of a commit that changes nothing which a report shows; its metadata names the last one that did.
BOOKKEEPING = "bookkeeping"
_FORMAT = "semcorpus_format"


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a shortened history came to."""

    commits: int
    freed_bytes: int


class Index:
    """An index at a local path or ``s3://`` prefix.

    Parameters
    ----------
    location : Location
        Where it lives.
    repository : icechunk.Repository
        Its opened store.
    commit : str, optional
        Read at this commit; default the newest.
    """

    def __init__(self, location: Location, repository: icechunk.Repository, commit: str | None = None) -> None:
        self.location = location
        self._repository = repository
        self._branch = Branch(repository, location)
        self._commit = commit
        self._read: tuple[str, zarr.Group] | None = None

    @property
    def url(self) -> str:
        """Path or URL, for messages."""
        return self.location.url

    @property
    def commit(self) -> str:
        """Id of the commit that is read."""
        if self._commit:
            return self._commit
        with storage_failures("reading", self.url):
            return self._branch.tip()

    @property
    def store(self) -> icechunk.IcechunkStore:
        """Read-only Zarr store at the commit, for ``zarr.open_group`` and ``xarray.open_zarr``."""
        with storage_failures("reading", self.url):
            return self._session(self.commit).store

    def _session(self, commit: str) -> icechunk.Session:
        steadily(lambda: self._repository.lookup_snapshot(commit))  # one that cannot be read looks empty to Zarr
        return steadily(lambda: self._repository.readonly_session(snapshot_id=commit))

    def read(self) -> zarr.Group:
        """The root group at the commit, read-only; of one commit always the same, as opening costs 20 ms."""
        commit, held = self.commit, self._read
        if held is None or held[0] != commit:
            with storage_failures("reading", self.url):
                held = commit, zarr.open_group(steady_store(self._session(commit)), mode="r")
            self._read = held
        return held[1]

    def stored_blocks(self, array: zarr.Array[Any]) -> set[int]:
        """Numbers, along the first axis, of the chunks (or shards) of an array of this index that are stored."""

        async def numbers() -> set[int]:
            session = self._session(self.commit)
            return {int(place[0]) async for place in session.chunk_coordinates(f"/{array.path}") if place}

        with storage_failures("looking for the chunks of", array.path):
            return steadily(lambda: asyncio.run(numbers()))

    def begin(self) -> Transaction:
        """Start a transaction on the newest commit."""
        return Transaction(self._repository, self.location)

    @property
    def repository(self) -> icechunk.Repository:
        """The opened store, for what looks at the store itself."""
        return self._repository

    def history(self) -> list[Commit]:
        """All commits, newest first.

        Raises
        ------
        BrokenHistoryError
            One of them is lost or damaged.
        """
        return list(self.walk())

    def walk(self) -> Iterator[Commit]:
        """As `history`, one at a time."""
        with storage_failures("reading the history of", self.url):
            yield from walk_history(self._repository, self.commit, self.url)

    @property
    def work_commit(self) -> str:
        """Id of the newest commit that is no mere bookkeeping: what reports are made of."""
        newest = next(self.walk())
        return str(newest.metadata["work_commit"]) if newest.metadata.get("kind") == BOOKKEEPING else newest.id

    def is_bare(self) -> bool:
        """Whether there is nothing but the empty snapshot that Icechunk itself begins with."""
        return next(self.walk()).parent is None

    def rollback(self, commit: str) -> str:
        """Return to an earlier commit, named by the beginning of its id; ``annotations/`` stays as it is.

        Raises
        ------
        UsageError
            No commit, or more than one, begins like that.
        """
        found = [entry.id for entry in self.history() if entry.parent and entry.id.startswith(commit.upper())]
        if len(found) != 1:
            what = "No commit begins" if not found else f"{len(found)} commits begin"
            raise UsageError(f"{what} with {commit!r} in {self.url}; `semcorpus history {self.url}` lists them.")
        with storage_failures("rolling back", self.url):
            self._branch.point_to(found[0])
        return found[0]

    def drop_history(self, older_than: datetime) -> Dropped:
        """Delete commits written before a time, and every stored object that only they need; the newest always stays.

        Objects that runs which failed have left behind go as well. Nobody may be reading those commits meanwhile.
        """
        with storage_failures("deleting the history of", self.url):
            before = len(self.history())
            self._repository.expire_snapshots(older_than=older_than)
            if self.location.is_local:
                self._keep_rewritten_snapshots()
            swept = self._repository.garbage_collect(older_than)
            if self.location.is_local:
                self._drop_records()
            return Dropped(before - len(self.history()), int(swept.bytes_deleted))

    def _keep_rewritten_snapshots(self) -> None:
        """Icechunk has given the oldest commit that stays another parent: sync it, and write its record anew."""
        folder = self.location.path / "store" / "snapshots"
        sync_files(folder.iterdir())
        records, _ = commit_records.read_records(self.location)
        for commit in self.walk():
            name, record = f"snapshots/{commit.id}", records.get(commit.id)
            if record and commit_records.digest((folder / commit.id).read_bytes()) != record.files[name]:
                commit_records.record_commit(self.location, commit.id, commit.parent or "", record.files)

    def _drop_records(self) -> None:
        records, _ = commit_records.read_records(self.location)
        there = {path.name for path in (self.location.path / "store" / "snapshots").iterdir()}
        commit_records.drop_records(self.location, records.keys() - there)


def open_index(location: str | os.PathLike[str], *, commit: str | None = None) -> Index:
    """Open an existing index for reading.

    Parameters
    ----------
    location : str or path
        Local folder or ``s3://BUCKET/PREFIX``.
    commit : str, optional
        Read the index as of this commit (full id); default the newest.

    Raises
    ------
    IndexFormatError
        There is no index, its creation was interrupted, or a newer semcorpus made it.
    UsageError
        It has no such commit.

    Examples
    --------
    >>> index = open_index("INDEX")                                         # doctest: +SKIP
    >>> zarr.open_group(index.store, mode="r")["embeddings/lite0/vectors"]    # doctest: +SKIP
    """
    place = Location.parse(location)
    repository = _open_repository(place)
    if repository is None:
        raise IndexFormatError(f"There is no index at {place.url}; `semcorpus run CORPUS {place.url}` makes one.")
    if commit is not None:
        _check_commit(repository, place, commit)
    index = Index(place, repository, commit)
    if place.is_local and commit_records.changed_since_written(place, index.commit):
        raise broken_history(place.url, index.commit, "it is not what was written")
    _check_format(index)
    return index


def create_index(location: str | os.PathLike[str], *, attributes: Mapping[str, Any]) -> Index:
    """Create an empty index; ``attributes`` go to the root group.

    Raises
    ------
    UsageError
        The place is a file, a folder with other things in it, or an index.
    StorageError
        It cannot be written.
    """
    place = Location.parse(location)
    with storage_failures("creating the index", place.url):
        _check_empty(place)
        if place.is_local:
            make_folder(place.path)
        if not _exists(place.child("store").icechunk_storage()):
            _check_reference(place)
        index = Index(place, _open_or_create_store(place.child("store")))
        if place.is_local:
            sync_tree(place.path / "store")
            commit_records.record_commit(place, FIRST_SNAPSHOT, "", [f"snapshots/{FIRST_SNAPSHOT}"])
    if not index.is_bare():
        raise UsageError(f"There is an index at {place.url} already; open it, or name another folder.")
    transaction = index.begin()
    transaction.root.attrs.update({_FORMAT: FORMAT_VERSION, **attributes})
    transaction.commit("create", {"stage": "create", "kind": "layout"})
    return index


def _open_or_create_store(store: Location) -> icechunk.Repository:
    """Also where a run was killed between Icechunk's first file and its branch: it makes a store in empty places only.

    Nothing else is ever removed: such a remnant is one snapshot at most, and nothing that it refers to.
    """
    storage = store.icechunk_storage()
    if not _exists(storage):
        filesystem = store.filesystem()
        root = filesystem._strip_protocol(store.url).rstrip("/") + "/"
        remnants = filesystem.find(store.url)
        kinds = [name.removeprefix(root).partition("/")[0] for name in remnants]
        if set(kinds) <= {"snapshots", "refs", "config.yaml"} and kinds.count("snapshots") <= 1:
            for name in remnants:
                filesystem.rm_file(name)
    try:
        return icechunk.Repository.open_or_create(storage)
    except icechunk.IcechunkError:
        if not _exists(storage):
            raise
        return steadily(lambda: icechunk.Repository.open(storage))  # made, though the answer was lost


def _exists(storage: icechunk.Storage) -> bool:
    return steadily(lambda: icechunk.Repository.exists(storage))


def index_exists(location: str | os.PathLike[str]) -> bool:
    """Whether there is an index, of whatever version, at the place.

    A store that was created and then left before its first commit (a killed run) counts as none: `create_index`
    takes it over.
    """
    place = Location.parse(location)
    repository = _open_repository(place)
    return repository is not None and not Index(place, repository).is_bare()


def _open_repository(place: Location) -> icechunk.Repository | None:
    """The store of the index; None where there is none. A folder that does not exist is not made."""
    if place.is_local and not (place.path / "store").is_dir():
        return None
    storage = place.child("store").icechunk_storage()
    with storage_failures("opening the index", place.url):
        if _exists(storage):
            return steadily(lambda: icechunk.Repository.open(storage))
        _check_reference(place)
        return None


def _check_reference(place: Location) -> None:
    """A store without a branch is none yet, unless it holds commits: then somebody's index has lost its reference."""
    snapshots = place.child("store", "snapshots")
    try:
        names = snapshots.filesystem().ls(snapshots.url, detail=False)
    except FileNotFoundError:
        return
    if len(names) > 1:
        raise StorageError(
            f"The index {place.url} has lost the reference to its newest commit, though {len(names):,} snapshots are "
            f"there. `semcorpus repair {place.url}` finds it again; with --dry-run it only says what it would do."
        )


def _check_commit(repository: icechunk.Repository, place: Location, commit: str) -> None:
    try:
        repository.readonly_session(snapshot_id=commit)
    except icechunk.IcechunkError as error:
        raise UsageError(
            f"The index {place.url} has no commit {commit!r}; `semcorpus history {place.url}` lists them."
        ) from error


def _check_format(index: Index) -> None:
    if index.is_bare():
        raise IndexFormatError(
            f"The creation of the index {index.url} was interrupted; `semcorpus run CORPUS {index.url}` completes it."
        )
    try:
        found = zarr.open_group(index.store, mode="r").attrs.get(_FORMAT)
    except (zarr.errors.GroupNotFoundError, zarr.errors.ContainsArrayError):
        found = None
    if not isinstance(found, int):
        raise IndexFormatError(f"{index.url} holds an Icechunk store that semcorpus did not make.")
    if found > FORMAT_VERSION:
        raise IndexFormatError(
            f"The index {index.url} has format {found}, made by a newer semcorpus; this one "
            f"({software_version()}) reads up to format {FORMAT_VERSION}. Update semcorpus, or use another folder."
        )


def _check_empty(place: Location) -> None:
    if place.is_local and place.path.is_file():
        raise UsageError(f"{place.url} is a file; an index needs a folder of its own.")
    filesystem = place.filesystem()
    try:
        names = {str(name).rstrip("/").rpartition("/")[2] for name in filesystem.ls(place.url, detail=False)}
    except FileNotFoundError:
        return
    # What people entered stays where a store was deleted to be made anew.
    if not names <= {
        LOCK_NAME,
        "store",
        "annotations",
        commit_records.FOLDER,
        filesystem._strip_protocol(place.url).rpartition("/")[2],
    }:
        raise UsageError(f"The folder {place.url} is not empty and holds no index; name a new or an empty folder.")
