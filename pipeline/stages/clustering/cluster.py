"""cluster: every set of vectors by every method of the recipe, for a list of k."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.clustering_methods.base import Clusterings, MethodSettings, Neighbours, Points
from pipeline.clustering_methods.registry import method_of
from pipeline.config import Recipe
from pipeline.index.tables import write_table
from pipeline.runtime.keys import random_seed
from pipeline.runtime.plan import Block, Context, Job, Plan, Stage, Worker
from pipeline.stages.clustering.stored import cluster_key, group_of, is_current
from pipeline.stages.neighbours.tables import is_complete, read_neighbours
from pipeline.stages.vectors.sets import VectorSet, find_vectors, vector_sets

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
    """Cluster the sets of vectors that have changed, by every method of the recipe."""
    recipe = context.recipe
    tasks, seconds = [], 0.0
    for vectors in vector_sets(context.root, recipe):
        for settings in recipe.cluster.methods:
            if not settings.takes(vectors.name) or is_current(context.root, recipe, vectors, settings):
                continue
            obstacle = _obstacle(vectors, settings)
            if obstacle:
                context.notes.append(f"cluster: {settings.label} of {vectors.name} is left out: {obstacle}.")
                continue
            if settings.neighbours_needed and not is_complete(context.root, recipe, vectors):
                continue
            data = (vectors.name, settings.label, cluster_key(recipe, vectors, settings))
            tasks.append(Block(len(vectors.rows), f"{settings.label} of {vectors.name}", data))
            seconds = max(seconds, method_of(settings).seconds_per_vector)
    if not tasks:
        return None
    return Plan(
        step="",
        tasks=tasks,
        job=Job(f"cluster {recipe.cluster!r}", partial(_clusterer, recipe)),
        merge=_merge,
        engine="dask",
        seconds_per_item=seconds,
        settings=recipe.cluster.model_dump(mode="json"),
    )


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
        name, label, key = task.data
        settings, vectors = by_label[label], find_vectors(root, recipe, name)
        points = Points(
            vectors.read(root),
            _neighbours(root, recipe, vectors) if settings.neighbours_needed else None,
            lambda k: random_seed(recipe.cluster.seed, NAME, name, k),
        )
        counts = settings.counts(recipe.cluster.k)
        distinct = len(np.unique(points.vectors, axis=0)) if counts else 0
        ks = sorted({min(k, distinct) for k in counts})
        found = method_of(settings).fit(points, settings, ks)
        about = {"vectors": name, "method": settings.method, "label": label, "key": key}
        return Clustered(f"{name}-{label}", vectors.rows, found, about | {"settings": settings.relevant()})

    return worker


def _neighbours(root: zarr.Group, recipe: Recipe, vectors: VectorSet) -> Neighbours:
    table = read_neighbours(root, recipe, vectors)
    assert table is not None, "the plan asks for what needs neighbours only where they are complete"
    return Neighbours(table.indices, table.distances)


def _merge(root: zarr.Group, results: Sequence[Clustered]) -> None:
    for clustered in results:
        found, rows = clustered.found, clustered.images
        columns: dict[str, NDArray[Any]] = {"images": rows, "labels": found.labels, **found.columns}
        columns |= {name: np.where(at >= 0, rows[at], -1) for name, at in found.positions.items()}
        attributes = clustered.about | {"k": list(found.k), "seconds": list(found.seconds)}
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
        group.create_array(key, data=values)


STAGE = Stage(NAME, plan)
