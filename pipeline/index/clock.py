"""Commits of a clock that was ahead: the store takes no commit that is older than the newest, so nothing can follow.

A few seconds, as between two machines, are waited for. More is an error before anything is done, which names the way
out: the time from which on all is well by itself, and the newest commit of the past, to which one may return.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

import icechunk

from pipeline.errors import StorageError
from pipeline.index.history import Commit, walk_history

_SHORT: Final = timedelta(seconds=30)


def now() -> datetime:
    """The time of this machine, UTC."""
    return datetime.now(UTC)


def require_past(repository: icechunk.Repository, commit: str, place: str) -> None:
    """Wait until a commit is past, where that takes seconds.

    Raises
    ------
    StorageError
        It was written in what is the future here.
    """
    newest = next(walk_history(repository, commit, place))
    ahead = newest.written - now()
    if ahead > _SHORT:
        raise StorageError(_explain(repository, newest, place))
    if ahead > timedelta(0):
        time.sleep(ahead.total_seconds())


def _explain(repository: icechunk.Repository, newest: Commit, place: str) -> str:
    here, future = now(), 0
    past = None
    for commit in walk_history(repository, newest.id, place):
        if commit.written <= here:
            past = commit if commit.parent else None  # the empty beginning is no commit to return to
            break
        future += 1
    way = (
        f"`semcorpus rollback {place} {past.id}` returns to the newest commit of the past, {past.written:%F %T} UTC, "
        f"and gives up {future:,} later ones"
        if past
        else "all of its commits are; make a new index, if you cannot wait"
    )
    return (
        f"The newest commit of the index {place} was written at {newest.written:%F %T} UTC by a clock that was ahead; "
        f"here it is {here:%F %T} UTC, and a commit may not be older than the one before it. If this machine's clock "
        f"is wrong, set it. Else it can be written again from that time on, or at once after a step back: {way}. "
        "What is read needs neither."
    )
