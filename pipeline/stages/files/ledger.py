"""The two tables that every stage reads: ``files`` (a row a path) and ``images`` (a row a unique content)."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.errors import StageError
from pipeline.index.tables import read_table

FILES = "files"
IMAGES = "images"

SIGNATURE_SHAPE = (24, 32)

FILE_COLUMNS: dict[str, Any] = {
    "path": object,
    "size_bytes": np.int64,
    "modified_ns": np.int64,
    "etag": object,
    "format": object,
    "md5": (np.uint8, 16),
    "status": object,
    "reason": object,
    "image": np.int64,
}

IMAGE_COLUMNS: dict[str, Any] = {
    "md5": (np.uint8, 16),
    "pixel_md5": (np.uint8, 16),
    "picture": np.int64,
    "format": object,
    "width_px": np.int32,
    "height_px": np.int32,
    "bit_depth": np.int32,
    "pages": np.int32,
    "present": np.bool_,
    "metadata_nm_per_px": np.float64,
    "metadata": object,
    "signature": (np.uint8, SIGNATURE_SHAPE[0] * SIGNATURE_SHAPE[1]),
}


def empty_columns(columns: dict[str, Any], rows: int = 0) -> dict[str, NDArray[Any]]:
    """Arrays of ``rows`` zeros (or empty texts) for a table's columns."""
    result: dict[str, NDArray[Any]] = {}
    for name, kind in columns.items():
        dtype, width = kind if isinstance(kind, tuple) else (kind, None)
        shape = (rows,) if width is None else (rows, width)
        result[name] = np.full(shape, "", object) if dtype is object else np.zeros(shape, dtype)
    return result


def read_files(root: zarr.Group) -> dict[str, NDArray[Any]]:
    """The ledger; empty columns where nothing has been walked yet."""
    return read_table(root, FILES) or empty_columns(FILE_COLUMNS)


def read_images(root: zarr.Group, *columns: str) -> dict[str, NDArray[Any]]:
    """The images (all columns or those named); empty columns where there are none."""
    found = read_table(root, IMAGES, *columns)
    return found or {k: v for k, v in empty_columns(IMAGE_COLUMNS).items() if not columns or k in columns}


def count_values(column: NDArray[Any]) -> dict[str, int]:
    """How often each text of a column occurs, by name; empty texts are left out."""
    return dict(sorted((text, count) for text, count in Counter(map(str, column.tolist())).items() if text))


def representatives(root: zarr.Group) -> NDArray[np.int64]:
    """Rows of the present images that stand for their picture, ascending.

    Raises
    ------
    StageError
        The pictures have not been paired since images were added.
    """
    images = read_images(root, "picture", "present")
    picture, present = images["picture"], images["present"]
    if np.any(present & (picture < 0)):
        raise StageError("Some images have not been paired yet; run `semcorpus pair INDEX` (or the whole `run`) first.")
    return np.flatnonzero(present & (picture == np.arange(len(picture)))).astype(np.int64)


def picture_ids(root: zarr.Group, rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The first 8 bytes of the MD5s of image rows: identities that random choices derive from."""
    digests = np.ascontiguousarray(read_images(root, "md5")["md5"][rows][:, :8])
    return digests.view(">u8").reshape(-1).astype(np.uint64)


def hex_md5(digests: NDArray[np.uint8]) -> list[str]:
    """Rows of 16 bytes as hexadecimal text; a row of zeros (no digest) is empty text."""
    return [row.tobytes().hex() if row.any() else "" for row in digests]


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
    images = read_images(root, "md5", "metadata_nm_per_px")
    paths: dict[int, str] = {}
    for wanted in ("duplicate", "ok"):
        chosen = files["status"] == wanted
        paths.update(zip(files["image"][chosen].tolist(), files["path"][chosen].tolist(), strict=True))
    return [
        Source(row, paths[row], images["md5"][row].tobytes(), float(images["metadata_nm_per_px"][row]))
        for row in map(int, rows)
        if row in paths
    ]


def bytes_md5(data: bytes) -> bytes:
    """The 16-byte MD5 that names a content."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def text_array(values: Sequence[str]) -> NDArray[Any]:
    """Texts as an object array."""
    result = np.empty(len(values), object)
    result[:] = values
    return result
