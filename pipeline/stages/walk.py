"""walk: list the corpus, digest what is new or changed, keep the ledger.

Every path that was ever walked has a row in ``files``; every unique content that is an image has a row in ``images``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.errors import ImageError, ImageTooLargeError, RemovalsError
from pipeline.imaging.isolation import Limits, run_isolated
from pipeline.imaging.sniff import sniff_format
from pipeline.imaging.summary import PictureSummary, summarise_picture
from pipeline.stages.keys import stage_key
from pipeline.stages.known_contents import IMAGE, NO_MD5, KnownContents, Verdict, contents_key, known_contents
from pipeline.stages.ledger import (
    FILE_COLUMNS,
    FILES,
    IMAGE_COLUMNS,
    IMAGES,
    bytes_md5,
    count_values,
    empty_columns,
    read_files,
    read_images,
)
from pipeline.stages.plan import Block, Context, Job, Plan, Stage, Worker
from pipeline.storage.corpus import Corpus, FileEntry, Listing
from pipeline.storage.steady_read import read_steadily
from pipeline.storage.tables import read_table, write_table

NAME = "walk"

_SNIFFED_BYTES = 4096
_NEW = "new"  # in a merge only: decoded, and neither `ok` nor `duplicate` yet


@dataclass(frozen=True, slots=True)
class Digest:
    """What became of one file; ``ok`` without a picture is a content that is known as an image already."""

    entry: FileEntry
    format: str
    md5: bytes
    status: str
    reason: str
    picture: PictureSummary | None


def plan(context: Context) -> Plan | None:
    """New and changed files in blocks, in the order of their paths; nothing when the corpus is as it was."""
    context.corpus.check()
    listing = context.corpus.listing()
    files = read_files(context.root)
    gone = _gone(files, listing)
    _check_removals(files, gone, context)
    todo = list(listing.files) if context.rehash else _todo(files, listing)
    unlisted = _unlisted(files, listing)
    if not todo and not unlisted and not gone:
        return None
    settings = context.recipe.walk
    size = settings.files_per_task
    tasks = [
        Block(len(block), f"files {block[0].path} to {block[-1].path}", tuple(block))
        for block in (todo[start : start + size] for start in range(0, len(todo), size))
    ]
    return Plan(
        step="",
        tasks=tasks,
        job=_job(context),
        merge=partial(_merge, unlisted=unlisted, gone=frozenset(gone)),
        engine="dask",
        seconds_per_item=0.03,
        settings=settings.model_dump() | context.recipe.corpus.model_dump(),
    )


def _todo(files: dict[str, NDArray[Any]], listing: Listing) -> list[FileEntry]:
    """Files that are new or changed, and those that could not be read the last time."""
    settled = ~np.isin(files["status"].astype(str), ("gone", "unreadable"))
    columns = (files[name][settled].tolist() for name in ("path", "size_bytes", "modified_ns"))
    known = {path: (size, modified) for path, size, modified in zip(*columns, strict=True)}
    return [entry for entry in listing.files if known.get(entry.path) != (entry.size_bytes, entry.modified_ns)]


def _gone(files: dict[str, NDArray[Any]], listing: Listing) -> list[str]:
    """Ledger paths that are no longer there; what lies under a folder that could not be listed is not judged."""
    there = {entry.path for entry in listing.files} | listing.others
    blind = tuple(f"{path}/" if path else "" for path, _ in listing.unreadable)
    known = zip(files["path"].tolist(), files["status"].tolist(), strict=True)
    return [p for p, status in known if status != "gone" and p not in there and not f"{p}/".startswith(blind)]


def _unlisted(files: dict[str, NDArray[Any]], listing: Listing) -> tuple[tuple[str, str], ...]:
    """Paths that could not be listed, as far as the ledger does not say so already."""
    known = dict(zip(files["path"].tolist(), files["reason"].tolist(), strict=True))
    return tuple((path, reason) for path, reason in listing.unreadable if known.get(path or ".") != reason)


def _check_removals(files: dict[str, NDArray[Any]], gone: Sequence[str], context: Context) -> None:
    present = int(np.sum(files["status"] != "gone"))
    limit = context.recipe.walk.removals_limit
    if context.accept_removals or len(gone) <= limit * present:
        return
    raise RemovalsError(
        f"{len(gone)} of {present} files ({len(gone) / present:.0%}) have vanished from {context.corpus.url} since the "
        f"last run (first: {gone[0]}). If a share is down, bring it back; if they were really removed, run again with "
        "--accept-removals. Nothing was changed."
    )


def _job(context: Context) -> Job:
    """The worker knows the contents of the index at this moment, so they are part of its key."""
    settings = context.recipe.walk
    key = stage_key(NAME, settings.model_dump(), contents_key(context.root), int(context.rehash))
    digest = Digester(
        context.corpus,
        max_bytes=settings.max_bytes,
        summarise=partial(summarise_picture, max_pixels=settings.max_pixels),
        limits=Limits(settings.decode_seconds, settings.decode_memory_bytes),
    )
    return Job(
        f"{NAME} {context.corpus.url} {key}", partial(_digesting_worker, digest=digest, judge_again=context.rehash)
    )


def _digesting_worker(root: zarr.Group, *, digest: "Digester", judge_again: bool) -> Worker:
    known = known_contents(root, judge_again=judge_again)

    def worker(root: zarr.Group, task: Block) -> list[Digest]:
        in_block: dict[bytes, Verdict] = {}  # no longer than that: another block's result may never arrive
        return [digest(entry, known, in_block) for entry in task.data]

    return worker


@dataclass(frozen=True, slots=True)
class Digester:
    """Reads, identifies and summarises files; ``summarise`` runs in a process of its own, within ``limits``."""

    corpus: Corpus
    max_bytes: int
    summarise: Callable[[bytes], PictureSummary]
    limits: Limits

    def __call__(self, entry: FileEntry, known: KnownContents, in_block: dict[bytes, Verdict]) -> Digest:
        """Digest a file; whatever is wrong with it becomes its status and reason.

        A content that is known, from the index or from this block, is read and not decoded; one that was new is added
        to ``in_block``.
        """
        try:
            if entry.size_bytes > self.max_bytes:
                raise ImageTooLargeError(f"{entry.size_bytes} bytes; the limit is {self.max_bytes}")
            entry, data = read_steadily(self.corpus, entry)
        except ImageError as error:
            return Digest(entry, "", NO_MD5, error.status, str(error), None)
        kind, md5 = sniff_format(data[:_SNIFFED_BYTES]) or "", bytes_md5(data)
        verdict = in_block.get(md5) or known.verdict(md5)
        picture = None
        if verdict is None:
            picture, verdict = self._judge(data)
            in_block[md5] = verdict
        return Digest(entry, kind, md5, verdict.status, verdict.reason, picture)

    def _judge(self, data: bytes) -> tuple[PictureSummary | None, Verdict]:
        try:
            return run_isolated(self.summarise, data, limits=self.limits), IMAGE
        except ImageError as error:
            return None, Verdict(error.status, str(error))


def _merge(
    root: zarr.Group,
    results: Sequence[list[Digest]],
    *,
    unlisted: tuple[tuple[str, str], ...],
    gone: frozenset[str],
) -> None:
    """Put digests, in the order of their paths, into the ledger and the images."""
    digests = [digest for block in results for digest in block]
    images = read_images(root)
    images, row_of = _append_images(images, digests)
    files = _update_files(read_files(root), digests, row_of, unlisted, gone)
    _set_first_and_duplicates(files)
    images["present"] = np.isin(np.arange(len(images["md5"])), files["image"][files["status"] != "gone"])
    write_table(root, FILES, files)
    write_table(root, IMAGES, images)


def _append_images(
    images: dict[str, NDArray[Any]], digests: Sequence[Digest]
) -> tuple[dict[str, NDArray[Any]], dict[bytes, int]]:
    row_of = {row.tobytes(): number for number, row in enumerate(images["md5"])}
    new: list[Digest] = []
    for digest in digests:
        if digest.picture is not None and digest.md5 not in row_of:
            row_of[digest.md5] = len(row_of)
            new.append(digest)
    added = empty_columns(IMAGE_COLUMNS, len(new))
    for number, digest in enumerate(new):
        _fill_image(added, number, digest)
    return {name: np.concatenate([images[name], added[name]]) for name in IMAGE_COLUMNS}, row_of


def _fill_image(columns: dict[str, NDArray[Any]], row: int, digest: Digest) -> None:
    picture = digest.picture
    assert picture is not None
    columns["md5"][row] = np.frombuffer(digest.md5, np.uint8)
    columns["pixel_md5"][row] = np.frombuffer(picture.pixel_md5, np.uint8)
    columns["signature"][row] = np.frombuffer(picture.signature, np.uint8)
    columns["picture"][row] = -1
    columns["format"][row] = digest.format
    for name in ("width_px", "height_px", "bit_depth", "pages", "metadata_nm_per_px", "metadata"):
        columns[name][row] = getattr(picture, name)


def _update_files(
    files: dict[str, NDArray[Any]],
    digests: Sequence[Digest],
    row_of: dict[bytes, int],
    unlisted: Sequence[tuple[str, str]],
    gone: frozenset[str],
) -> dict[str, NDArray[Any]]:
    index_of = {path: number for number, path in enumerate(files["path"].tolist())}
    updates = {digest.entry.path: digest for digest in digests}
    updates |= {path: _unlisted_digest(path, reason) for path, reason in _named(unlisted)}
    new = [path for path in sorted(updates, key=str.encode) if path not in index_of]
    index_of |= {path: len(index_of) + number for number, path in enumerate(new)}
    added = empty_columns(FILE_COLUMNS, len(new))
    files = {name: np.concatenate([files[name], added[name]]) for name in FILE_COLUMNS}
    for path, digest in updates.items():
        row = index_of[path]
        values = (path, digest.entry.size_bytes, digest.entry.modified_ns, digest.format)
        for name, value in zip(("path", "size_bytes", "modified_ns", "format"), values, strict=True):
            files[name][row] = value
        files["md5"][row] = np.frombuffer(digest.md5, np.uint8)
        files["status"][row] = _NEW if digest.status == IMAGE.status else digest.status
        files["reason"][row] = digest.reason
        files["image"][row] = row_of[digest.md5] if digest.status == IMAGE.status else -1
    vanished = np.isin(files["path"].astype(str), sorted(gone)) if gone else np.zeros(len(files["path"]), bool)
    files["status"][vanished], files["reason"][vanished] = "gone", "no longer in the corpus"
    return files


def _named(unlisted: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((path or ".", reason) for path, reason in unlisted)


def _unlisted_digest(path: str, reason: str) -> Digest:
    return Digest(FileEntry(path, 0, -1), "", NO_MD5, "unreadable", reason, None)


def _set_first_and_duplicates(files: dict[str, NDArray[Any]]) -> None:
    """One present path of each content is ``ok`` and stays it; the others are ``duplicate``."""
    status, image, path = files["status"], files["image"], files["path"]
    rows = np.flatnonzero((image >= 0) & (status != "gone")).tolist()
    seen: set[int] = set()
    for row in sorted(rows, key=lambda row: (status[row] != "ok", str(path[row]).encode())):
        status[row] = "duplicate" if int(image[row]) in seen else "ok"
        seen.add(int(image[row]))


def statuses(root: zarr.Group) -> Mapping[str, int]:
    """Files of the ledger by status."""
    return count_values(read_table(root, FILES, "status").get("status", np.empty(0, object)))


STAGE = Stage(NAME, plan, statuses)
