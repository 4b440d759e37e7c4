"""pixels: every picture once more as a small square, so that networks never decode a file."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import PixelsSettings, Recipe
from pipeline.errors import ImageError
from pipeline.imaging.canonical import resize_square
from pipeline.imaging.specimen_rows import NO_PRINT, Print, specimen_rows
from pipeline.index.arrays import open_array
from pipeline.index.rows import require_rows, write_shard
from pipeline.runtime.keys import crops_bar, pixels_key, scale_key
from pipeline.runtime.plan import Context, Done, Job, Plan, Stage, Worker
from pipeline.stages.files.contents import Contents
from pipeline.stages.pictures.tables import PIXELS, TABLES
from pipeline.stages.selection import (
    ShardTask,
    count_rows,
    done_rows,
    image_count,
    missing_rows,
    once_paired,
    shard_rows,
    shard_tasks,
)

NAME = "pixels"
GROUP = PIXELS.place

_BOXES = ("segment_box", "text_box", "field_box")


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
    require_rows(root, GROUP, PIXELS.row_arrays(gray=(size, size)), rows, per_shard)


def _shrinker(contents: Contents, settings: PixelsSettings, crop: bool, key: int, _: zarr.Group) -> Worker:
    def worker(root: zarr.Group, task: ShardTask) -> int:
        print_of = _print(root, task) if crop else {}
        squares, shown = {}, {}
        for source in task.sources:
            try:
                gray = contents.gray(source)
            except ImageError:
                continue  # gone or changed since the walk: it stays missing
            rows = specimen_rows(gray.shape[0], print_of.get(source.image, NO_PRINT))
            kept = rows.stop - rows.start
            squares[source.image] = resize_square(gray, size=settings.size, rows=rows, fit=settings.fit)
            shown[source.image] = (
                (gray.shape[1], kept) if settings.fit == "stretch" else (min(gray.shape[1], kept),) * 2
            )
        done = np.array(sorted(squares), np.int64)
        if len(done):
            values: dict[str, NDArray[np.generic]] = {
                "gray": np.stack([squares[row] for row in done.tolist()]),
                "shown_px": np.array([shown[row] for row in done.tolist()], np.int32),
            }
            write_shard(root, GROUP, task.shard, done, values, key)
        return len(task.rows) - len(done)

    return worker


def _print(root: zarr.Group, task: ShardTask) -> dict[int, Print]:
    """What the scale reader found printed on the task's pictures."""
    rows = slice(task.shard.start, task.shard.stop)
    stored = {name: open_array(root, f"scale/{name}", np.int64) for name in ("bar_top_px", *_BOXES)}
    tops = stored["bar_top_px"][rows].tolist()
    boxes = np.stack([stored[name][rows] for name in _BOXES], axis=1)
    spans = [tuple((y, y + height) for _, y, _, height in of if y >= 0) for of in boxes.tolist()]
    return {task.shard.start + i: Print(top, span) for i, (top, span) in enumerate(zip(tops, spans, strict=True))}


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    yield count_rows(root, "", GROUP, pixels_key(recipe))


STAGE = Stage(NAME, plan, TABLES, once_paired(_status))
