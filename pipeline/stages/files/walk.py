"""walk: list the corpus, digest what is new or changed, keep the ledger.

Every path that was ever walked has a row in ``files``; every unique content that is an image has a row in ``images``.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.config.recipe import WalkSettings
from pipeline.corpus.listing import FileEntry, Files, Listing, positions, texts
from pipeline.corpus.names import split_page
from pipeline.errors import NotJudgedError
from pipeline.imaging.formats.pdf import page_picture
from pipeline.imaging.summary import summarise_picture
from pipeline.index.tables import read_texts, table_length
from pipeline.records import FIRST_PATHS
from pipeline.runtime.keys import stage_key
from pipeline.runtime.plan import Context, Done, Job, Plan, Stage, Worker
from pipeline.stages.files.digester import Digester
from pipeline.stages.files.digests import Digest, merge_digests
from pipeline.stages.files.known_contents import NO_MD5, contents_key, known_contents
from pipeline.stages.files.known_files import LEFT_OUT, KnownFiles
from pipeline.stages.files.ledger import FILES, count_values, read_files
from pipeline.stages.files.refusals import refused_by_less
from pipeline.stages.files.removals import check_removals
from pipeline.stages.files.tables import TABLES

NAME = "walk"


def plan(context: Context) -> Plan | None:
    """New and changed files in blocks, in the order of their paths; nothing when the corpus is as it was.

    Files that the machine kept from being judged come again when all others are done: one by one, in this process.
    """
    context.corpus.check()
    listing = context.corpus.listing()
    known, settings = KnownFiles.read(context.root), context.recipe.walk
    gone = _gone(known, listing)
    check_removals(known, gone, listing, context)
    todo = listing.files
    if not context.options.rehash:
        todo = todo.take(np.flatnonzero(~_unchanged(known, todo, settings)))
    unlisted = _unlisted(context.root, known, listing)
    if not todo and not unlisted and not len(gone):
        return None
    alone = (
        len(todo) > 0 and not unlisted and not len(gone) and not context.options.rehash and _are_not_judged(known, todo)
    )
    return Plan(
        step="once more" if alone else "",
        tasks=FileBlocks(todo, 1 if alone else settings.files_per_task, unlisted),
        job=_job(context),
        merge=partial(merge_digests, gone=gone, kept=_kept(known, todo)),
        engine="local" if alone else "dask",
        seconds_per_item=0.03,
        settings=settings.model_dump() | context.recipe.corpus.model_dump(),
        skipped=_not_judged,
        complete=True,
    )


def _not_judged(digests: Sequence[Digest]) -> int:
    """Files of a block that the machine kept from being judged, wholly or in a page of theirs."""
    return len({split_page(digest.entry.path)[0] for digest in digests if digest.status == NotJudgedError.status})


@dataclass(frozen=True, slots=True)
class FileBlock:
    """Files to digest, and what the ledger is to say of the paths between them that could not be listed."""

    files: tuple[FileEntry, ...]
    unlisted: tuple[Digest, ...]

    @property
    def items(self) -> int:
        """Files."""
        return len(self.files)

    @property
    def label(self) -> str:
        """Its first and its last file."""
        return f"files {self.files[0].path} to {self.files[-1].path}" if self.files else "no files"


class FileBlocks(Sequence[FileBlock]):
    """Files in tasks of ``size``; a task is made when it is asked for.

    What could not be listed stands between the files in the order of the paths, so that a checkpoint after any task
    has written a beginning of the whole.
    """

    def __init__(self, files: Files, size: int, unlisted: Sequence[Digest] = (), numbers: range | None = None) -> None:
        self._files, self._size, self._unlisted = files, size, unlisted
        self._numbers = range(-(-len(files) // size) or bool(unlisted)) if numbers is None else numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> FileBlock: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[FileBlock]: ...

    def __getitem__(self, index: int | slice) -> "FileBlock | Sequence[FileBlock]":
        if isinstance(index, slice):
            return FileBlocks(self._files, self._size, self._unlisted, self._numbers[index])
        start = self._numbers[index] * self._size
        files = tuple(self._files[start : start + self._size])
        return FileBlock(
            files, tuple(self._unlisted[self._unlisted_before(start) : self._unlisted_before(start + self._size)])
        )

    def _unlisted_before(self, row: int) -> int:
        """How many of the unlisted come before a row of the files; of those before the first row none do."""
        if row == 0:
            return 0
        if row >= len(self._files):
            return len(self._unlisted)
        return bisect_left(self._unlisted, self._files[row].path.encode(), key=_path_bytes)


def _path_bytes(digest: Digest) -> bytes:
    return digest.entry.path.encode()


def _unchanged(known: KnownFiles, files: Files, settings: WalkSettings) -> NDArray[np.bool_]:
    """Which files are as the ledger has them; one that could not be read or judged the last time is not.

    Sizes and times have to agree, and the etags where the place gave one both times. Nor is a file as it was that a
    limit has refused which is higher now.
    """
    row = positions(files.path, known.path)
    found: NDArray[np.bool_] = row >= 0
    row = row[found]
    etag, before = files.etag.filter(pa.array(found)), known.etag.take(row)
    same_etag = pc.or_(pc.equal(etag, before), pc.or_(pc.equal(etag, ""), pc.equal(before, "")))
    open_cases = (known.status == NotJudgedError.status) | refused_by_less(known.status, known.limit, settings)
    found[found] = (
        ~np.isin(known.status[row], ("gone", "unreadable"))
        & ~_with_documents(known, open_cases)[row]
        & (known.size_bytes[row] == files.size_bytes[found])
        & (known.modified_ns[row] == files.modified_ns[found])
        & same_etag.to_numpy(zero_copy_only=False)
    )
    return found


def _with_documents(known: KnownFiles, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """These rows, bool [n], and those of the documents whose pages are among them."""
    split = [split_page(path) for path in known.path.filter(pa.array(rows)).to_pylist()]
    documents = positions(texts([place for place, page in split if page]), known.path)
    found = rows.copy()
    found[documents[documents >= 0]] = True
    return found


def _are_not_judged(known: KnownFiles, files: Files) -> bool:
    """Whether all that is to do are files that the machine kept from being judged."""
    row = positions(files.path, known.path)
    waiting = _with_documents(known, np.asarray(known.status == NotJudgedError.status, bool))
    return bool(np.all(row >= 0)) and bool(np.all(waiting[row]))


def _kept(known: KnownFiles, todo: Files) -> NDArray[np.int64]:
    """Rows that are the first of their content, and of files that are not to be digested."""
    rows = np.flatnonzero(np.isin(known.status, FIRST_PATHS))
    places = pc.replace_substring_regex(known.path.take(rows), r"#page=[1-9][0-9]*$", "")
    return rows[positions(places, todo.path) < 0].astype(np.int64)


def _gone(known: KnownFiles, listing: Listing) -> NDArray[np.int64]:
    """Ledger rows that are no longer there; what lies under a folder that could not be listed is not judged."""
    missing = positions(known.path, listing.present) < 0
    missing &= known.status != "gone"
    missing &= positions(known.path, texts([path for path, _ in listing.left_out])) < 0
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


def _unlisted(root: zarr.Group, known: KnownFiles, listing: Listing) -> tuple[Digest, ...]:
    """Paths that could not be listed or were left out, in their order, as far as the ledger does not say so already."""
    named = [(path or ".", "unreadable", reason) for path, reason in listing.unreadable]
    named += [(path, LEFT_OUT, reason) for path, reason in listing.left_out]
    if not named:
        return ()
    rows = positions(texts([path for path, *_ in named]), known.path)
    before = read_texts(root, FILES, "reason")
    return tuple(
        Digest(FileEntry(path, 0, -1), "", NO_MD5, status, reason)
        for (path, status, reason), row in sorted(zip(named, rows.tolist(), strict=True))
        if row < 0 or (known.status[row], before[row].as_py()) != (status, reason)
    )


def _job(context: Context) -> Job:
    """The worker knows the contents of the index at this moment, so they are part of its key."""
    settings = context.recipe.walk
    key = stage_key(NAME, settings.model_dump(), contents_key(context.root), int(context.options.rehash))
    digester = Digester(
        context.corpus,
        settings,
        summarise=partial(summarise_picture, max_pixels=settings.max_pixels),
        extract=partial(page_picture, max_pixels=settings.max_pixels),
    )
    return Job(
        f"{NAME} {context.corpus.url} {key}",
        partial(_digesting_worker, digester=digester, judge_again=context.options.rehash),
    )


def _digesting_worker(root: zarr.Group, *, digester: Digester, judge_again: bool) -> Worker:
    known = known_contents(root, digester.settings, judge_again=judge_again)

    def worker(root: zarr.Group, task: FileBlock) -> list[Digest]:
        return [*digester.digest(task.files, known), *task.unlisted]

    return worker


def statuses(root: zarr.Group) -> Mapping[str, int]:
    """Files of the ledger by status."""
    return count_values(read_files(root).status)


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    yield Done("", table_length(root, FILES), 0)


STAGE = Stage(NAME, plan, TABLES, _status, statuses)
