"""The commits of a store, newest first, walked so that damage is an error and never an endless walk."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import icechunk

from pipeline.errors import StorageError
from pipeline.storage.steady_bucket import steadily


@dataclass(frozen=True, slots=True)
class Commit:
    """One entry of the index' history."""

    id: str
    parent: str | None
    message: str
    written: datetime
    metadata: Mapping[str, object]


class BrokenHistoryError(StorageError):
    """A commit of the history is lost or damaged; ``commit`` is its id."""

    def __init__(self, message: str, commit: str) -> None:
        super().__init__(message)
        self.commit = commit


def walk_history(repository: icechunk.Repository, commit: str, place: str) -> Iterator[Commit]:
    """A commit and its ancestors, each read when it is asked for.

    Raises
    ------
    BrokenHistoryError
        A snapshot cannot be read, is another than its name says, or is its own ancestor.
    """
    seen: set[str] = set()
    wanted: str | None = commit
    while wanted is not None:
        if wanted in seen:
            raise broken_history(place, wanted, "it is its own ancestor")
        seen.add(wanted)
        found = _read(repository, wanted, place)
        yield found
        wanted = found.parent


def _read(repository: icechunk.Repository, commit: str, place: str) -> Commit:
    try:
        info = steadily(lambda: repository.lookup_snapshot(commit))
        metadata = dict(info.metadata)
    except (icechunk.IcechunkError, ValueError) as error:
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        why = "it is missing" if "not found" in text else text.removeprefix("x ").strip()
        raise broken_history(place, commit, why) from error
    if info.id != commit:
        raise broken_history(place, commit, f"its file holds the commit {info.id}")
    return Commit(info.id, info.parent_id, info.message, info.written_at, metadata)


def broken_history(place: str, commit: str, why: str) -> BrokenHistoryError:
    """The error for a commit that cannot be used."""
    return BrokenHistoryError(
        f"The history of the index {place} is damaged: the snapshot of commit {commit} cannot be used: {why}. "
        f"`semcorpus repair {place}` returns the index to its newest sound state; with --dry-run it only says so.",
        commit,
    )
