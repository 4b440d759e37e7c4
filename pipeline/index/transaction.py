"""Changes to an index that become visible together, and stay."""

import importlib.metadata
from collections.abc import Mapping

import icechunk
import zarr

from pipeline.index.branch import BRANCH, Branch
from pipeline.index.clock import require_past
from pipeline.storage.failures import storage_failures
from pipeline.storage.location import Location
from pipeline.storage.steady_bucket import steadily, steady_store


def software_version() -> str:
    """Version of the installed semcorpus."""
    return importlib.metadata.version("semcorpus")


class Transaction:
    """Changes that become visible together by `commit`, or not at all."""

    def __init__(self, repository: icechunk.Repository, index: Location) -> None:
        self._repository = repository
        self._place = index.url
        self._branch = Branch(repository, index)
        self._begin()

    def _begin(self) -> None:
        with storage_failures("opening for writing", self._place):
            self._names = self._branch.names()
            self._session = steadily(lambda: self._repository.writable_session(BRANCH))
            self.base_commit = str(self._session.snapshot_id)
            # It reads the snapshot: of one that cannot be read Zarr would make an empty store.
            require_past(self._repository, self.base_commit, self._place)
            self.root = zarr.open_group(steady_store(self._session), mode="a")

    @property
    def changed(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self._session.has_uncommitted_changes)

    def fork(self) -> icechunk.ForkSession:
        """A picklable copy for a worker; only while nothing is uncommitted."""
        return self._session.fork()

    def reader(self) -> icechunk.Session:
        """A picklable read-only session at the commit that this transaction began with."""
        return self._repository.readonly_session(snapshot_id=self.base_commit)

    def merge(self, *forks: icechunk.ForkSession) -> None:
        """Take over what workers wrote into their forks."""
        if forks:
            with storage_failures("merging into", self._place):
                self._session.merge(*forks)

    def commit(self, message: str, metadata: Mapping[str, object]) -> str:
        """Commit, begin anew on top of it, and return the commit's id; without changes nothing is written.

        When it returns, all of the commit is on the disk (`Branch`).
        """
        if not self.changed:
            return self.base_commit
        with storage_failures("committing to", self._place):
            told = {**metadata, "software": software_version()}
            commit = str(steadily(lambda: self._session.flush(message, told)))
            self._branch.publish(commit, self.base_commit, self._names)
        self._begin()
        return commit
