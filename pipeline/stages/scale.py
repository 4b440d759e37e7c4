"""scale: the physical scale of every picture, from its metadata and its data bar, with its provenance."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.errors import ImageError
from pipeline.imaging.scale import read_scale
from pipeline.records import ScaleReading
from pipeline.stages.contents import Contents
from pipeline.stages.keys import scale_key
from pipeline.stages.ledger import Source, count_values, text_array
from pipeline.stages.plan import Context, Job, Plan, Stage, Worker
from pipeline.stages.selection import ShardTask, image_count, missing_rows, shard_rows, shard_tasks
from pipeline.storage.rows import RowArray, require_rows, write_shard

NAME = "scale"
GROUP = "scale"

_NM = {"units": "nm"}
_PX = {"units": "px"}
_NM_PER_PX = {"units": "nm/px"}
_NAN = float("nan")

ARRAYS = (
    RowArray("status", "str", attributes={"description": "see the table `scales`"}),
    RowArray("source", "str"),
    RowArray("text", "str", attributes={"description": "the bar's label, cleaned"}),
    RowArray("reason", "str"),
    RowArray("scale_nm", "float64", fill_value=_NAN, attributes=_NM),
    RowArray("bar_length_px", "float64", fill_value=_NAN, attributes=_PX),
    RowArray("nm_per_px", "float64", fill_value=_NAN, attributes=_NM_PER_PX),
    RowArray("metadata_nm_per_px", "float64", fill_value=_NAN, attributes=_NM_PER_PX),
    RowArray("confidence", "float64"),
    RowArray("bar_top_px", "int64", fill_value=-1, attributes=_PX),
    RowArray("segment_box", "int64", (4,), fill_value=-1, attributes=_PX),
    RowArray("text_box", "int64", (4,), fill_value=-1, attributes=_PX),
)


def plan(context: Context) -> Plan | None:
    """Read the scale of the representatives that have no reading by this reader and settings."""
    settings = context.recipe.scale
    if not settings.enabled:
        return None
    key = scale_key(context.recipe)
    rows = missing_rows(context.root, GROUP, key)
    if not len(rows):
        return None
    tasks = shard_tasks(context.root, GROUP, rows, with_sources=True)
    build = partial(_reader, Contents(context.corpus, context.recipe.walk), key)
    return Plan(
        step="",
        tasks=tasks,
        job=Job(f"scale {key} {context.corpus.url}", build),
        writes=True,
        layout=partial(_layout, rows=image_count(context.root), per_shard=shard_rows(context.root)),
        engine="dask",
        seconds_per_item=0.06,
        settings=settings.model_dump(),
        skipped=int,
    )


def _layout(root: zarr.Group, *, rows: int, per_shard: int) -> None:
    require_rows(root, GROUP, ARRAYS, rows, per_shard)


def _reader(contents: Contents, key: int, _: zarr.Group) -> Worker:
    def worker(root: zarr.Group, task: ShardTask) -> int:
        readings: dict[int, ScaleReading] = {}
        for source in task.sources:
            try:
                readings[source.image] = _read(contents, source)
            except ImageError:
                continue  # gone or changed since the walk: it stays missing
        rows = np.array(sorted(readings), np.int64)
        if len(rows):
            write_shard(root, GROUP, task.shard, rows, _columns([readings[row] for row in rows.tolist()]), key)
        return len(task.rows) - len(rows)

    return worker


def _read(contents: Contents, source: Source) -> ScaleReading:
    known = None if np.isnan(source.nm_per_px) else source.nm_per_px
    return read_scale(contents.gray(source), metadata_nm_per_px=known)


def _columns(readings: list[ScaleReading]) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {}
    for spec in ARRAYS:
        values = [getattr(reading, spec.name) for reading in readings]
        if spec.dtype == "str":
            columns[spec.name] = text_array(values)
        else:
            empty = [-1] * 4 if spec.row_shape else spec.fill_value
            columns[spec.name] = np.array([empty if v is None else v for v in values], spec.dtype)
    return columns


def statuses(root: zarr.Group) -> Mapping[str, int]:
    """Pictures by the status of their scale; those that have not been read are left out."""
    return count_values(np.asarray(root[f"{GROUP}/status"][:])) if GROUP in root else {}  # type: ignore[index]


STAGE = Stage(NAME, plan, statuses)
