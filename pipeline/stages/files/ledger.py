"""The two tables that every stage reads: ``files`` (a row a path) and ``images`` (a row a unique content).

New rows of ``files`` follow in `path_ranks`, those of ``images`` in the order of the files that brought them.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import zarr
from numpy.typing import NDArray

from pipeline.errors import StageError
from pipeline.index.tables import hex_md5 as hex_md5
from pipeline.index.tables import read_table, table_length
from pipeline.index.tables import text_array as text_array
from pipeline.records import PICTURES
from pipeline.stages.files.tables import CONTENTS, LEDGER

FILES = LEDGER.place
IMAGES = CONTENTS.place


def read_files(root: zarr.Group) -> dict[str, NDArray[Any]]:
    """The ledger; empty columns where nothing has been walked yet."""
    return read_table(root, FILES) or LEDGER.empty()


def read_images(root: zarr.Group, *columns: str) -> dict[str, NDArray[Any]]:
    """The images (all columns or those named); empty columns where there are none.

    A column that an older version has not kept is of zeros or empty texts.
    """
    group = root.get(IMAGES)
    kept = [name for name in columns if isinstance(group, zarr.Group) and name in group]
    found = read_table(root, IMAGES, *kept) if kept or not columns else {}
    if not found:
        return CONTENTS.empty(table_length(root, IMAGES), *columns)
    return CONTENTS.empty(len(next(iter(found.values()))), *columns) | found


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
    for wanted in reversed(PICTURES):
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
