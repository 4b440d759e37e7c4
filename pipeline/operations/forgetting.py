"""Removing an image from an index for good: its rows, its names, and the history that still holds them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.corpus.names import split_page
from pipeline.corpus.source import Corpus
from pipeline.errors import UsageError
from pipeline.index.lock.writer import writer_lock
from pipeline.index.past_runs import remember_runs
from pipeline.index.reports import delete_reports
from pipeline.index.rows import KEY, clear_row
from pipeline.index.store import Index
from pipeline.index.tables import read_table, write_table
from pipeline.operations.lookup import row_of_md5
from pipeline.operations.remembered import stored_corpus
from pipeline.stages.files.ledger import FILES, IMAGES, read_files, read_images
from pipeline.stages.labels.matches import is_match
from pipeline.stages.scale.answers import forget_answers
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
        digest = read_images(root, "md5")["md5"][row].copy()
        paths = _paths(root, row)
        _check_gone(Corpus(stored_corpus(index)), paths)
        remember_runs(index)
        transaction = index.begin()
        _clear_tables(transaction.root, row, digest)
        for group in _row_groups(transaction.root):
            clear_row(transaction.root, group, row)
        transaction.commit("forget an image", {"stage": "forget", "kind": "layout"})
        commits = index.drop_history(datetime.now(UTC)).commits
        delete_reports(index.location)
        forget_answers(index.location, digest.tobytes().hex())
    return Forgotten(row, paths, commits)


def _paths(root: zarr.Group, row: int) -> tuple[str, ...]:
    files = read_files(root)
    return tuple(str(path) for path in files["path"][files["image"] == row])


def _check_gone(corpus: Corpus, paths: tuple[str, ...]) -> None:
    there = [path for path in paths if corpus.exists(split_page(path)[0])]
    if there:
        raise UsageError(
            f"{there[0]} is still in the corpus {corpus.url}, and the next run would bring the image back. Remove "
            f"{'it' if len(there) == 1 else f'all {len(there)} files of it'} there first."
        )


def _clear_tables(root: zarr.Group, row: int, md5: NDArray[np.uint8]) -> None:
    files = read_files(root)
    write_table(root, FILES, {name: values[files["image"] != row] for name, values in files.items()})
    images = read_images(root)
    for name, values in images.items():
        if name not in ("picture", "present"):
            values[row] = "" if values.dtype == object else 0
    images["present"][row] = False
    images["picture"] = _without(images["picture"], row, images)
    write_table(root, IMAGES, images)
    of_images = {"comparisons": ("first", "second"), "duplicates": ("group", "image"), "fingerprints": ("image",)}
    for table, columns in of_images.items():
        _drop_rows(root, table, lambda t, names=columns: np.any([t[name] == row for name in names], axis=0))
    for name in _children(root, "labels"):
        _drop_rows(root, f"labels/{name}", lambda t: t["images"] == row)
    for name in _children(root, "label_files"):
        of_image = _re_encodings(root, name, row) | {md5.tobytes()}
        for table in ("label_files", "contradictions"):
            _drop_rows(root, f"{table}/{name}", lambda t, md5s=of_image: _is_one_of(t["md5"], md5s))
        _drop_rows(root, f"label_matches/{name}", lambda t: t["image"] == row)


def _re_encodings(root: zarr.Group, name: str, row: int) -> set[bytes]:
    """Contents of a label set that were matched to the image as its re-encodings."""
    table = f"label_matches/{name}"
    found = read_table(root, table) if table in root else {}
    if not found:
        return set()
    return {md5.tobytes() for md5 in found["md5"][(found["image"] == row) & is_match(found["relation"])]}


def _is_one_of(md5s: NDArray[np.uint8], wanted: set[bytes]) -> NDArray[np.bool_]:
    return np.array([md5.tobytes() in wanted for md5 in md5s], bool)


def _without(picture: NDArray[np.int64], row: int, images: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Images that the forgotten one stood for are to be paired again; it stands for itself alone."""
    picture = np.where((picture == row) & images["present"], -1, picture)
    picture[row] = row
    return picture


def _drop_rows(root: zarr.Group, table: str, which: Any) -> None:
    if table in root:
        values = read_table(root, table)
        drop = which(values)
        if np.any(drop):
            write_table(root, table, {name: column[~drop] for name, column in values.items()})


def _children(root: zarr.Group, group: str) -> list[str]:
    found = root.get(group)
    return [str(name) for name in found.group_keys()] if isinstance(found, zarr.Group) else []


def _row_groups(root: zarr.Group) -> list[str]:
    """Groups with a row an image."""
    names = ["scale", "pixels"]
    names += [f"{kind}/{name}" for kind in ("embeddings", "codes", "maps") for name in _children(root, kind)]
    return [name for name in names if f"{name}/{KEY}" in root]
