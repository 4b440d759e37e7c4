"""What is known of contents by their MD5, so that a content is decoded once, under however many paths it comes."""

from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config.recipe import WalkSettings
from pipeline.index.tables import read_table
from pipeline.runtime.keys import content_key
from pipeline.stages.files.ledger import FILES, read_images
from pipeline.stages.files.refusals import COLUMN, read_limits, refused_by_less
from pipeline.stages.files.tables import LEDGER

NO_MD5 = bytes(16)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a content: ``ok`` for an image, else the ledger's status, reason and limit."""

    status: str
    reason: str = ""
    limit: str = ""


IMAGE = Verdict("ok")


class KnownContents:
    """Contents that an index has judged before.

    Parameters
    ----------
    images : ndarray of uint8, [n, 16]
        MD5s of all images.
    failed : dict of bytes to Verdict
        What became of contents that are none.

    Notes
    -----
    24 bytes an image: a corpus of 10 million costs every worker 240 MB.
    """

    def __init__(self, images: NDArray[np.uint8], failed: dict[bytes, Verdict]) -> None:
        self._images = Md5Rows(images)
        self._failed = failed

    def verdict(self, md5: bytes) -> Verdict | None:
        """What became of a content; None for a new one."""
        return self._failed.get(md5) if self._images.row(md5) < 0 else IMAGE


class Md5Rows:
    """Where MD5s stand in a column of distinct ones.

    Parameters
    ----------
    md5s : ndarray of uint8, [n, 16]
    """

    def __init__(self, md5s: NDArray[np.uint8]) -> None:
        heads = _heads(md5s)
        self._order = np.argsort(heads, kind="stable")
        self._heads, self._md5s = heads[self._order], md5s

    def row(self, md5: bytes) -> int:
        """The row of an MD5; -1 where it is not among them."""
        return int(self.rows(np.frombuffer(md5, np.uint8)[None])[0])

    def rows(self, wanted: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The row of each of ``wanted`` (uint8 [m, 16]); -1 where it is not among them."""
        heads = _heads(wanted)
        result = np.full(len(wanted), -1, np.int64)
        if not len(self._heads):
            return result
        place = np.searchsorted(self._heads, heads)
        pending = np.arange(len(wanted))
        while len(pending := pending[place[pending] < len(self._heads)]):
            pending = pending[self._heads[place[pending]] == heads[pending]]
            rows = self._order[place[pending]]
            same = np.all(self._md5s[rows] == wanted[pending], axis=1)
            result[pending[same]] = rows[same]
            pending = pending[~same]  # another MD5 that begins alike may follow
            place[pending] += 1
        return result


def known_contents(root: zarr.Group, settings: WalkSettings, *, judge_again: bool) -> KnownContents:
    """The contents of an index; those that these limits may let pass count as new, with ``judge_again`` all failed."""
    failed = {} if judge_again else _failed(_judged_files(root), settings)
    return KnownContents(read_images(root).md5, failed)


def contents_key(root: zarr.Group) -> int:
    """A number for the state of the index that `known_contents` rests on."""
    files = _judged_files(root)
    failed = _failed_rows(files)
    return content_key(read_images(root).md5, files["md5"][failed], files["status"][failed])


def _judged_files(root: zarr.Group) -> dict[str, NDArray[np.generic]]:
    """The ledger without its paths, which are most of its bytes."""
    files = read_table(root, FILES, "md5", "status", "reason") or LEDGER.empty()
    return files | {COLUMN: read_limits(root)}


def _failed(files: dict[str, NDArray[np.generic]], settings: WalkSettings) -> dict[bytes, Verdict]:
    rows = np.flatnonzero(_failed_rows(files) & ~refused_by_less(files["status"], files[COLUMN], settings))
    columns = (files[name][rows].tolist() for name in ("status", "reason", COLUMN))
    verdicts = (Verdict(*map(str, texts)) for texts in zip(*columns, strict=True))
    return {files["md5"][row].tobytes(): verdict for row, verdict in zip(rows.tolist(), verdicts, strict=True)}


def _failed_rows(files: dict[str, NDArray[np.generic]]) -> NDArray[np.bool_]:
    judged = np.isin(files["status"].astype(str), ("corrupt", "unsupported", "too_large"))
    chosen: NDArray[np.bool_] = judged & np.any(files["md5"] != 0, axis=1)
    return chosen


def _heads(md5: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(md5[:, :8]).view("<u8").reshape(-1).astype(np.uint64)
