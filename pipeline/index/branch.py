"""The branch of an index: where it points, and how it moves, so that a commit is there as a whole or not at all."""

import itertools
from typing import Final

import icechunk

from pipeline.errors import IndexLockedError
from pipeline.index.commit_records import record_commit, write_reference_copy
from pipeline.index.store_files import METADATA, stored_names, sync_new, write_reference
from pipeline.storage.location import Location
from pipeline.storage.steady_bucket import steadily

BRANCH: Final = "main"
_TRIES: Final = 4  # at moving a branch in a bucket whose answers get lost
_LATEST: Final = 100  # commits among which one's own is looked for, should another have followed at once


class Branch:
    """The branch of the store of an index.

    In a local folder all files of a commit are synced, then its record and the copy of the reference, then the
    reference itself. Of two writers without a lock one may lose its commit there: Icechunk compares and replaces the
    reference in two steps on local disks, and so does this. In a bucket the reference is replaced on condition.
    """

    def __init__(self, repository: icechunk.Repository, index: Location) -> None:
        self._repository = repository
        self._index = index

    def tip(self) -> str:
        """The commit that it points to."""
        return str(steadily(lambda: self._repository.lookup_branch(BRANCH)))

    def names(self) -> set[str]:
        """The files that are stored now, to tell new ones by; empty in a bucket, which needs no syncing."""
        return stored_names(self._index.path / "store") if self._index.is_local else set()

    def publish(self, commit: str, base: str, before: set[str]) -> None:
        """Make a flushed commit on top of ``base`` the newest; ``before`` are the `names` before it wrote anything.

        Raises
        ------
        IndexLockedError
            The branch points elsewhere by now.
        """
        if not self._index.is_local:
            self._replace(commit, base)
            return
        new = self.names() - before
        sync_new(self._index.path / "store", new)
        if self.tip() != base:
            raise _overtaken(self._index)
        record_commit(self._index, commit, base, (name for name in new if name.partition("/")[0] in METADATA))
        self.point_to(commit)

    def point_to(self, commit: str) -> None:
        """Let it point to a commit that is stored, whatever it pointed to."""
        if self._index.is_local:
            write_reference_copy(self._index, commit)
            write_reference(self._index.path / "store", commit)
        else:
            self._repository.reset_branch(BRANCH, commit)

    def _replace(self, commit: str, base: str) -> None:
        """A lost answer is no failure: whether the commit has landed is looked up, by its id, which nobody else has."""
        for attempt in itertools.count(1):
            try:
                self._repository.reset_branch(BRANCH, commit, from_snapshot_id=base)
                return
            except icechunk.IcechunkError:
                tip = self.tip()
                if tip == commit or self._is_ancestor(commit, tip):
                    return
                if tip != base:
                    raise _overtaken(self._index) from None
                if attempt == _TRIES:
                    raise

    def _is_ancestor(self, commit: str, tip: str) -> bool:
        latest = itertools.islice(self._repository.ancestry(snapshot_id=tip), _LATEST)
        return any(info.id == commit for info in latest)


def _overtaken(index: Location) -> IndexLockedError:
    return IndexLockedError(
        f"Another process has written to the index {index.url} meanwhile; nothing of this step was kept. "
        "Wait for it to finish and start again."
    )
