"""walk: list the corpus, digest what is new or changed, keep the ledger.

Every path that was ever walked has a row in ``files``; every unique content that is an image has a row in ``images``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import zarr
from numpy.typing import NDArray

from pipeline.corpus.listing import Files, Listing, positions, texts
from pipeline.corpus.names import split_page
from pipeline.errors import RemovalsError
from pipeline.imaging.formats.pdf import page_picture
from pipeline.imaging.summary import summarise_picture
from pipeline.index.tables import read_table, read_texts
from pipeline.runtime.keys import stage_key
from pipeline.runtime.plan import Block, Context, Job, Plan, Stage, Worker
from pipeline.stages.files.contents import walk_limits
from pipeline.stages.files.digester import Digester
from pipeline.stages.files.digests import Digest, merge_digests
from pipeline.stages.files.known_contents import contents_key, known_contents
from pipeline.stages.files.ledger import FILE_COLUMNS, FILES, count_values, empty_columns

NAME = "walk"


def plan(context: Context) -> Plan | None:
    """New and changed files in blocks, in the order of their paths; nothing when the corpus is as it was."""
    context.corpus.check()
    listing = context.corpus.listing()
    known = _Known.read(context.root)
    gone = _gone(known, listing)
    _check_removals(known, gone, context)
    todo = listing.files if context.rehash else listing.files.take(np.flatnonzero(~_unchanged(known, listing.files)))
    unlisted = _unlisted(context.root, known, listing)
    if not todo and not unlisted and not len(gone):
        return None
    settings = context.recipe.walk
    return Plan(
        step="",
        tasks=FileBlocks(todo, settings.files_per_task),
        job=_job(context),
        merge=partial(merge_digests, unlisted=unlisted, gone=gone),
        engine="dask",
        seconds_per_item=0.03,
        settings=settings.model_dump() | context.recipe.corpus.model_dump(),
        complete=True,
    )


class FileBlocks(Sequence[Block]):
    """Files in tasks of ``size``; a task is made when it is asked for."""

    def __init__(self, files: Files, size: int) -> None:
        self._files = files
        self._size = size

    def __len__(self) -> int:
        return -(-len(self._files) // self._size)

    @overload
    def __getitem__(self, index: int) -> Block: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Block]: ...

    def __getitem__(self, index: int | slice) -> "Block | Sequence[Block]":
        numbers = range(len(self))[index]
        if isinstance(numbers, range):
            if numbers.step != 1:
                return [self[number] for number in numbers]
            return FileBlocks(self._files[numbers.start * self._size : numbers.stop * self._size], self._size)
        files = self._files[numbers * self._size : (numbers + 1) * self._size]
        return Block(len(files), f"files {files[0].path} to {files[-1].path}", tuple(files))


@dataclass(frozen=True, slots=True)
class _Known:
    """The ledger as far as planning needs it, as columns."""

    path: pa.LargeStringArray
    status: NDArray[Any]
    size_bytes: NDArray[np.int64]
    modified_ns: NDArray[np.int64]
    etag: pa.LargeStringArray

    @classmethod
    def read(cls, root: zarr.Group) -> "_Known":
        names = ("status", "size_bytes", "modified_ns")
        numbers = read_table(root, FILES, *names) or empty_columns({name: FILE_COLUMNS[name] for name in names})
        path, etag = read_texts(root, FILES, "path"), read_texts(root, FILES, "etag")
        if len(etag) < len(path):  # a ledger from before there were etags
            etag = pa.concat_arrays([etag, texts([""] * (len(path) - len(etag)))])
        return cls(path, etag=etag, **numbers)


def _unchanged(known: _Known, files: Files) -> NDArray[np.bool_]:
    """Which files are as the ledger has them; one that could not be read the last time is not.

    Sizes and times have to agree, and the etags where the place gave one both times.
    """
    row = positions(files.path, known.path)
    found: NDArray[np.bool_] = row >= 0
    row = row[found]
    etag, before = files.etag.filter(pa.array(found)), known.etag.take(row)
    same_etag = pc.or_(pc.equal(etag, before), pc.or_(pc.equal(etag, ""), pc.equal(before, "")))
    found[found] = (
        ~np.isin(known.status[row], ("gone", "unreadable"))
        & (known.size_bytes[row] == files.size_bytes[found])
        & (known.modified_ns[row] == files.modified_ns[found])
        & same_etag.to_numpy(zero_copy_only=False)
    )
    return found


def _gone(known: _Known, listing: Listing) -> NDArray[np.int64]:
    """Ledger rows that are no longer there; what lies under a folder that could not be listed is not judged."""
    missing = positions(known.path, listing.present) < 0
    missing &= known.status != "gone"
    rows = _without_pages(np.flatnonzero(missing), known.path, listing)
    blind = tuple(f"{path}/" if path else "" for path, _ in listing.unreadable)
    if blind and len(rows):
        paths = known.path.take(rows).to_pylist()
        rows = rows[[not f"{path}/".startswith(blind) for path in paths]]
    return rows.astype(np.int64)


def _without_pages(rows: NDArray[np.int64], path: pa.LargeStringArray, listing: Listing) -> NDArray[np.int64]:
    """The rows without those of pages whose document is there."""
    split = [split_page(text) for text in path.take(rows).to_pylist()]
    there = positions(texts([place for place, _ in split]), listing.present) >= 0
    left: NDArray[np.int64] = rows[~(there & np.array([page > 0 for _, page in split], bool))]
    return left


def _unlisted(root: zarr.Group, known: _Known, listing: Listing) -> tuple[tuple[str, str], ...]:
    """Paths that could not be listed, as far as the ledger does not say so already."""
    if not listing.unreadable:
        return ()
    named = [(path or ".", reason) for path, reason in listing.unreadable]
    rows = positions(texts([path for path, _ in named]), known.path)
    before = read_texts(root, FILES, "reason")
    return tuple(
        (path, reason)
        for (path, reason), row in zip(named, rows.tolist(), strict=True)
        if row < 0 or before[row].as_py() != reason
    )


def _check_removals(known: _Known, gone: NDArray[np.int64], context: Context) -> None:
    files = ~pc.match_substring_regex(known.path, r"#page=\d+$").to_numpy(zero_copy_only=False)  # pages are no files
    gone = gone[files[gone]]
    present = int(np.count_nonzero(files & (known.status != "gone")))
    if context.accept_removals or len(gone) <= context.recipe.walk.removals_limit * present:
        return
    raise RemovalsError(
        f"{len(gone)} of {present} files ({len(gone) / present:.0%}) have vanished from {context.corpus.url} since the "
        f"last run (first: {known.path[int(gone[0])]}). If a share is down, bring it back; if they were really "
        "removed, run again with --accept-removals. Nothing was changed."
    )


def _job(context: Context) -> Job:
    """The worker knows the contents of the index at this moment, so they are part of its key."""
    settings = context.recipe.walk
    key = stage_key(NAME, settings.model_dump(), contents_key(context.root), int(context.rehash))
    digester = Digester(
        context.corpus,
        max_bytes=settings.max_bytes,
        summarise=partial(summarise_picture, max_pixels=settings.max_pixels),
        extract=partial(page_picture, max_pixels=settings.max_pixels),
        limits=walk_limits(settings),
    )
    return Job(
        f"{NAME} {context.corpus.url} {key}", partial(_digesting_worker, digester=digester, judge_again=context.rehash)
    )


def _digesting_worker(root: zarr.Group, *, digester: Digester, judge_again: bool) -> Worker:
    known = known_contents(root, judge_again=judge_again)

    def worker(root: zarr.Group, task: Block) -> list[Digest]:
        return list(digester.digest(task.data, known))

    return worker


def statuses(root: zarr.Group) -> Mapping[str, int]:
    """Files of the ledger by status."""
    return count_values(read_table(root, FILES, "status").get("status", np.empty(0, object)))


STAGE = Stage(NAME, plan, statuses)
