"""arrays: rows of arrays as vectors and pictures, in place of `walk`, `pair` and `pixels`.

A corpus of containers (``.npz``) is listed like one of files: a container is a document, and each of its rows a row of
``images``. Then the arrays that the recipe names are stored: as sets of vectors, or as the squares that networks see.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.config.recipe import PixelsSettings, WalkSettings
from pipeline.corpus.containers import member_md5, read_container
from pipeline.corpus.listing import positions, texts
from pipeline.corpus.names import split_page
from pipeline.corpus.source import Corpus
from pipeline.errors import ImageError, StageError
from pipeline.imaging.canonical import resize_square
from pipeline.index.rows import read_keys, require_rows, write_shard
from pipeline.index.tables import read_table, read_texts
from pipeline.runtime.keys import pixels_key
from pipeline.runtime.plan import Context, Done, Job, Plan, Stage, Worker
from pipeline.stages.arrays.listing import plan_listing
from pipeline.stages.arrays.tables import ARRAYS, TABLES
from pipeline.stages.files.ledger import FILES, Source, read_files, representatives
from pipeline.stages.pictures.tables import PIXELS
from pipeline.stages.selection import ShardTask, image_count, once_paired, shard_rows, shard_tasks
from pipeline.stages.vectors.sets import GivenVectors, group_of, require_vectors

NAME = "arrays"


def plan(context: Context) -> Plan | None:
    """List the containers; then store the rows of each array that the recipe names and that are missing."""
    settings = context.recipe.arrays
    if not settings.asked:
        return None
    listing = plan_listing(context)
    if listing is not None:
        return listing
    for name in settings.vectors:
        given = GivenVectors(name)
        rows = _missing(context.root, name, group_of(given), given.key)
        if len(rows):
            width = _width(context.root, name)
            layout = partial(
                require_vectors,
                group=group_of(given),
                dimension=width,
                rows=image_count(context.root),
                per_shard=shard_rows(context.root),
            )
            return _storing(context, name, group_of(given), rows, layout, partial(_vectors, given.key))
    key = pixels_key(context.recipe)
    rows = _missing(context.root, settings.pictures, PIXELS.place, key) if settings.pictures else _NONE
    if not len(rows):
        return None
    size = context.recipe.pixels.size
    layout = partial(_squares, size=size, rows=image_count(context.root), per_shard=shard_rows(context.root))
    return _storing(
        context, settings.pictures, PIXELS.place, rows, layout, partial(_pictures, key, context.recipe.pixels)
    )


_NONE = np.empty(0, np.int64)


def _squares(root: zarr.Group, *, size: int, rows: int, per_shard: int) -> None:
    require_rows(root, PIXELS.place, PIXELS.row_arrays(gray=(size, size)), rows, per_shard)


def _rows_with(root: zarr.Group, name: str) -> NDArray[np.int64]:
    """Image rows of the present rows of containers that hold an array, ascending.

    Raises
    ------
    StageError
        No container holds it.
    """
    table = read_table(root, ARRAYS.place)
    holders = (
        [path for path, array in zip(table["path"], table["array"], strict=True) if array == name] if table else []
    )
    if not holders:
        raise StageError(
            f"No container of the corpus has an array {name!r}; they have "
            f"{', '.join(sorted(set(map(str, table['array'])))) if table else 'none'}. Change arrays.vectors or "
            "arrays.pictures in the recipe."
        )
    image = read_files(root).image
    places: pa.LargeStringArray = pc.replace_substring_regex(read_texts(root, FILES, "path"), r"#page=[1-9][0-9]*$", "")
    within = (image >= 0) & (positions(places, texts(list(map(str, holders)))) >= 0)
    return np.intersect1d(image[within], representatives(root)).astype(np.int64)


def _missing(root: zarr.Group, name: str, group: str, key: int) -> NDArray[np.int64]:
    rows = _rows_with(root, name)
    missing: NDArray[np.int64] = rows[read_keys(root, group, image_count(root))[rows] != np.uint64(key)]
    return missing


def _width(root: zarr.Group, name: str) -> int:
    """Numbers in a row of an array, which is the same in all containers.

    Raises
    ------
    StageError
        It is not.
    """
    table = read_table(root, ARRAYS.place)
    widths = {
        str(p): int(w) for p, a, w in zip(table["path"], table["array"], table["width"], strict=True) if a == name
    }
    if len(set(widths.values())) > 1:
        said = ", ".join(f"{path}: {width}" for path, width in list(widths.items())[:4])
        raise StageError(f"The rows of the array {name!r} must be of one length; they have {said}.")
    return next(iter(widths.values()))


def _storing(context: Context, name: str, group: str, rows: NDArray[np.int64], layout: Any, worker_of: Any) -> Plan:
    return Plan(
        step=name,
        tasks=shard_tasks(context.root, group, rows, with_sources=True),
        job=Job(
            f"{NAME} {name} {context.corpus.url}",
            partial(_storer, context.corpus, context.recipe.walk, name, group, worker_of),
        ),
        writes=True,
        layout=layout,
        engine="dask",
        seconds_per_item=0.0002,
        settings=context.recipe.arrays.model_dump(),
        skipped=int,
    )


def _storer(corpus: Corpus, settings: WalkSettings, name: str, group: str, values_of: Any, _: zarr.Group) -> Worker:
    @lru_cache(maxsize=1)
    def container(place: str) -> dict[str, NDArray[np.generic]]:
        data = corpus.read(place, max_bytes=settings.max_bytes)
        return read_container(data, max_bytes=settings.decode_memory_bytes)

    def row(source: Source) -> NDArray[np.generic] | None:
        """The row as it was listed; None where its container is gone or has changed since."""
        place, page = split_page(source.path)
        try:
            arrays = container(place)
        except ImageError:
            return None
        same = page <= len(arrays[name]) and member_md5(arrays, place, page - 1) == source.md5
        return arrays[name][page - 1] if same else None

    def worker(root: zarr.Group, task: ShardTask) -> int:
        found = {source.image: values for source in task.sources if (values := row(source)) is not None}
        if found:
            done = np.array(sorted(found), np.int64)
            values, key = values_of(np.stack([found[image] for image in done.tolist()]))
            write_shard(root, group, task.shard, done, values, key)
        return len(task.rows) - len(found)

    return worker


def _vectors(key: int, rows: NDArray[np.generic]) -> tuple[Mapping[str, NDArray[np.generic]], int]:
    return {"vectors": rows.reshape(len(rows), -1).astype(np.float32)}, key


def _pictures(
    key: int, settings: PixelsSettings, rows: NDArray[np.generic]
) -> tuple[Mapping[str, NDArray[np.generic]], int]:
    if rows.ndim != 3 or rows.dtype != np.uint8:
        raise StageError(
            f"The array of pictures has rows of {rows.dtype} {rows.shape[1:]}; expected uint8 (height, width)."
        )
    shown = np.tile(np.array(rows.shape[:0:-1], np.int32), (len(rows), 1))
    squares = [resize_square(gray, size=settings.size, fit=settings.fit) for gray in rows]
    return {"gray": np.stack(squares), "shown_px": shown}, key


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    groups = [(name, group_of(GivenVectors(name)), GivenVectors(name).key) for name in recipe.arrays.vectors]
    if recipe.arrays.pictures:
        groups.append((recipe.arrays.pictures, PIXELS.place, pixels_key(recipe)))
    for name, group, key in groups:
        rows, missing = len(_rows_with(root, name)), len(_missing(root, name, group, key))
        yield Done(name, rows - missing, missing)


STAGE = Stage(NAME, plan, TABLES, once_paired(_status))
