"""A full check of an index: every chunk readable, every row consistent, every file still there."""

from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import icechunk
import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.corpus.listing import positions, texts
from pipeline.corpus.names import split_page
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice, Engines
from pipeline.errors import ImageError, ShardError, StorageError, UsageError
from pipeline.index.annotations import check_annotations
from pipeline.index.history_check import check_history
from pipeline.index.reports import check_report_files
from pipeline.index.rows import KEY
from pipeline.index.store import Index
from pipeline.index.table_check import check_tables
from pipeline.index.tables import EVERY_CHUNK_STORED
from pipeline.operations.remembered import stored_corpus, stored_recipe
from pipeline.progress import Listener, Silent
from pipeline.records import FIRST_PATHS, PICTURES
from pipeline.runtime.map_blocks import Errand, map_blocks
from pipeline.stages.files.contents import read_content
from pipeline.stages.files.ledger import LedgerRows, bytes_md5, read_files, read_images
from pipeline.stages.registry import TABLES

_FILES_PER_TASK = 64
_SECONDS_PER_FILE = 0.02  # reading and digesting a few megabytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, how many things, and what is wrong (empty if nothing).

    ``note`` says why something was not looked at, which is no problem.
    """

    what: str
    checked: int
    problem: str = ""
    note: str = ""


def verify_index(
    index: Index,
    *,
    read_corpus: bool = False,
    corpus: str = "",
    engines: Engines | None = None,
    listener: Listener | None = None,
) -> Iterator[Finding]:
    """Check the store against itself and its records, reports and annotations, and the ledger against the corpus.

    Parameters
    ----------
    index : Index
    read_corpus : bool
        Also read every file again and compare its MD5; otherwise sizes and times are compared.
    corpus : str
        The corpus, where it is no local folder. An index may come from anybody: the address that is stored in it is
        contacted only if it is named here.
    engines : Engines, optional
        Where files are read again; default in this process.
    listener : Listener, optional
        Told how far the reading is.

    Raises
    ------
    UsageError
        ``corpus`` is another than the index was made from.
    """
    yield from _history(index)
    place = _confirmed(stored_corpus(index), corpus)
    root, recipe = index.read(), stored_recipe(index)
    broken = False
    for finding in check_arrays(index):
        broken |= bool(finding.problem)
        yield finding
    if not broken:
        yield from _ledger(root)
        yield from _tables(root)
    for problem in check_report_files(index.location):
        yield Finding("reports", 1, problem)
    yield from _annotations(index)
    if not place:
        yield Finding("corpus", 0, note=f"not compared with {stored_corpus(index)}: confirm it with --corpus")
        return
    listener = listener or Silent()
    found = Corpus(place, recipe.corpus)
    try:
        unlike = yield from _listed(root, found)
        if read_corpus:
            engines = engines or Engines(EngineChoice.parse("local"), listener)
            yield from _read_again(root, found, recipe, unlike, index.commit, engines, listener)
    except (StorageError, ShardError) as error:  # the ledger itself cannot be read: said above, chunk by chunk
        yield Finding("corpus", 1, f"The corpus was not compared: {error}")


def _history(index: Index) -> Iterator[Finding]:
    checked = 0
    for what, problem in check_history(index):
        checked += 1
        if problem:
            yield Finding(what, 1, problem)
    yield Finding("files of the history", checked)


def _annotations(index: Index) -> Iterator[Finding]:
    checked, problems = check_annotations(index.location)
    for problem in problems:
        yield Finding("annotations", 1, problem)
    yield Finding("annotations", checked)


def check_arrays(index: Index, paths: Collection[str] | None = None) -> Iterator[Finding]:
    """Read every chunk of all arrays at the index' commit, or of those named, and look for chunks that are lost."""
    root = index.read()
    yield from _readable_arrays(root, paths)
    if paths is None:
        yield from _stored_chunks(index, root)


def _confirmed(stored: str, named: str) -> str:
    """The corpus to compare with; empty for one elsewhere that nobody has named."""
    if named and Corpus(named).url != Corpus(stored).url:
        raise UsageError(f"The index was made from {stored}, not from {named}.")
    return stored if named or Corpus(stored).is_local else ""


def _readable_arrays(root: zarr.Group, paths: Collection[str] | None) -> Iterator[Finding]:
    """Read every chunk; its checksum is compared on the way."""
    for path, array in root.members(max_depth=None):
        if not isinstance(array, zarr.Array) or (paths is not None and path not in paths):
            continue
        unit = (array.shards or array.chunks)[0]
        for start in range(0, array.shape[0], unit):
            try:
                np.asarray(array[start : start + unit])
            except (RuntimeError, ValueError, OSError, icechunk.IcechunkError) as error:
                text = str(error).strip().splitlines() or [type(error).__name__]
                rows = f"{start} to {min(start + unit, array.shape[0]) - 1}"
                yield Finding(path, 1, f"{path}, rows {rows}, cannot be read: {text[0]}")
    yield Finding("stored arrays", sum(1 for _, node in root.members(max_depth=None) if isinstance(node, zarr.Array)))


def _stored_chunks(index: Index, root: zarr.Group) -> Iterator[Finding]:
    """Find chunks that are lost: they would read as fill values, and nobody would notice.

    A table has all of its chunks; of a group with a row an image all arrays have the same shards. Arrays that an older
    version made, which stored no chunks of fill values, are left out.
    """
    checked = 0
    for path, group in root.members(max_depth=None):
        arrays = dict(group.arrays()) if isinstance(group, zarr.Group) else {}
        if not arrays or not all(array.attrs.get(EVERY_CHUNK_STORED) for array in arrays.values()):
            continue
        try:
            found = {name: index.stored_blocks(array) for name, array in arrays.items()}
        except StorageError as error:
            yield Finding(path, 1, str(error))
            continue
        checked += sum(map(len, found.values()))
        for name, array in arrays.items():
            unit = (array.shards or array.chunks)[0]
            wanted = set().union(*found.values()) if KEY in arrays else set(range(-(-array.shape[0] // unit)))
            for number in sorted(wanted ^ found[name]):
                what = "is lost" if number in wanted else "lies beyond the end"
                rows = f"rows {number * unit} to {min((number + 1) * unit, max(array.shape[0], 1)) - 1}"
                yield Finding(f"{path}/{name}", 1, f"the chunk of {path}/{name} with {rows} {what}")
    yield Finding("stored chunks", checked)


def _ledger(root: zarr.Group) -> Iterator[Finding]:
    files, images = read_files(root), read_images(root)
    n = len(images.md5)
    ok = np.isin(files.status.astype(str), PICTURES)
    for row in np.flatnonzero(ok & ((files.image < 0) | (files.image >= n))).tolist():
        yield Finding("files", 1, f"ledger row {row} ({files.path[row]}) names image {files.image[row]} of {n}")
    inside = ok & (files.image >= 0) & (files.image < n)
    wrong = inside.copy()
    wrong[inside] = np.any(files.md5[inside] != images.md5[files.image[inside]], axis=1)
    for row in np.flatnonzero(wrong).tolist():
        yield Finding("files", 1, f"ledger row {row} ({files.path[row]}) has another MD5 than its image")
    if len(set(files.path.tolist())) != len(files.path):
        yield Finding("files", 1, "a path has two rows in the ledger")
    first = files.image[inside & np.isin(files.status.astype(str), FIRST_PATHS)]
    if len(np.unique(first)) != len(first):
        yield Finding("files", 1, "two paths of one content are both `ok` in the ledger")
    yield Finding("ledger rows", len(files.path))
    if len({md5.tobytes() for md5 in images.md5}) != n:
        yield Finding("images", 1, "a content has two rows in images")
    present = np.isin(np.arange(n), files.image[ok])
    for row in np.flatnonzero(present != images.present).tolist():
        yield Finding("images", 1, f"image {row} is marked present = {images.present[row]}, against the ledger")
    picture = images.picture
    paired = picture >= 0
    for row in np.flatnonzero(paired & (picture[np.where(paired, picture, 0)] != picture)).tolist():
        yield Finding("images", 1, f"image {row} is represented by {picture[row]}, which does not represent itself")
    yield Finding("images", n)


def _tables(root: zarr.Group) -> Iterator[Finding]:
    """Every table is as its stage declares it."""
    n = len(read_images(root).md5)
    for group, rows, problems in check_tables(root, TABLES, n):
        for problem in problems:
            yield Finding(group, 1, problem)
        yield Finding(group, rows)


def _listed(root: zarr.Group, corpus: Corpus) -> Generator[Finding, None, frozenset[int]]:
    """Compare the ledger with the listing; a page is a part of a file, whose own row is compared.

    Returns the ledger's rows that a problem was found with.
    """
    files, listed = read_files(root), corpus.listing().files
    rows = _rows_of_files(files)
    split = [split_page(path) for path in files.path[rows].tolist()]
    there = positions(texts([place for place, _ in split]), listed.path)
    unlike = set()
    for row, (place, page), at in zip(rows.tolist(), split, there.tolist(), strict=True):
        now = (listed.size_bytes[at], listed.modified_ns[at]) if at >= 0 else None
        if now is None and not corpus.exists(place):
            problem = f"{place} is missing from the corpus"
        elif now is not None and not page and now != (files.size_bytes[row], files.modified_ns[row]):
            problem = f"{place} has changed since it was walked"
        else:
            continue
        unlike.add(row)
        if not page:
            yield Finding("corpus", 1, problem)
    yield Finding("files of the corpus", len(rows))
    return frozenset(unlike)


def _rows_of_files(files: LedgerRows) -> NDArray[np.int64]:
    return np.flatnonzero(np.isin(files.status.astype(str), (*PICTURES, "document")))


def _read_again(
    root: zarr.Group,
    corpus: Corpus,
    recipe: Recipe,
    unlike: Collection[int],
    commit: str,
    engines: Engines,
    listener: Listener,
) -> Iterator[Finding]:
    """Compare the MD5 of all files but those that are known to be others."""
    files = read_files(root)
    asked = [(files.path[row], files.md5[row].tobytes()) for row in _rows_of_files(files).tolist() if row not in unlike]
    errand = Errand("verify", f"Reading {corpus.url}", _FILES_PER_TASK, _SECONDS_PER_FILE, 1, commit, step="MD5")
    found = map_blocks(partial(_changed, corpus, recipe), asked, errand, engines=engines, listener=listener)
    for problem in (problem for block in found for problem in block):
        yield Finding("corpus", 1, problem)
    yield Finding("files of the corpus, read again", len(asked))


def _changed(corpus: Corpus, recipe: Recipe, files: Sequence[tuple[str, bytes]]) -> list[str]:
    """What is wrong with these files, by path and MD5."""
    problems = []
    for path, md5 in files:
        try:
            if bytes_md5(read_content(corpus, path, recipe.walk)) != md5:
                problems.append(f"{path} has other bytes than when it was walked")
        except ImageError as error:
            problems.append(f"{path}: {error}")
    return problems
