"""pixels: every picture once more as a small square, so that networks never decode a file."""

from functools import partial
from typing import Any

import numpy as np
import zarr

from pipeline.config import PixelsSettings
from pipeline.errors import ImageError
from pipeline.imaging.canonical import resize_square
from pipeline.index.rows import RowArray, require_rows, write_shard
from pipeline.runtime.keys import crops_bar, pixels_key, scale_key
from pipeline.runtime.plan import Context, Job, Plan, Stage, Worker
from pipeline.stages.files.contents import Contents
from pipeline.stages.selection import ShardTask, done_rows, image_count, missing_rows, shard_rows, shard_tasks

NAME = "pixels"
GROUP = "pixels"

_CHUNK_ROWS = 16

# Less than this share of a picture above its "bar" is no bar but a misread picture.
_LEAST_PICTURE = 0.5


def plan(context: Context) -> Plan | None:
    """Make the squares that are missing under these settings."""
    settings = context.recipe.pixels
    crop, key = crops_bar(context.recipe), pixels_key(context.recipe)
    rows = missing_rows(context.root, GROUP, key)
    if crop:
        rows = np.intersect1d(rows, done_rows(context.root, "scale", scale_key(context.recipe)))
    if not len(rows):
        return None
    return Plan(
        step="",
        tasks=shard_tasks(context.root, GROUP, rows, with_sources=True),
        job=Job(
            f"pixels {key} {context.corpus.url}",
            partial(_shrinker, Contents(context.corpus, context.recipe.walk), settings, crop, key),
        ),
        writes=True,
        layout=partial(_layout, rows=image_count(context.root), per_shard=shard_rows(context.root), size=settings.size),
        engine="dask",
        seconds_per_item=0.015,
        settings=settings.model_dump(),
        skipped=int,
    )


def _layout(root: zarr.Group, *, rows: int, per_shard: int, size: int) -> None:
    picture = RowArray(
        "gray",
        "uint8",
        (size, size),
        chunk_rows=_CHUNK_ROWS,
        attributes={"description": "8-bit gray, data bar left out"},
    )
    require_rows(root, GROUP, (picture,), rows, per_shard)


def _shrinker(contents: Contents, settings: PixelsSettings, crop: bool, key: int, _: zarr.Group) -> Worker:
    def worker(root: zarr.Group, task: ShardTask) -> int:
        tops = _bar_tops(root, task) if crop else {}
        squares = {}
        for source in task.sources:
            try:
                gray = contents.gray(source)
            except ImageError:
                continue  # gone or changed since the walk: it stays missing
            top = tops.get(source.image, -1)
            rows = slice(0, top) if top >= _LEAST_PICTURE * gray.shape[0] else None
            squares[source.image] = resize_square(gray, size=settings.size, rows=rows, fit=settings.fit)
        done = np.array(sorted(squares), np.int64)
        if len(done):
            values = {"gray": np.stack([squares[row] for row in done.tolist()])}
            write_shard(root, GROUP, task.shard, done, values, key)
        return len(task.rows) - len(done)

    return worker


def _bar_tops(root: zarr.Group, task: ShardTask) -> dict[int, int]:
    array = root.get("scale/bar_top_px")
    if not isinstance(array, zarr.Array):
        return {}
    values: Any = array[task.shard.start : task.shard.stop]
    return {task.shard.start + i: int(value) for i, value in enumerate(np.asarray(values))}


STAGE = Stage(NAME, plan)
