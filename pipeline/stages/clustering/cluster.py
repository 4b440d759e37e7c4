"""cluster: every set of vectors by every method of the recipe, for a list of k."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.clustering_methods.base import Clusterings, MethodSettings, Neighbours, Points
from pipeline.clustering_methods.points import fit_points, make_points
from pipeline.clustering_methods.registry import method_of
from pipeline.config import Recipe
from pipeline.errors import SemcorpusError, UsageError
from pipeline.index.dimensions import model_dimensions
from pipeline.index.tables import write_table
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.mapping import MapTasks
from pipeline.runtime.keys import random_seed
from pipeline.runtime.plan import Block, Context, Done, Job, Plan, Stage, Worker
from pipeline.search_backends.devices import device_here
from pipeline.stages.clustering.blocks import blocks_of, counts_to_find, job_of
from pipeline.stages.clustering.stored import (
    AFRESH,
    LEFT_OUT,
    MADE_BY,
    REFUSED,
    START,
    cluster_key,
    group_of,
    is_current,
    refusals,
    stored_start,
)
from pipeline.stages.clustering.tables import TABLES
from pipeline.stages.maps.stored import clustered_sets, find_clustered
from pipeline.stages.neighbours.tables import is_complete, read_neighbours
from pipeline.stages.selection import once_paired
from pipeline.stages.vectors.sets import VectorSet

NAME = "cluster"
FEWEST_VECTORS = 3


@dataclass(frozen=True, slots=True)
class Clustered:
    """The clusterings of one set of vectors by one method, ready to be stored.

    Attributes
    ----------
    part : str
        ``VECTORS-LABEL``.
    images : int64 [n]
        Rows of the points.
    found : Clusterings
    about : dict
        Attributes of the group.
    """

    part: str
    images: NDArray[np.int64]
    found: Clusterings
    about: dict[str, Any]


def plan(context: Context) -> Plan | None:
    """Cluster the sets of vectors that have changed, by every method of the recipe.

    Methods that work on blocks have a step each, first; all others are tasks of one step.
    """
    tasks, seconds = [], 0.0
    for vectors, settings in _missing(context):
        entry = method_of(settings)
        if entry.fit_blocks is not None and not settings.transform:
            return _blockwise(context.recipe, vectors, settings)
        tasks.append(Block(len(vectors.rows), f"{settings.label} of {vectors.name}", (vectors.name, settings.label)))
        seconds = max(seconds, entry.seconds_per_vector)
    if not tasks:
        return None
    return Plan(
        step="",
        tasks=tasks,
        job=Job(f"cluster {context.recipe.cluster!r}", partial(_clusterer, context.recipe)),
        merge=_merge,
        engine="dask",
        seconds_per_item=seconds,
        settings=context.recipe.cluster.model_dump(mode="json"),
    )


def _missing(context: Context) -> Iterator[tuple[VectorSet, MethodSettings]]:
    """What the recipe asks for, the index lacks and can be made now; what cannot, or could not, is noted."""
    recipe = context.recipe
    for vectors in clustered_sets(context.root, recipe):
        for settings in recipe.cluster.methods:
            if vectors.name not in recipe.clustered_vectors(settings):
                continue
            if is_current(context.root, recipe, vectors, settings):
                context.notes.extend(f"cluster: {text}." for text in refusals(context.root, vectors, settings))
                continue
            obstacle = _obstacle(vectors, settings)
            if obstacle:
                context.notes.append(f"cluster: {settings.label} of {vectors.name} is left out: {obstacle}.")
            elif not _from_table(recipe, vectors, settings) or is_complete(context.root, recipe, vectors):
                yield vectors, settings


def _from_table(recipe: Recipe, vectors: VectorSet, settings: MethodSettings) -> bool:
    """Whether the method takes its neighbours from the shared table, which maps have none in."""
    return bool(settings.table_neighbours) and vectors.name in recipe.vector_sets


def _blockwise(recipe: Recipe, vectors: VectorSet, settings: MethodSettings) -> Plan:
    name, gpu = vectors.name, device_here(settings.products_on) == "cuda"
    return Plan(
        step=f"{settings.label} of {name}",
        tasks=[Block(len(vectors.rows), f"{settings.label} of {name}")],
        job=job_of(recipe, settings, name),
        merge=_merge,
        engine="ray" if gpu else "dask",
        gpus=1.0 if gpu else 0.0,
        seconds_per_item=method_of(settings).seconds_per_vector,
        settings=settings.model_dump(mode="json") | {"k": settings.counts(recipe.cluster.k)},
        drive=partial(_drive, recipe, name, settings),
    )


def _drive(recipe: Recipe, name: str, settings: MethodSettings, root: zarr.Group, map_tasks: MapTasks) -> Clustered:
    vectors, entry = find_clustered(root, recipe, name), method_of(settings)
    assert entry.fit_blocks is not None
    start = stored_start(root, recipe, vectors, settings)
    try:
        with blocks_of(vectors, root, map_tasks, start.centers, device_here(settings.products_on)) as blocks:
            ks = counts_to_find(blocks, settings.counts(recipe.cluster.k))
            found = entry.fit_blocks(blocks, settings, ks, random_seed(recipe.cluster.seed, NAME, name, 0))
    except (UsageError, InvalidDataError) as error:
        return _clustered(recipe, vectors, settings, error, start.key)
    return _clustered(recipe, vectors, settings, found, start.key)


def _obstacle(vectors: VectorSet, settings: MethodSettings) -> str:
    n = len(vectors.rows)
    if n < FEWEST_VECTORS:
        return f"there are {n} vectors, and at least {FEWEST_VECTORS} are needed"
    if n > settings.max_points:
        return f"{n:,} vectors are more than its max_points = {settings.max_points:,}"
    return ""


def _clusterer(recipe: Recipe, _: zarr.Group) -> Worker:
    by_label = {settings.label: settings for settings in recipe.cluster.methods}

    def worker(root: zarr.Group, task: Block) -> Clustered:
        name, label = task.data
        settings, vectors = by_label[label], find_clustered(root, recipe, name)
        counts = settings.counts(recipe.cluster.k)
        try:
            found = fit_points(_points(root, recipe, vectors, settings), settings, counts)
        except SemcorpusError as error:
            return _clustered(recipe, vectors, settings, error)
        return _clustered(recipe, vectors, settings, found)

    return worker


def _clustered(
    recipe: Recipe,
    vectors: VectorSet,
    settings: MethodSettings,
    found: Clusterings | SemcorpusError,
    start: int = AFRESH,
) -> Clustered:
    """With what a method refused, a table without labels: it is not asked again."""
    about = {
        "vectors": vectors.name,
        "method": settings.method,
        "label": settings.label,
        "key": cluster_key(recipe, vectors, settings, start),
        "settings": settings.relevant(),
    }
    if settings.starts_from_stored:
        about |= {START: start, MADE_BY: vectors.key}
    part = f"{vectors.name}-{settings.label}"
    if isinstance(found, SemcorpusError):
        nothing = Clusterings(np.empty((len(vectors.rows), 0), np.int32), (), ())
        return Clustered(part, vectors.rows, nothing, about | {REFUSED: str(found)})
    return Clustered(part, vectors.rows, found, about)


def _points(root: zarr.Group, recipe: Recipe, vectors: VectorSet, settings: MethodSettings) -> Points:
    """The vectors with their neighbours; of transformed vectors and of maps these are found here, exactly."""
    neighbours = _neighbours(root, recipe, vectors) if _from_table(recipe, vectors, settings) else None
    seed = partial(random_seed, recipe.cluster.seed, NAME, vectors.name)
    return make_points(vectors.read(root), settings, seed, neighbours)


def _neighbours(root: zarr.Group, recipe: Recipe, vectors: VectorSet) -> Neighbours:
    table = read_neighbours(root, recipe, vectors)
    assert table is not None, "the plan asks for what needs neighbours only where they are complete"
    return Neighbours(table.indices, table.distances)


def _merge(root: zarr.Group, results: Sequence[Clustered]) -> None:
    for clustered in results:
        found, rows = clustered.found, clustered.images
        columns: dict[str, NDArray[np.generic]] = {"images": rows, **found.columns}
        if found.k:
            columns["labels"] = found.labels
        columns |= {name: np.where(at >= 0, rows[at], -1) for name, at in found.positions.items()}
        attributes = clustered.about | {"k": list(found.k), "seconds": list(found.seconds)}
        if found.left_out:
            attributes[LEFT_OUT] = {str(k): reason for k, reason in found.left_out.items()}
        if found.inertia is not None:
            attributes["inertia"] = list(found.inertia)
        write_table(root, group_of(clustered.part), columns, attributes=attributes)
        _write_arrays(root, clustered.part, found)


def _write_arrays(root: zarr.Group, part: str, found: Clusterings) -> None:
    """Store what belongs to a clustering and is no value a point, in ``cluster_models/PART``."""
    group = root.require_group(f"cluster_models/{part}")
    for stale in list(group.array_keys()):
        del group[stale]
    for key, values in found.arrays.items():
        group.create_array(key, data=values, dimension_names=model_dimensions(key, values.ndim))


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    for vectors in clustered_sets(root, recipe):
        for method in recipe.cluster.methods:
            if vectors.name in recipe.clustered_vectors(method):
                current = is_current(root, recipe, vectors, method)
                yield Done.whole(f"{vectors.name}-{method.label}", len(vectors.rows), current)


STAGE = Stage(NAME, plan, TABLES, once_paired(_status))
