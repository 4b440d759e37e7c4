"""cluster: k-means, Density Peaks and Ward on every set of vectors, for a list of k."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import ClusterSettings, Recipe
from pipeline.errors import SemcorpusError
from pipeline.index.tables import write_table
from pipeline.kernels.clustering.density_peaks import cut_at_peaks, decision_graph
from pipeline.kernels.clustering.linkage import cut_tree, ward_linkage
from pipeline.kernels.dimension.two_nn import distinct_distances, two_nn
from pipeline.runtime.keys import random_seed
from pipeline.runtime.plan import Block, Context, Job, Plan, Stage, Worker
from pipeline.stages.neighbours.tables import NeighbourTable, read_neighbours
from pipeline.stages.result_keys import cluster_key, clusters_group
from pipeline.stages.vectors.sets import VectorSet, find_vectors, vector_sets

NAME = "cluster"

_SECONDS_PER_VECTOR = {"kmeans": 0.002, "density_peaks": 0.0005, "ward": 0.003}


@dataclass(frozen=True, slots=True)
class Clustered:
    """The clusterings of one set of vectors by one method.

    Attributes
    ----------
    name : str
        ``VECTORS-METHOD``.
    columns : dict
        What is stored a point: ``images``, ``labels`` [n, len(k)], and what the method adds.
    attributes : dict
        ``k``, ``seconds`` and ``inertia`` for each k, and the key.
    extras : dict
        Further arrays: centres, linkage matrix.
    """

    name: str
    columns: dict[str, NDArray[Any]]
    attributes: dict[str, Any]
    extras: dict[str, NDArray[Any]]


def plan(context: Context) -> Plan | None:
    """Cluster the sets of vectors that have changed, by every method of the recipe."""
    settings = context.recipe.cluster
    tasks = []
    for vectors in vector_sets(context.root, context.recipe):
        for method in settings.methods:
            key = cluster_key(context.recipe, vectors, method)
            group = context.root.get(clusters_group(vectors.name, method))
            if isinstance(group, zarr.Group) and group.attrs.get("key") == key:
                continue
            if len(vectors.rows) < 3 or (method == "ward" and len(vectors.rows) > settings.max_hierarchical):
                context.notes.append(_left_out(vectors, method, settings))
                continue
            if method == "density_peaks" and read_neighbours(context.root, context.recipe, vectors) is None:
                continue
            tasks.append(Block(len(vectors.rows), f"{method} of {vectors.name}", (vectors.name, method, key)))
    if not tasks:
        return None
    return Plan(
        step="",
        tasks=tasks,
        job=Job(f"cluster {settings!r}", partial(_clusterer, context.recipe)),
        merge=_merge,
        engine="dask",
        seconds_per_item=max(_SECONDS_PER_VECTOR.values()),
        settings=settings.model_dump(),
    )


def _left_out(vectors: VectorSet, method: str, settings: ClusterSettings) -> str:
    n = len(vectors.rows)
    if n < 3:
        return f"cluster: {vectors.name} has {n} vectors; at least 3 are needed."
    return (
        f"cluster: {method} of {vectors.name} is left out: {n} pictures are more than cluster.max_hierarchical = "
        f"{settings.max_hierarchical}."
    )


def _clusterer(recipe: Recipe, _: zarr.Group) -> Worker:
    settings = recipe.cluster

    def worker(root: zarr.Group, task: Block) -> Clustered:
        name, method, key = task.data
        vectors = find_vectors(root, recipe, name)
        neighbours = read_neighbours(root, recipe, vectors) if method == "density_peaks" else None
        values = vectors.read(root)
        distinct = len(np.unique(values, axis=0))
        ks = sorted({min(k, distinct) for k in settings.k})
        run: Any = {"kmeans": _kmeans, "density_peaks": _density_peaks, "ward": _ward}[method]
        columns, attributes, extras = run(vectors, values, neighbours, ks, settings)
        columns["images"] = vectors.rows
        attributes |= {"k": ks, "vectors": vectors.name, "method": method, "key": key}
        return Clustered(f"{vectors.name}-{method}", columns, attributes, extras)

    return worker


Parts = tuple[dict[str, NDArray[Any]], dict[str, Any], dict[str, NDArray[Any]]]


def _kmeans(
    vectors: VectorSet, values: NDArray[np.float32], _: None, ks: Sequence[int], settings: ClusterSettings
) -> Parts:
    # All of scikit-learn comes with it: a third of what starting a run took.
    from pipeline.kernels.clustering.kmeans import minibatch_kmeans

    labels, seconds, inertia, centers = [], [], [], {}
    for k in ks:
        began = time.perf_counter()
        found = minibatch_kmeans(values, k, seed=random_seed(settings.seed, NAME, vectors.name, k))
        seconds.append(time.perf_counter() - began)
        labels.append(found.labels)
        inertia.append(float(found.inertia))
        centers[f"centers_{k}"] = found.centers
    return {"labels": np.stack(labels, axis=1)}, {"seconds": seconds, "inertia": inertia}, centers


def _density_peaks(
    vectors: VectorSet,
    values: NDArray[np.float32],
    neighbours: NeighbourTable,
    ks: Sequence[int],
    settings: ClusterSettings,
) -> Parts:
    began = time.perf_counter()
    graph = decision_graph(
        values,
        neighbours.indices,
        neighbours.distances,
        dimension=_dimension(neighbours),
        k_density=settings.density_neighbours,
    )
    shared = time.perf_counter() - began
    labels, seconds = [], []
    rank = np.full(len(values), -1, np.int64)
    for k in ks:
        began = time.perf_counter()
        found, centers = cut_at_peaks(graph, k)
        seconds.append(shared + time.perf_counter() - began)
        labels.append(found)
        rank[centers] = np.arange(len(centers))
    columns: dict[str, NDArray[Any]] = {
        "labels": np.stack(labels, axis=1),
        "density": graph.density,
        "delta": graph.delta,
        "nearest_denser": np.where(graph.nearest_denser >= 0, vectors.rows[graph.nearest_denser], -1),
        "peak_rank": rank,
    }
    return columns, {"seconds": seconds}, {}


def _dimension(neighbours: NeighbourTable) -> float:
    """The 2-NN dimension; 1 where there is none: it only scales the logarithm of the density, and no peak moves."""
    try:
        found = two_nn(*distinct_distances(neighbours.indices, neighbours.distances)).dimension
    except SemcorpusError:
        return 1.0
    return found if np.isfinite(found) and found > 0 else 1.0


def _ward(
    vectors: VectorSet, values: NDArray[np.float32], _: None, ks: Sequence[int], settings: ClusterSettings
) -> Parts:
    began = time.perf_counter()
    tree = ward_linkage(values)
    seconds = time.perf_counter() - began
    labels = np.stack([cut_tree(tree, k) for k in ks], axis=1)
    return {"labels": labels}, {"seconds": [seconds] * len(ks)}, {"linkage_matrix": tree}


def _merge(root: zarr.Group, results: Sequence[Clustered]) -> None:
    for found in results:
        group = f"clusters/{found.name}"
        write_table(root, group, found.columns, attributes=found.attributes)
        write_extras(root, found.name, found.extras)


def write_extras(root: zarr.Group, name: str, arrays: dict[str, NDArray[Any]]) -> None:
    """Store what belongs to a clustering and is no row a point, in ``cluster_models/NAME``."""
    group = root.require_group(f"cluster_models/{name}")
    for stale in list(group.array_keys()):
        del group[stale]
    for key, values in arrays.items():
        group.create_array(key, data=values)


STAGE = Stage(NAME, plan)
