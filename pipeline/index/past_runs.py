"""What stages have done, kept in the index where the commits that tell it are dropped: the group ``runs/``."""

import json
from datetime import datetime

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.index.history import Commit
from pipeline.index.store import BOOKKEEPING, Index
from pipeline.index.tables import read_table, write_table

GROUP = "runs"
_WORK = ("stage", "checkpoint")


def read_runs(index: Index) -> list[Commit]:
    """Commits that hold work, newest first: those of the history, and those that the history no longer has."""
    live = [commit for commit in index.history() if commit.metadata.get("kind") in _WORK]
    known = {commit.id for commit in live}
    return live + [commit for commit in _past(index.read()) if commit.id not in known]


def remember_runs(index: Index) -> None:
    """Write all that `read_runs` finds into the index, in a commit of its own, before the history is shortened."""
    runs = read_runs(index)
    transaction = index.begin()
    write_table(transaction.root, GROUP, _columns(runs))
    metadata = {"stage": "expire", "kind": BOOKKEEPING, "work_commit": index.work_commit}
    transaction.commit("keep the record of runs", metadata)


def _columns(runs: list[Commit]) -> dict[str, NDArray[np.generic]]:
    texts = {
        "commit": [run.id for run in runs],
        "parent": [run.parent or "" for run in runs],
        "message": [run.message for run in runs],
        "written": [run.written.isoformat() for run in runs],
        "metadata": [json.dumps(dict(run.metadata), sort_keys=True) for run in runs],
    }
    return {name: np.array(values, object) for name, values in texts.items()}


def _past(root: zarr.Group) -> list[Commit]:
    table = read_table(root, GROUP)
    if not table:
        return []
    names = ("commit", "parent", "message", "written", "metadata")
    return [
        Commit(commit, parent or None, message, datetime.fromisoformat(written), json.loads(metadata))
        for commit, parent, message, written, metadata in zip(*(table[name].tolist() for name in names), strict=True)
    ]
