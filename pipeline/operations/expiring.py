"""Shortening an index' history: old commits, what only they need, and the folders of old runs."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.errors import UsageError
from pipeline.index.lock.writer import writer_lock
from pipeline.index.past_runs import remember_runs
from pipeline.index.run_folders import drop_run_folders
from pipeline.index.store import Index

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Expired:
    """What was deleted: commits, bytes of stored objects, and folders below ``reports/runs/``."""

    commits: int
    freed_bytes: int
    run_folders: int


def parse_age(text: str) -> timedelta:
    """``30d``, ``12h`` or ``6w`` as a time; anything else raises `UsageError`."""
    found = re.fullmatch(r"(\d{1,6})([hdw])", text.strip())
    if not found:
        raise UsageError(f"An age is a number of hours, days or weeks, such as 12h, 30d or 6w; got {text!r}.")
    return int(found[1]) * _UNITS[found[2]]


def expire(index: Index, keep: timedelta, *, wait_seconds: float = 0.0) -> Expired:
    """Delete commits older than ``keep``; the newest always stays, and so does the record of all runs.

    What a reader holds open of an older commit is deleted under it: keep more days than anybody reads.

    Raises
    ------
    IndexLockedError
        A run writes the index.
    """
    cutoff = datetime.now(UTC) - keep
    with writer_lock(index.location, wait_seconds=wait_seconds):
        _newest, *older = index.history()
        if any(commit.written < cutoff and commit.parent for commit in older):
            remember_runs(index)
        dropped = index.drop_history(cutoff)
        return Expired(dropped.commits, dropped.freed_bytes, drop_run_folders(index.location, cutoff))
