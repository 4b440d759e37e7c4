"""walk: list the corpus, digest what is new or changed, keep the ledger.

Every path that was ever walked has a row in ``files``; every unique content that is an image has a row in ``images``.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.errors import ImageError, ImageTooLargeError, RemovalsError
from pipeline.imaging.canonical import signature, to_gray8, upper_part
from pipeline.imaging.decode import decode_image, pixel_md5
from pipeline.imaging.sniff import sniff_format
from pipeline.stages.ledger import (
    FILE_COLUMNS,
    FILES,
    IMAGE_COLUMNS,
    IMAGES,
    bytes_md5,
    empty_columns,
    read_files,
    read_images,
)
from pipeline.stages.plan import Block, Context, Job, Plan, Stage, Worker
from pipeline.storage.corpus import Corpus, FileEntry, Listing
from pipeline.storage.tables import write_table

NAME = "walk"

_SNIFFED_BYTES = 4096
_NO_MD5 = bytes(16)
_NEW = "new"  # in a merge only: decoded, and neither `ok` nor `duplicate` yet


@dataclass(frozen=True, slots=True)
class Picture:
    """What decoding a file gave."""

    pixel_md5: bytes
    width_px: int
    height_px: int
    bit_depth: int
    pages: int
    metadata_nm_per_px: float
    metadata: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Digest:
    """What became of one file."""

    entry: FileEntry
    format: str
    md5: bytes
    status: str
    reason: str
    picture: Picture | None


def plan(context: Context) -> Plan | None:
    """New and changed files in blocks, in the order of their paths; nothing when the corpus is as it was."""
    context.corpus.check()
    listing = context.corpus.listing()
    files = read_files(context.root)
    gone = _gone(files, listing)
    _check_removals(files, gone, context)
    todo = _todo(files, listing)
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
        job=Job(
            f"walk {context.corpus.url}",
            partial(_digester, corpus=context.corpus, max_bytes=settings.max_bytes, max_pixels=settings.max_pixels),
        ),
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


def _digester(root: zarr.Group, *, corpus: Corpus, max_bytes: int, max_pixels: int) -> Worker:
    def worker(root: zarr.Group, task: Block) -> list[Digest]:
        return [digest_file(corpus, entry, max_bytes=max_bytes, max_pixels=max_pixels) for entry in task.data]

    return worker


def digest_file(corpus: Corpus, entry: FileEntry, *, max_bytes: int, max_pixels: int) -> Digest:
    """Read, identify, decode and summarise one file; whatever is wrong with it becomes its status and reason."""
    kind, md5 = "", _NO_MD5
    try:
        if entry.size_bytes > max_bytes:
            raise ImageTooLargeError(f"{entry.size_bytes} bytes; the limit is {max_bytes}")
        data = corpus.read(entry.path)
        kind = sniff_format(data[:_SNIFFED_BYTES]) or ""
        md5 = bytes_md5(data)
        return Digest(entry, kind, md5, "ok", "", _summarise(data, max_pixels))
    except ImageError as error:
        return Digest(entry, kind, md5, error.status, str(error), None)


def _summarise(data: bytes, max_pixels: int) -> Picture:
    image = decode_image(data, max_pixels=max_pixels)
    height, width = image.pixels.shape[:2]
    return Picture(
        pixel_md5(image),
        width,
        height,
        image.bit_depth,
        image.pages,
        float("nan") if image.nm_per_px is None else image.nm_per_px,
        json.dumps(dict(image.metadata), sort_keys=True, ensure_ascii=False) if image.metadata else "",
        signature(upper_part(to_gray8(image))).tobytes(),
    )


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
        files["status"][row] = _NEW if digest.picture is not None else digest.status
        files["reason"][row] = digest.reason
        files["image"][row] = row_of[digest.md5] if digest.picture is not None else -1
    vanished = np.isin(files["path"].astype(str), sorted(gone)) if gone else np.zeros(len(files["path"]), bool)
    files["status"][vanished], files["reason"][vanished] = "gone", "no longer in the corpus"
    return files


def _named(unlisted: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((path or ".", reason) for path, reason in unlisted)


def _unlisted_digest(path: str, reason: str) -> Digest:
    return Digest(FileEntry(path, 0, -1), "", _NO_MD5, "unreadable", reason, None)


def _set_first_and_duplicates(files: dict[str, NDArray[Any]]) -> None:
    """One present path of each content is ``ok`` and stays it; the others are ``duplicate``."""
    status, image, path = files["status"], files["image"], files["path"]
    rows = np.flatnonzero((image >= 0) & (status != "gone")).tolist()
    seen: set[int] = set()
    for row in sorted(rows, key=lambda row: (status[row] != "ok", str(path[row]).encode())):
        status[row] = "duplicate" if int(image[row]) in seen else "ok"
        seen.add(int(image[row]))


STAGE = Stage(NAME, plan)
