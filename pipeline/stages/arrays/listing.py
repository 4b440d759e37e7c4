"""The first step of `arrays`: which containers there are, and a row of the ledger for each of their rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import pyarrow.compute as pc
import zarr
from numpy.typing import NDArray

from pipeline.config.recipe import WalkSettings
from pipeline.corpus.containers import Arrays, is_container, member_md5, read_container
from pipeline.corpus.listing import FileEntry, positions
from pipeline.corpus.names import page_path
from pipeline.corpus.source import Corpus
from pipeline.errors import ImageError, UnsupportedImageError
from pipeline.imaging.quality import MEASURES, Quality
from pipeline.imaging.summary import PictureSummary
from pipeline.index.tables import replace_rows, update_rows
from pipeline.runtime.plan import Block, Context, Job, Plan, Worker
from pipeline.stages.arrays.tables import ARRAYS
from pipeline.stages.files.digests import Digest, merge_digests
from pipeline.stages.files.known_contents import NO_MD5
from pipeline.stages.files.known_files import KnownFiles
from pipeline.stages.files.ledger import IMAGES, bytes_md5, read_images
from pipeline.stages.files.removals import check_removals
from pipeline.stages.files.tables import CONTENTS

_NAN: Final = float("nan")
_NO_PICTURE: Final = PictureSummary(
    pixel_md5=NO_MD5,
    width_px=0,
    height_px=1,
    bit_depth=0,
    pages=1,
    metadata_nm_per_px=_NAN,
    metadata="",
    signature=CONTENTS.empty(1, "signature")["signature"].tobytes(),
    square=CONTENTS.empty(1, "square")["square"].tobytes(),
    quality=Quality(**dict.fromkeys(MEASURES, _NAN)),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """What became of a file: its rows in the ledger, and its arrays as rows of `ARRAYS`."""

    path: str
    digests: list[Digest]
    arrays: list[dict[str, object]]


def plan_listing(context: Context) -> Plan | None:
    """New and changed containers, a task each; None where the ledger has them all as they are."""
    context.corpus.check()
    listing, known = context.corpus.listing(), KnownFiles.read(context.root)
    places = pc.replace_substring_regex(known.path, r"#page=[1-9][0-9]*$", "")
    gone = np.flatnonzero((positions(places, listing.present) < 0) & (known.status != "gone")).astype(np.int64)
    check_removals(known, gone, listing, context)
    todo = [entry for entry in listing.files if context.options.rehash or not _is_known(known, entry)]
    if not todo and not len(gone):
        return None
    return Plan(
        step="list",
        tasks=[Block(1, entry.path, entry) for entry in todo],
        job=Job(f"list {context.corpus.url}", partial(_lister, context.corpus, context.recipe.walk)),
        merge=partial(_merge, gone=gone),
        engine="dask",
        seconds_per_item=0.2,
    )


def _is_known(known: KnownFiles, entry: FileEntry) -> bool:
    row = known.path.index(entry.path).as_py()
    return (
        row >= 0
        and known.status[row] not in ("gone", "unreadable")
        and (int(known.size_bytes[row]), int(known.modified_ns[row])) == (entry.size_bytes, entry.modified_ns)
    )


def _lister(corpus: Corpus, settings: WalkSettings, _: zarr.Group) -> Worker:
    def worker(root: zarr.Group, task: Block) -> Listed:
        return _list_file(corpus, settings, task.data)

    return worker


def _list_file(corpus: Corpus, settings: WalkSettings, entry: FileEntry) -> Listed:
    md5 = NO_MD5
    try:
        if not is_container(entry.path):
            raise UnsupportedImageError("no container of arrays (.npz)")
        data = corpus.read(entry.path, max_bytes=settings.max_bytes)
        md5 = bytes_md5(data)
        arrays = read_container(data, max_bytes=settings.decode_memory_bytes)
    except ImageError as error:
        return Listed(entry.path, [Digest(entry, "", md5, error.status, str(error))], [])
    n = len(next(iter(arrays.values())))
    document = Digest(entry, "npz", md5, "document", f"{n:,} rows, each with a row of its own")
    return Listed(
        entry.path, [document, *(_row(entry, arrays, row) for row in range(n))], _described(entry.path, arrays)
    )


def _row(entry: FileEntry, arrays: Arrays, row: int) -> Digest:
    content = member_md5(arrays, entry.path, row)
    width = int(np.prod(next(iter(arrays.values())).shape[1:], dtype=np.int64))
    summary = replace(_NO_PICTURE, pixel_md5=content, width_px=width)
    return Digest(replace(entry, path=page_path(entry.path, row + 1), size_bytes=0), "npz", content, "ok", "", summary)


def _described(path: str, arrays: Arrays) -> list[dict[str, object]]:
    return [
        {
            "path": path,
            "array": name,
            "rows": array.shape[0],
            "width": int(np.prod(array.shape[1:], dtype=np.int64)),
            "kind": f"{array.dtype} {array.shape[1:]}",
        }
        for name, array in arrays.items()
    ]


def _merge(root: zarr.Group, results: Sequence[Listed], *, gone: NDArray[np.int64]) -> None:
    merge_digests(root, [found.digests for found in results], gone=gone, kept=np.empty(0, np.int64))
    picture = read_images(root).picture
    new = np.flatnonzero(picture < 0)
    update_rows(root, IMAGES, new, {"picture": new.astype(np.int64)}, total=len(picture))
    rows = [row for found in results for row in found.arrays]
    replace_rows(root, ARRAYS.place, "path", [found.path for found in results], ARRAYS.typed(rows))
