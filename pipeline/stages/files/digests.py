"""What became of files, and how it gets into the ledger and the images; only what differs is written."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import zarr
from numpy.typing import NDArray

from pipeline.corpus.listing import FileEntry, positions, texts
from pipeline.corpus.names import split_page
from pipeline.imaging.quality import MEASURES, SUSPECT_SHARE
from pipeline.imaging.summary import PictureSummary
from pipeline.index.arrays import Scalar
from pipeline.index.tables import read_texts, table_length, update_rows
from pipeline.stages.files.known_contents import IMAGE, NO_MD5, Md5Rows
from pipeline.stages.files.ledger import (
    FILES,
    IMAGES,
    path_ranks,
    read_files,
    read_images,
    text_array,
)
from pipeline.stages.files.tables import CONTENTS, LEDGER

_NEW = "new"  # in a merge only: decoded, and neither `ok` nor `duplicate` yet


@dataclass(frozen=True, slots=True)
class Digest:
    """What became of one file; ``ok`` without a picture is a content that is known as an image already."""

    entry: FileEntry
    format: str
    md5: bytes
    status: str
    reason: str
    picture: PictureSummary | None = None
    limit: str = ""


def merge_digests(
    root: zarr.Group,
    results: Sequence[list[Digest]],
    *,
    gone: NDArray[np.int64],
    kept: NDArray[np.int64],
) -> None:
    """Put digests, in the order of their paths, into the ledger and the images.

    A walk may commit after any of its blocks; what is in the index after the last one does not depend on after which.

    Parameters
    ----------
    root : zarr.Group
    results : sequence of list of Digest
        Of one block of files each; blocks follow in the order of their paths.
    gone : int64 [n]
        Ledger rows whose files are no longer there.
    kept : int64 [n]
        Ledger rows that were ``ok`` before this walk, of files that it does not digest.
    """
    digests = {digest.entry.path: digest for block in results for digest in block}
    image_of = _append_images(root, [digest for digest in digests.values() if digest.md5 != NO_MD5])
    ledger = _Ledger(root)
    ledger.put(digests, image_of)
    ledger.mark_gone(gone)
    ledger.choose_first(kept)
    ledger.write()
    _mark_present(root, ledger)


def _append_images(root: zarr.Group, digests: Sequence[Digest]) -> dict[bytes, int]:
    """Add the new contents; the image row of every content among the digests."""
    md5s = np.frombuffer(b"".join(digest.md5 for digest in digests), np.uint8).reshape(-1, 16)
    before = read_images(root).md5
    known = Md5Rows(before).rows(md5s)
    image_of = {digest.md5: row for digest, row in zip(digests, known.tolist(), strict=True) if row >= 0}
    new: list[Digest] = []
    for digest in digests:
        if digest.picture is not None and digest.md5 not in image_of:
            image_of[digest.md5] = len(before) + len(new)
            new.append(digest)
    added = CONTENTS.empty(len(new))
    for number, digest in enumerate(new):
        _fill_image(added, number, digest)
    total = len(before) + len(new)
    update_rows(root, IMAGES, np.arange(len(before), total), added, total=total)
    return image_of


def _fill_image(columns: dict[str, NDArray[np.generic]], row: int, digest: Digest) -> None:
    picture = digest.picture
    assert picture is not None
    columns["md5"][row] = np.frombuffer(digest.md5, np.uint8)
    columns["pixel_md5"][row] = np.frombuffer(picture.pixel_md5, np.uint8)
    columns["signature"][row] = np.frombuffer(picture.signature, np.uint8)
    columns["picture"][row] = -1
    columns["format"][row] = digest.format
    columns["square"][row] = np.frombuffer(picture.square, np.uint8)
    for name in ("width_px", "height_px", "bit_depth", "pages", "metadata_nm_per_px", "metadata"):
        columns[name][row] = getattr(picture, name)
    for name in MEASURES:
        columns[name][row] = getattr(picture.quality, name)


class _Ledger:
    """The ledger during a merge: paths, statuses and images of all rows, and everything of the rows that change."""

    def __init__(self, root: zarr.Group) -> None:
        self._root = root
        self.before = table_length(root, FILES)
        kept = read_files(root)
        self.path = read_texts(root, FILES, "path")
        self.status, self.image = kept.status, kept.image
        self._old_status = kept.status.copy()
        self._suspect: dict[int, float] = {}
        self._rows = self._gone = np.empty(0, np.int64)
        self._changed = LEDGER.empty()

    def put(self, digests: dict[str, Digest], image_of: dict[bytes, int]) -> None:
        """Set the rows of these paths; new ones follow in the order of the listing."""
        found = positions(texts(list(digests)), self.path)
        new = texts([path for path, row in zip(digests, found.tolist(), strict=True) if row < 0])
        self.path = pa.concat_arrays([self.path, new.take(np.argsort(path_ranks(new)))])
        rows = positions(texts(list(digests)), self.path)
        order = np.argsort(rows)
        ordered = [digest for _, digest in sorted(zip(rows.tolist(), digests.values(), strict=True), key=_first)]
        self._rows, self._changed = rows[order], _columns(ordered, image_of)
        self.status = _extended(self.status, self._rows, self._changed["status"], len(self.path))
        self.image = _extended(self.image, self._rows, self._changed["image"], len(self.path))

    def mark_gone(self, rows: NDArray[np.int64]) -> None:
        """Say that the files of these rows are no longer there."""
        self._gone = np.union1d(rows[~np.isin(rows, self._rows)], self._lost_pages())
        self.status[self._gone] = "gone"

    def _lost_pages(self) -> NDArray[np.int64]:
        """Rows of pages that a document had when it was read before, and has no more."""
        pages: NDArray[np.int64] = np.flatnonzero(
            pc.match_substring(self.path, "#page=").to_numpy(zero_copy_only=False)
        )
        pages = pages[~np.isin(pages, self._rows) & (self.status[pages] != "gone")]
        if not len(pages):
            return pages
        documents = texts([split_page(path)[0] for path in self.path.take(pages).to_pylist()])
        read_now = self._rows[~np.isin(self._changed["status"].astype(str), ("unreadable", "not_judged"))]
        pages = pages[positions(documents, self.path.take(read_now)) >= 0]
        return pages

    def choose_first(self, kept: NDArray[np.int64]) -> None:
        """One present path of each content is ``ok`` or ``suspect``, one of ``kept`` where it can be.

        The others are ``duplicate``.
        """
        rows = np.flatnonzero((self.image >= 0) & (self.status != "gone"))
        shared = np.bincount(self.image[rows], minlength=1)[self.image[rows]] > 1
        self.status[rows[~shared]] = "ok"
        rows = rows[shared]
        rank = path_ranks(self.path.take(rows))
        rows = rows[np.lexsort((rank, ~np.isin(rows, kept), self.image[rows]))]
        self.status[rows] = "duplicate"
        self.status[rows[np.unique(self.image[rows], return_index=True)[1]]] = "ok"
        first = np.flatnonzero(self.status == "ok")
        filled = read_images(self._root).filled_share[self.image[first]]
        suspect = filled >= SUSPECT_SHARE
        self.status[first[suspect]] = "suspect"
        self._suspect = dict(zip(first[suspect].tolist(), filled[suspect].tolist(), strict=True))

    def write(self) -> None:
        """Write what has changed."""
        total = len(self.path)
        self._changed["status"] = self.status[self._rows]
        update_rows(self._root, FILES, self._rows, self._changed, total=total)
        others = np.flatnonzero(self.status[: self.before] != self._old_status)
        update_rows(self._root, FILES, others, {"status": self.status[others]}, total=total)
        why = text_array(["no longer in the corpus"] * len(self._gone))
        update_rows(self._root, FILES, self._gone, {"reason": why}, total=total)
        cleared = others[(self._old_status[others] == "suspect") & np.isin(self.status[others], ("ok", "duplicate"))]
        update_rows(self._root, FILES, cleared, {"reason": text_array([""] * len(cleared))}, total=total)
        told = np.union1d(self._rows, others)
        suspect = told[self.status[told] == "suspect"].astype(np.int64)
        shares = [self._suspect[row] for row in suspect.tolist()]
        why = text_array([f"{share:.0%} of its rows are filled with one value: cut off?" for share in shares])
        update_rows(self._root, FILES, suspect, {"reason": why}, total=total)


def _first(pair: tuple[int, Digest]) -> int:
    return pair[0]


def _columns(digests: Sequence[Digest], image_of: dict[bytes, int]) -> dict[str, NDArray[np.generic]]:
    """Ledger rows of digests; images are ``new`` until `_Ledger.choose_first`."""
    entries = [digest.entry for digest in digests]
    found = [digest.status == IMAGE.status for digest in digests]
    return {
        "path": text_array([entry.path for entry in entries]),
        "size_bytes": np.array([entry.size_bytes for entry in entries], np.int64),
        "modified_ns": np.array([entry.modified_ns for entry in entries], np.int64),
        "etag": text_array([entry.etag for entry in entries]),
        "format": text_array([digest.format for digest in digests]),
        "md5": np.frombuffer(b"".join(digest.md5 for digest in digests), np.uint8).reshape(-1, 16),
        "status": text_array([_NEW if ok else d.status for d, ok in zip(digests, found, strict=True)]),
        "reason": text_array([digest.reason for digest in digests]),
        "limit": text_array([digest.limit for digest in digests]),
        "image": np.array([image_of[d.md5] if ok else -1 for d, ok in zip(digests, found, strict=True)], np.int64),
    }


def _extended(
    column: NDArray[Scalar], rows: NDArray[np.int64], values: NDArray[np.generic], total: int
) -> NDArray[Scalar]:
    longer = np.concatenate([column, np.empty(total - len(column), column.dtype)])
    longer[rows] = values
    return longer


def _mark_present(root: zarr.Group, ledger: _Ledger) -> None:
    before = read_images(root).present
    present = np.zeros(len(before), bool)
    present[ledger.image[(ledger.image >= 0) & (ledger.status != "gone")]] = True
    rows = np.flatnonzero(present != before)
    update_rows(root, IMAGES, rows, {"present": present[rows]}, total=len(before))
