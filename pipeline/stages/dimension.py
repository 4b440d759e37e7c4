"""dimension: intrinsic dimension, spectrum and distance maps of every set of vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import DimensionSettings, Recipe
from pipeline.errors import SemcorpusError
from pipeline.kernels.distances import distance_label_correlation
from pipeline.kernels.intrinsic_dimension import MIN_POINTS, decimation, distinct_distances, two_nn
from pipeline.kernels.principal_components import fit_pca
from pipeline.stages.keys import random_seed
from pipeline.stages.label_sets import LabelSet, label_sets
from pipeline.stages.neighbour_tables import NeighbourTable, read_neighbours
from pipeline.stages.plan import Block, Context, Job, Plan, Stage, Worker
from pipeline.stages.result_keys import dimension_key, stored_keys
from pipeline.stages.vectors import VectorSet, find_vectors, vector_sets
from pipeline.storage.tables import as_columns, replace_rows

NAME = "dimension"

_FEWEST_IN_SUBSAMPLE = 50
_DECIMATION_FRACTION = 0.9


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured on one set of vectors: rows of the three tables."""

    vectors: str
    key: int
    dimension: list[dict[str, Any]]
    spectrum: list[dict[str, Any]]
    distances: list[dict[str, Any]]


def plan(context: Context) -> Plan | None:
    """Measure the sets of vectors whose neighbours, labels or settings have changed."""
    sets = label_sets(context.root, context.recipe)
    done = stored_keys(context.root, "dimension", "keys")
    tasks = []
    for vectors in vector_sets(context.root, context.recipe):
        key = dimension_key(context.recipe, vectors, sets)
        if done.get(vectors.name) == key:
            continue
        if read_neighbours(context.root, context.recipe, vectors) is not None:
            tasks.append(Block(len(vectors.rows), f"dimension of {vectors.name}", (vectors.name, key)))
    if not tasks:
        return None
    settings = context.recipe.dimension
    return Plan(
        step="",
        tasks=tasks,
        job=Job(f"dimension {settings!r}", partial(_measurer, context.recipe)),
        merge=_merge,
        engine="dask",
        seconds_per_item=0.001,
        settings=settings.model_dump(),
    )


def _measurer(recipe: Recipe, root: zarr.Group) -> Worker:
    settings = recipe.dimension
    sets = label_sets(root, recipe)

    def worker(root: zarr.Group, task: Block) -> Measured:
        name, key = task.data
        vectors = find_vectors(root, recipe, name)
        neighbours = read_neighbours(root, recipe, vectors)
        assert neighbours is not None, "the plan has seen them"
        values = vectors.read(root)
        return Measured(
            vectors.name,
            key,
            [*_fits(vectors, neighbours, settings), *_subsamples(vectors, values, settings)],
            _spectrum(vectors, values, settings),
            [row for found in sets if (row := _distances(vectors, values, found, settings))],
        )

    return worker


def _row(
    name: str, fraction: float, subsample: int, n: int, dropped: int, dimension: float, error: float
) -> dict[str, Any]:
    return {
        "vectors": name,
        "fraction": fraction,
        "subsample": subsample,
        "n_points": n,
        "n_dropped": dropped,
        "dimension": dimension,
        "error": error,
    }


def _fits(vectors: VectorSet, neighbours: NeighbourTable, settings: DimensionSettings) -> list[dict[str, Any]]:
    """2-NN on all points, for every fraction; ``subsample`` is -1. Too few points give NaN."""
    rows = []
    for fraction in settings.fractions:
        try:
            fit = two_nn(*distinct_distances(neighbours.indices, neighbours.chords()), fraction=fraction)
            rows.append(_row(vectors.name, fraction, -1, fit.n_points, fit.n_dropped, fit.dimension, fit.error))
        except SemcorpusError:
            rows.append(_row(vectors.name, fraction, -1, len(vectors.rows), 0, np.nan, np.nan))
    return rows


def _subsamples(vectors: VectorSet, values: NDArray[np.float32], settings: DimensionSettings) -> list[dict[str, Any]]:
    """2-NN on random halves, quarters and so on: each repeat is a row, numbered by ``subsample``."""
    seed = random_seed(settings.seed, NAME, vectors.name)
    values = _at_most(values, settings.max_points, seed)
    sizes = []
    size = len(values) // 2
    while size >= max(_FEWEST_IN_SUBSAMPLE, MIN_POINTS):
        sizes.append(size)
        size //= 2
    if not sizes:
        return []
    try:
        curve = decimation(values, sizes, seed=seed, repeats=settings.decimation_repeats, fraction=_DECIMATION_FRACTION)
    except SemcorpusError:
        return []  # so many duplicates that a subsample has too few distinct points: no curve
    return [
        _row(vectors.name, _DECIMATION_FRACTION, repeat, int(size), int(dropped), float(estimate), float(spread))
        for size, estimates, drops, spread in zip(
            curve.sizes, curve.estimates, curve.n_dropped, curve.spread, strict=True
        )
        for repeat, (estimate, dropped) in enumerate(zip(estimates, drops, strict=True))
    ]


def _at_most(values: NDArray[np.float32], most: int, seed: int) -> NDArray[np.float32]:
    if len(values) <= most:
        return values
    chosen = np.random.default_rng(seed).choice(len(values), most, replace=False)
    return values[np.sort(chosen)]


def _spectrum(vectors: VectorSet, values: NDArray[np.float32], settings: DimensionSettings) -> list[dict[str, Any]]:
    components = min(settings.components, values.shape[1], len(values) - 1)
    if components < 1:
        return []
    ratios = fit_pca(values, components).explained_variance_ratio
    return [
        {
            "vectors": vectors.name,
            "component": number + 1,
            "explained_variance_ratio": float(ratio),
            "cumulative_ratio": float(total),
        }
        for number, (ratio, total) in enumerate(zip(ratios, np.cumsum(ratios), strict=True))
    ]


def _distances(
    vectors: VectorSet, values: NDArray[np.float32], labels: LabelSet, settings: DimensionSettings
) -> dict[str, Any] | None:
    positions, names = labels.at_level(1, vectors.rows)
    if len(positions) < 2:
        return None
    seed = random_seed(settings.seed, NAME, vectors.name, labels.name)
    found = distance_label_correlation(values[positions], names, seed=seed, max_points=settings.max_points)
    return {
        "vectors": vectors.name,
        "set": labels.name,
        "n_points": found.n_points,
        "correlation_with_labels": found.correlation,
    }


_DIMENSION = {
    "vectors": str,
    "fraction": np.float64,
    "subsample": np.int64,
    "n_points": np.int64,
    "n_dropped": np.int64,
    "dimension": np.float64,
    "error": np.float64,
}
_SPECTRUM = {
    "vectors": str,
    "component": np.int64,
    "explained_variance_ratio": np.float64,
    "cumulative_ratio": np.float64,
}
_DISTANCES = {"vectors": str, "set": str, "n_points": np.int64, "correlation_with_labels": np.float64}


def _merge(root: zarr.Group, results: Sequence[Measured]) -> None:
    names = [found.vectors for found in results]
    for table, columns in (("dimension", _DIMENSION), ("spectrum", _SPECTRUM), ("distances", _DISTANCES)):
        rows = [row for found in results for row in getattr(found, table)]
        replace_rows(root, table, "vectors", names, as_columns(rows, columns))
    keys = stored_keys(root, "dimension", "keys")
    root["dimension"].attrs["keys"] = {**keys, **{found.vectors: found.key for found in results}}


STAGE = Stage(NAME, plan)
