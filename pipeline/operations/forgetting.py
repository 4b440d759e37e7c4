"""Removing an image from an index for good: its rows, its names, and the history that still holds them."""

from dataclasses import dataclass
from datetime import UTC, datetime

import zarr

from pipeline.corpus.names import split_page
from pipeline.corpus.source import Corpus
from pipeline.errors import UsageError
from pipeline.index.forgetting import forget_image
from pipeline.index.lock.writer import writer_lock
from pipeline.index.past_runs import remember_runs
from pipeline.index.reports import delete_reports
from pipeline.index.schema import Gone
from pipeline.index.store import Index
from pipeline.operations.lookup import row_of_md5
from pipeline.operations.remembered import stored_corpus
from pipeline.stages.files.ledger import read_files, read_images
from pipeline.stages.registry import STAGES, TABLES
from pipeline.storage.location import Location


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was removed: the image's row number, paths of the ledger, and commits that are no longer to be had."""

    image: int
    paths: tuple[str, ...]
    commits: int


def forget(index: Index, md5: str) -> Forgotten:
    """Remove an image, named by its MD5 (or its first digits), all that the index says of it, and all older commits.

    That is its ledger rows, its labels and what people entered about it.

    The row number stays, empty, since other arrays count on it. What was computed over all pictures (neighbours,
    clusters) and the reports, which are deleted, are made anew by the next run; networks that were trained with the
    picture are kept.

    Raises
    ------
    UsageError
        There is no such image, or a file of it is still in the corpus, from where the next run would bring it back.
    """
    with writer_lock(Location.parse(index.url)):
        root = index.read()
        row = row_of_md5(root, md5, index.url)
        digest = read_images(root).md5[row].copy()
        paths = _paths(root, row)
        _check_gone(Corpus(stored_corpus(index)), paths)
        remember_runs(index)
        transaction = index.begin()
        gone = Gone(row, digest.tobytes(), paths)
        forget_image(transaction.root, TABLES, gone)
        transaction.commit("forget an image", {"stage": "forget", "kind": "layout"})
        commits = index.drop_history(datetime.now(UTC)).commits
        delete_reports(index.location)
        for stage in STAGES:
            stage.forget(index.location, gone)
    return Forgotten(row, paths, commits)


def _paths(root: zarr.Group, row: int) -> tuple[str, ...]:
    files = read_files(root)
    return tuple(str(path) for path in files.path[files.image == row])


def _check_gone(corpus: Corpus, paths: tuple[str, ...]) -> None:
    there = [path for path in paths if corpus.exists(split_page(path)[0])]
    if there:
        raise UsageError(
            f"{there[0]} is still in the corpus {corpus.url}, and the next run would bring the image back. Remove "
            f"{'it' if len(there) == 1 else f'all {len(there)} files of it'} there first."
        )
