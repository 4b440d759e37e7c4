"""Returning a damaged index to its newest sound state, and saying what of it is lost."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import zarr

from pipeline.errors import IndexFormatError, StorageError, UsageError
from pipeline.index.annotations import mend_annotations
from pipeline.index.arrays import read_array, whole_number
from pipeline.index.branch import Branch
from pipeline.index.commit_records import (
    CommitRecord,
    digest,
    drop_records,
    read_records,
    read_reference_copy,
    record_commit,
)
from pipeline.index.history import Commit
from pipeline.index.history_check import files_of
from pipeline.index.lock.writer import writer_lock
from pipeline.index.rows import KEY
from pipeline.index.store import Index
from pipeline.index.store_draft import Draft, open_draft, whole_chain
from pipeline.index.store_files import FIRST_SNAPSHOT, read_reference
from pipeline.operations.verification import check_arrays
from pipeline.storage.failures import storage_failures
from pipeline.storage.location import Location


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair did, or would do.

    Attributes
    ----------
    commit : str
        The newest sound commit, to which the index returns.
    mended : tuple of str
        What is written anew, in words.
    lost : tuple of (str, str)
        Commits newer than the sound one, newest first: id and message.
    lost_rows : mapping of str to int, or None
        By group, the rows that were done at the newest commit and are not at the sound one; None where the newest
        commit cannot be read any more.
    problems : tuple of str
        What made the lost commits unsound, one thing a commit.
    """

    commit: str
    mended: tuple[str, ...]
    lost: tuple[tuple[str, str], ...]
    lost_rows: Mapping[str, int] | None
    problems: tuple[str, ...]


def repair(location: Location, *, dry_run: bool = False, wait_seconds: float = 0.0) -> Repair:
    """Return an index in a local folder to its newest sound commit.

    Files of the history that are damaged or lost are written anew from the commits' records. Then commits are tried,
    from the newest back, and the branch is moved to the first in which every chunk can be read. What people entered is
    mended from its copies. Takes the time of reading all arrays, and of some arrays for each commit that is given up.

    Parameters
    ----------
    location : Location
        The index, which may be too damaged to be opened.
    dry_run : bool
        Only find out; nothing in the index is touched.
    wait_seconds : float
        How long to wait while a run writes the index.

    Raises
    ------
    UsageError
        The index lies in a bucket.
    IndexFormatError
        There is no store at all.
    StorageError
        No commit is sound, or annotations are lost in both copies.
    IndexLockedError
        A run writes the index.
    """
    if not location.is_local:
        raise UsageError(
            f"{location.url} lies in a bucket, whose service keeps the objects' checksums and, where versioning is on, "
            "what was overwritten or deleted: bring lost objects back there. `semcorpus rollback` returns to a commit."
        )
    if not (location.path / "store").is_dir():
        raise IndexFormatError(f"There is no index at {location.url}; `semcorpus run CORPUS {location.url}` makes one.")
    if dry_run:
        return _repair(location, write=False)
    with writer_lock(location, wait_seconds=wait_seconds):
        return _repair(location, write=True)


def _repair(location: Location, *, write: bool) -> Repair:
    records, damaged = read_records(location)
    with storage_failures("repairing", location.url), open_draft(location, records) as draft:
        tip, mended = _tip(location)
        commits = draft.commits()
        lost = [] if tip is None or tip in commits else [(tip, "its snapshot is lost")]
        start = tip if tip in commits else _newest(location, commits)
        chain = whole_chain(draft, commits, start)
        target, problems = _newest_sound(draft, chain)
        lost += [(commit.id, commit.message) for commit in chain[:target]]
        rows = _lost_rows(draft, chain[0].id, chain[target].id) if len(lost) == target else None
        sound = draft.at(chain[target].id)
        anew = _to_record(sound, chain[target:], records)
        mended += [f"store/{name} ({why})" for name, why in sorted(draft.changed.items())]
        mended += [f"commits/{commit}.json (damaged, lost, or of a snapshot that was joined)" for commit in anew]
        if write and (mended or lost):
            draft.apply()
            for commit, (parent, names) in anew.items():
                record_commit(location, commit, parent, names)
            drop_records(location, {path.rpartition("/")[2].removesuffix(".json") for path in damaged} - anew.keys())
            Branch(sound.repository, location).point_to(sound.commit)
    mended += mend_annotations(location, only_look=not write)
    return Repair(chain[target].id, tuple(mended), tuple(lost), rows, tuple(problems))


def _tip(location: Location) -> tuple[str | None, list[str]]:
    """The commit that the branch points to, from its reference or the copy of that, and what is wrong with them."""
    copy = read_reference_copy(location)
    try:
        return read_reference(location.path / "store"), []
    except (OSError, ValueError) as error:
        return copy, [f"the reference to the newest commit ({type(error).__name__})"]


def _newest(location: Location, commits: Mapping[str, Commit]) -> str:
    """Where neither reference nor copy tells: the commit that was written last."""
    known = [commit for commit in commits.values() if commit.parent is not None]
    if not known:
        raise StorageError(f"No commit of {location.url} can be read any more. Bring the index back from a backup.")
    return max(known, key=lambda commit: commit.written).id


def _newest_sound(draft: Draft, chain: Sequence[Commit]) -> tuple[int, list[str]]:
    """Place in the chain of the first commit whose arrays can all be read, and what is wrong with those before it."""
    problems: list[str] = []
    suspects: set[str] = set()  # looked at first: what is damaged in one commit mostly is in the one before
    for place, commit in enumerate(chain):
        if commit.id == FIRST_SNAPSHOT:
            break
        index = draft.at(commit.id)
        problem, array = _first_problem(index, suspects) if suspects else ("", "")
        if not problem:
            problem, array = _first_problem(index, None)
        if not problem:
            return place, problems
        suspects.add(array)
        problems.append(f"commit {commit.id}: {problem}")
    raise StorageError(
        f"No commit of {draft.index.url} is sound ({problems[-1] if problems else 'there is none'}). Bring the index "
        "back from a backup, or make it anew in another folder; annotations/ can be copied there."
    )


def _first_problem(index: Index, paths: Collection[str] | None) -> tuple[str, str]:
    try:
        for finding in check_arrays(index, paths):
            if finding.problem:
                return finding.problem, finding.what
    except StorageError as error:
        return str(error), ""
    return "", ""


def _lost_rows(draft: Draft, newest: str, sound: str) -> dict[str, int] | None:
    try:
        with storage_failures("counting the rows of", draft.index.url):
            before, after = (_done_rows(draft.at(commit).read()) for commit in (newest, sound))
    except StorageError:
        return None
    return {name: rows - after.get(name, 0) for name, rows in before.items() if rows > after.get(name, 0)}


def _done_rows(root: zarr.Group) -> dict[str, int]:
    """Rows of every table, and rows with a key of every group of row arrays."""
    found = {}
    for path, group in root.members(max_depth=None):
        if isinstance(group, zarr.Group):
            if KEY in group:
                found[path] = int(np.count_nonzero(read_array(group, KEY, np.uint64)))
            elif "rows" in group.attrs:
                found[path] = whole_number(dict(group.attrs), "rows")
    return found


def _to_record(
    index: Index, chain: Sequence[Commit], records: Mapping[str, CommitRecord]
) -> dict[str, tuple[str, list[str]]]:
    """Parent and files of the commits whose records are to be written: lost ones, and those of rewritten snapshots.

    Commits of an older version, which wrote no records, are older than all that have one.
    """
    oldest = max((n for n, commit in enumerate(chain) if commit.id in records), default=-1)
    found = {}
    for commit, parent in zip(chain[: oldest + 1], [*chain[1:], None], strict=False):
        snapshot = (index.location.path / "store" / "snapshots" / commit.id).read_bytes()
        record = records.get(commit.id)
        if record is None or record.files[f"snapshots/{commit.id}"] != digest(snapshot):
            known = set(files_of(index, parent)) if parent else set()
            names = [name for name in files_of(index, commit) if name not in known]
            found[commit.id] = (parent.id if parent else "", names)
    return found
