"""The two tables that every stage reads: ``files`` (a row a path) and ``images`` (a row a unique content).

New rows of ``files`` follow in `path_ranks`, those of ``images`` in the order of the files that brought them.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import zarr
from numpy.typing import NDArray

from pipeline.errors import StageError
from pipeline.index.columns import ColumnOf, StoredRows, reader_of
from pipeline.index.tables import hex_md5 as hex_md5
from pipeline.index.tables import text_array as text_array
from pipeline.records import PICTURES
from pipeline.stages.files.tables import CONTENTS, LEDGER

FILES = LEDGER.place
IMAGES = CONTENTS.place


class LedgerRows(StoredRows):
    """Rows of the ledger, one a path; what the columns mean stands in `tables.LEDGER`."""

    path = ColumnOf(np.object_)
    size_bytes = ColumnOf(np.int64)
    modified_ns = ColumnOf(np.int64)
    etag = ColumnOf(np.object_)
    format = ColumnOf(np.object_)
    md5 = ColumnOf(np.uint8)
    status = ColumnOf(np.object_)
    reason = ColumnOf(np.object_)
    limit = ColumnOf(np.object_)
    image = ColumnOf(np.int64)


class ImageRows(StoredRows):
    """Rows of unique contents; what the columns mean stands in `tables.CONTENTS`."""

    md5 = ColumnOf(np.uint8)
    pixel_md5 = ColumnOf(np.uint8)
    picture = ColumnOf(np.int64)
    format = ColumnOf(np.object_)
    width_px = ColumnOf(np.int32)
    height_px = ColumnOf(np.int32)
    bit_depth = ColumnOf(np.int32)
    pages = ColumnOf(np.int32)
    present = ColumnOf(np.bool_)
    metadata_nm_per_px = ColumnOf(np.float64)
    metadata = ColumnOf(np.object_)
    signature = ColumnOf(np.uint8)
    square = ColumnOf(np.uint8)
    filled_share = ColumnOf(np.float32)
    saturated_share = ColumnOf(np.float32)
    contrast_levels = ColumnOf(np.float32)
    noise_levels = ColumnOf(np.float32)
    focus = ColumnOf(np.float32)


def read_files(root: zarr.Group) -> LedgerRows:
    """The ledger; empty columns where nothing has been walked yet."""
    return LedgerRows(reader_of(root, LEDGER))


def read_images(root: zarr.Group) -> ImageRows:
    """The images; empty columns where there are none."""
    return ImageRows(reader_of(root, CONTENTS))


def count_values(column: NDArray[np.object_]) -> dict[str, int]:
    """How often each text of a column occurs, by name; empty texts are left out."""
    return dict(sorted((text, count) for text, count in Counter(map(str, column.tolist())).items() if text))


def representatives(root: zarr.Group) -> NDArray[np.int64]:
    """Rows of the present images that stand for their picture, ascending.

    Raises
    ------
    StageError
        The pictures have not been paired since images were added.
    """
    images = read_images(root)
    picture, present = images.picture, images.present
    if np.any(present & (picture < 0)):
        raise StageError("Some images have not been paired yet; run `semcorpus pair INDEX` (or the whole `run`) first.")
    return np.flatnonzero(present & (picture == np.arange(len(picture)))).astype(np.int64)


def picture_ids(root: zarr.Group, rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The first 8 bytes of the MD5s of image rows: identities that random choices derive from."""
    digests = np.ascontiguousarray(read_images(root).md5[rows][:, :8])
    return digests.view(">u8").reshape(-1).astype(np.uint64)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes of an image are: any present path of it, and the MD5 that they must have."""

    image: int
    path: str
    md5: bytes
    nm_per_px: float  # from the file's metadata; NaN without


def sources_of(root: zarr.Group, rows: Iterable[int]) -> list[Source]:
    """A present path for every image row asked for, the ledger's ``ok`` one first."""
    files = read_files(root)
    images = read_images(root)
    paths: dict[int, str] = {}
    for wanted in reversed(PICTURES):
        chosen = files.status == wanted
        paths.update(zip(files.image[chosen].tolist(), files.path[chosen].tolist(), strict=True))
    return [
        Source(row, paths[row], images.md5[row].tobytes(), float(images.metadata_nm_per_px[row]))
        for row in map(int, rows)
        if row in paths
    ]


def bytes_md5(data: bytes) -> bytes:
    """The 16-byte MD5 that names a content."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def path_ranks(paths: pa.LargeStringArray) -> NDArray[np.int64]:
    """The place of each path in the order of the listing: by the bytes of the file's path, its pages by their numbers.

    A walk digests files in this order, and so the ledger has it wherever its checkpoints fall.
    """
    page = pc.struct_field(pc.extract_regex(paths, r"#page=(?P<page>[1-9][0-9]*)$"), "page")
    table = pa.table(
        {
            "file": pc.replace_substring_regex(paths, r"#page=[1-9][0-9]*$", ""),
            "page": pc.fill_null(pc.cast(page, pa.int64()), 0),
        }
    )
    ranks = np.empty(len(paths), np.int64)
    order = pc.sort_indices(table, sort_keys=[("file", "ascending"), ("page", "ascending")])
    ranks[order.to_numpy()] = np.arange(len(paths))
    return ranks
