"""Every method of the table, on points whose clusters are plain to see, and on what it must refuse."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.clustering_methods.base import Blocks, ClusteringMethod, Clusterings, Neighbours, Points
from pipeline.clustering_methods.fitting import fit_each
from pipeline.clustering_methods.points import make_points
from pipeline.clustering_methods.registry import METHODS, method_of
from pipeline.config import load_recipe
from pipeline.errors import SemcorpusError, UsageError
from pipeline.kernels.agreement.scores import adjusted_rand_index
from pipeline.kernels.clustering.result import Clustering
from pipeline.kernels.neighbours import nearest_neighbours

# By their defaults these part blobs of 40 points further.
FINDS_ITS_OWN = {"mean_shift", "affinity_propagation", "louvain", "advanced_density_peaks"}


def _blobs(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    centers = np.array([[0, 0, 0, 0], [12, 0, 0, 0], [0, 12, 0, 0]], np.float64)
    truth = np.repeat(np.arange(3), 40)
    vectors = centers[truth] + random.normal(size=(120, 4))
    order = random.permutation(120)
    return vectors[order].astype(np.float32), truth[order]


def _points(vectors: NDArray[np.float32]) -> Points:
    indices, distances = nearest_neighbours(vectors, 60)
    return Points(vectors, Neighbours(indices, distances), lambda k: 7 + k)


@pytest.mark.parametrize("entry", METHODS, ids=lambda entry: entry.name)
def test_three_blobs_are_found(entry: ClusteringMethod) -> None:
    vectors, truth = _blobs()
    settings = entry.settings.model_validate({"method": entry.name})
    counts = settings.counts((2, 3))
    found = entry.fit(_points(vectors), settings, counts)
    assert found.k == (counts or (None,)) or {*found.k, *found.left_out} == set(counts)
    assert found.labels.dtype == np.int32
    assert found.labels.shape == (120, len(found.k))
    assert len(found.seconds) == len(found.k)
    assert all(len(values) == 120 for values in (*found.columns.values(), *found.positions.values()))
    score = adjusted_rand_index(truth, found.labels[:, -1], noise="cluster")
    assert score > (0.3 if entry.name in FINDS_ITS_OWN else 0.9)
    again = entry.fit(_points(vectors), settings, counts)
    assert np.array_equal(again.labels, found.labels)


@pytest.mark.parametrize("entry", METHODS, ids=lambda entry: entry.name)
def test_what_is_not_finite_is_refused(entry: ClusteringMethod) -> None:
    vectors, _ = _blobs()
    points = _points(vectors)
    points.vectors[3, 1] = np.nan
    settings = entry.settings.model_validate({"method": entry.name})
    if settings.neighbours_needed and entry.name in ("spectral", "louvain", "advanced_density_peaks"):
        return  # they see the neighbours alone, whose search refuses it
    with pytest.raises(SemcorpusError):
        entry.fit(points, settings, settings.counts((2, 3)))


def test_the_recipe_takes_every_method_by_name() -> None:
    names = [entry.name for entry in METHODS]
    recipe = load_recipe(assignments=[f"cluster.methods={names!r}".replace("'", '"')])
    assert [settings.label for settings in recipe.cluster.methods] == names
    assert [method_of(settings).name for settings in recipe.cluster.methods] == names


@pytest.mark.parametrize("block_rows", [7, 50, 120])
def test_a_method_on_blocks_gives_the_bits_of_the_whole(block_rows: int) -> None:
    """Whatever the blocks and the order in which they are done."""
    vectors, _ = _blobs()
    for entry in METHODS:
        if entry.fit_blocks is None:
            continue
        settings = entry.settings.model_validate({"method": entry.name})
        whole = entry.fit_blocks(_blocks(vectors, 120), settings, (2, 3, 5), 1)
        found = entry.fit_blocks(_blocks(vectors, block_rows), settings, (2, 3, 5), 1)
        assert np.array_equal(found.labels, whole.labels)
        assert found.inertia == whole.inertia
        assert all(np.array_equal(found.arrays[name], values) for name, values in whole.arrays.items())


def _blocks(vectors: NDArray[np.float32], block_rows: int) -> Blocks:
    def map_tasks(function, tasks):  # type: ignore[no-untyped-def]
        backwards = [function(task) for task in reversed(tasks)]
        return backwards[::-1]

    return Blocks(lambda start, stop: vectors[start:stop], len(vectors), block_rows, map_tasks)


def test_a_number_of_clusters_that_a_method_refuses_is_left_out_with_its_reason() -> None:
    def fit(k: int) -> Clustering:
        if k == 2:
            raise UsageError("two is not to be had")
        return Clustering(np.zeros(4, np.int32), {"centers": np.zeros((k, 1))})

    found: Clusterings = fit_each((2, 3), fit)
    assert (found.k, dict(found.left_out)) == ((3,), {2: "two is not to be had"})
    assert set(found.arrays) == {"centers_3"}
    with pytest.raises(UsageError, match="two is not to be had"):
        fit_each((2,), fit)


@pytest.mark.parametrize("unit", [2.0**511, 2.0**1000, 2.0**-540])
@pytest.mark.parametrize("entry", METHODS, ids=lambda entry: entry.name)
def test_near_the_float_limits_the_partition_is_right_or_refused(entry: ClusteringMethod, unit: float) -> None:
    """Squares overflow or vanish there: 2^511 is about 1e154. Powers of two, so that not even rounding differs."""
    vectors, _ = _blobs()
    settings = entry.settings()
    counts = settings.counts((2, 3))
    expected = _fit(entry, vectors.astype(np.float64), counts)
    assert isinstance(expected, Clusterings)
    found = _fit(entry, vectors.astype(np.float64) * unit, counts)
    if isinstance(found, Clusterings):
        assert adjusted_rand_index(expected.labels[:, -1], found.labels[:, -1], noise="cluster") == 1
    else:
        assert "rescale" in str(found) or "distinct" in str(found)


@pytest.mark.parametrize("entry", METHODS, ids=lambda entry: entry.name)
def test_more_clusters_than_distinct_rows_are_refused(entry: ClusteringMethod) -> None:
    """By each method itself; the stage asks for no more than there can be."""
    vectors = np.repeat(np.arange(6, dtype=np.float32).reshape(3, 2), 40, axis=0)
    counts = entry.settings().counts((4, 5))
    if not counts:
        return
    found = _fit(entry, vectors, counts)
    if isinstance(found, Clusterings):
        assert {*found.left_out} == set(counts)
    else:
        assert "distinct" in str(found) or "copies" in str(found)


def _fit(entry: ClusteringMethod, vectors: NDArray[Any], counts: Sequence[int]) -> Clusterings | SemcorpusError:
    try:
        return entry.fit(make_points(vectors, entry.settings(), lambda k: 7 + k), entry.settings(), counts)
    except SemcorpusError as error:
        return error
