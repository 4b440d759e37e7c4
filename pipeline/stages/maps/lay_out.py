"""map: layouts of the vectors in few dimensions; what comes later is placed into the layout that is there.

A layout is made once, of at most `max_points` vectors, by one task. All other pictures are placed, shard by shard. When
those placed since outnumber the ones laid out, and more could be laid out, the layout is made anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.index.arrays import open_array
from pipeline.index.rows import read_rows, shards_of, write_shard
from pipeline.kernels.dimension.placement import place
from pipeline.kernels.neighbours import nearest_neighbours
from pipeline.kernels.transforms import parse_transform, transformed
from pipeline.map_methods.base import FEWEST_POINTS, MapPoints, MapSettings
from pipeline.map_methods.registry import method_of
from pipeline.runtime.keys import random_seed
from pipeline.runtime.plan import Block, Context, Done, Job, Plan, Stage, Worker
from pipeline.stages.files.ledger import picture_ids
from pipeline.stages.maps.stored import (
    Layout,
    group_of,
    map_sets,
    read_layout,
    remember_layout,
    require_map,
    source_of,
)
from pipeline.stages.maps.tables import TABLES
from pipeline.stages.neighbours.tables import read_neighbours
from pipeline.stages.selection import ShardTask, image_count, missing_rows, once_paired, shard_rows, shard_tasks
from pipeline.stages.vectors.sets import VectorSet, find_vectors

NAME = "map"
_SECONDS_A_PLACED_ROW = 0.001


@dataclass(frozen=True, slots=True)
class LaidOut:
    """A layout as a worker returns it: image rows, int64 [n], and coordinates, float32 [n, d]."""

    images: NDArray[np.int64]
    coordinates: NDArray[np.float32]


def plan(context: Context) -> Plan | None:
    """Lay out what has no layout, then place the rows that are not in it."""
    for settings in context.recipe.map:
        source = source_of(context.root, context.recipe, settings)
        if source is None:
            continue
        obstacle = _obstacle(context.root, settings, source)
        if obstacle:
            context.notes.append(f"map: {settings.name} of {source.name} is left out: {obstacle}.")
            continue
        layout = read_layout(context.root, settings, source)
        if layout is None or _is_outgrown(settings, source, layout):
            return _laying_out(context.recipe, settings, source)
        rows = np.intersect1d(missing_rows(context.root, group_of(settings.name), layout.key), source.rows)
        if len(rows):
            return _placing(context, settings, source, layout, rows)
    return None


def _obstacle(root: zarr.Group, settings: MapSettings, source: VectorSet) -> str:
    n, width = len(source.rows), source.width(root)
    if n < FEWEST_POINTS:
        return f"there are {n} vectors, and at least {FEWEST_POINTS} are needed"
    if settings.dimension > min(width, n - 1):
        return f"{n} vectors of length {width} have no {settings.dimension} components"
    return ""


def _is_outgrown(settings: MapSettings, source: VectorSet, layout: Layout) -> bool:
    placed = len(source.rows) - len(layout.fitted)
    return placed > len(layout.fitted) < settings.max_points


def _laying_out(recipe: Recipe, settings: MapSettings, source: VectorSet) -> Plan:
    items = min(len(source.rows), settings.max_points)
    return Plan(
        step=f"lay out {settings.name}",
        tasks=[Block(items, f"layout of {source.name} for {settings.name}")],
        job=Job(f"map {settings!r} of {source.key}", partial(_designer, recipe, settings, source.name)),
        merge=partial(_keep, recipe=recipe, settings=settings),
        engine="dask",
        seconds_per_item=method_of(settings).seconds_per_vector,
        settings=settings.model_dump(mode="json"),
    )


def _designer(recipe: Recipe, settings: MapSettings, name: str, _: zarr.Group) -> Worker:
    def worker(root: zarr.Group, task: Block) -> LaidOut:
        source = find_vectors(root, recipe, name)
        chosen = _chosen(root, source, settings)
        vectors = source.read_some(root, chosen)
        if settings.transform:
            vectors = transformed(vectors, [parse_transform(step) for step in settings.transform])
        seed = random_seed(settings.seed, NAME, settings.name)
        points = MapPoints(vectors, *_neighbours(root, recipe, source, vectors, settings), seed)
        return LaidOut(source.rows[chosen], method_of(settings).lay_out(points, settings))

    return worker


def _chosen(root: zarr.Group, source: VectorSet, settings: MapSettings) -> NDArray[np.int64]:
    """Positions that are laid out: all, or those of the smallest hashes of their MD5s; ascending."""
    n = len(source.rows)
    if n <= settings.max_points:
        return np.arange(n)
    order = np.argsort(picture_ids(root, source.rows), kind="stable")
    return np.sort(order[: settings.max_points])


def _neighbours(
    root: zarr.Group, recipe: Recipe, source: VectorSet, vectors: NDArray[np.float32], settings: MapSettings
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """From the shared table, where it has them; of a part of the set, or more of them, they are searched here."""
    k = settings.neighbours_needed(len(vectors))
    shared = recipe.neighbours.metric == "euclidean" and not settings.transform
    known = read_neighbours(root, recipe, source) if shared else None
    if known is None or len(vectors) < len(source.rows) or known.indices.shape[1] < k:
        return nearest_neighbours(vectors, k)
    return known.indices[:, :k], known.distances[:, :k]


def _keep(root: zarr.Group, results: Sequence[LaidOut], *, recipe: Recipe, settings: MapSettings) -> None:
    for laid_out in results:
        source = source_of(root, recipe, settings)
        assert source is not None, "the plan has seen it"
        key = remember_layout(root, settings, source, laid_out.images, laid_out.coordinates)
        values = {"vectors": laid_out.coordinates, "fitted": np.ones(len(laid_out.images), np.bool_)}
        for shard, rows in shards_of(laid_out.images, shard_rows(root), image_count(root)):
            where = np.searchsorted(laid_out.images, rows)
            part = {name: column[where] for name, column in values.items()}
            write_shard(root, group_of(settings.name), shard, rows, part, key)


def _placing(
    context: Context, settings: MapSettings, source: VectorSet, layout: Layout, rows: NDArray[np.int64]
) -> Plan:
    group = group_of(settings.name)
    return Plan(
        step=settings.name,
        tasks=shard_tasks(context.root, group, rows),
        job=Job(f"map {settings.name} {layout.key}", partial(_placer, settings.name, source.group, layout)),
        writes=True,
        layout=partial(require_map, settings=settings),
        engine="dask",
        seconds_per_item=_SECONDS_A_PLACED_ROW,
        settings=settings.model_dump(mode="json"),
    )


def _placer(name: str, source: str, layout: Layout, root: zarr.Group) -> Worker:
    vectors, coordinates = (
        read_rows(open_array(root, f"{group}/vectors", np.float32), layout.fitted) for group in (source, group_of(name))
    )

    def worker(root: zarr.Group, task: ShardTask) -> None:
        new = read_rows(open_array(root, f"{source}/vectors", np.float32), task.rows)
        placed = place(new, vectors, coordinates)
        values = {"vectors": placed, "fitted": np.zeros(len(task.rows), np.bool_)}
        write_shard(root, group_of(name), task.shard, task.rows, values, layout.key)

    return worker


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    maps = {found.name: len(found.rows) for found in map_sets(root, recipe)}
    for settings in recipe.map:
        source = source_of(root, recipe, settings)
        if source is not None:
            done = maps.get(settings.name, 0)
            yield Done(settings.name, done, len(source.rows) - done, f"lay out {settings.name}")


STAGE = Stage(NAME, plan, TABLES, once_paired(_status))
