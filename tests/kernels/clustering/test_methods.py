"""Methods by libraries and our own small ones: what they find, refuse, and give again to the same bits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from sklearn.datasets import make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score

from pipeline.errors import StageError, UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.clustering import affinity_propagation as affinity_module
from pipeline.kernels.clustering import dbscan as dbscan_module
from pipeline.kernels.clustering.affinity_propagation import affinity_propagation
from pipeline.kernels.clustering.dbscan import dbscan
from pipeline.kernels.clustering.fuzzy_c_means import fuzzy_c_means
from pipeline.kernels.clustering.gaussian_mixture import gaussian_mixture
from pipeline.kernels.clustering.hdbscan import hdbscan
from pipeline.kernels.clustering.k_medoids import k_medoids
from pipeline.kernels.clustering.louvain import louvain
from pipeline.kernels.clustering.mean_shift import mean_shift
from pipeline.kernels.clustering.points import group_equal_rows
from pipeline.kernels.clustering.result import Clustering
from pipeline.kernels.clustering.spectral import spectral
from pipeline.kernels.neighbours.nearest import nearest_neighbours

Method = Callable[[NDArray[Any]], Clustering]


def _table(vectors: ArrayLike) -> NDArray[np.int64]:
    return nearest_neighbours(vectors, 15)[0]


OF_VECTORS: dict[str, Method] = {
    "HDBSCAN": hdbscan,
    "DBSCAN": lambda vectors: dbscan(vectors, min_samples=4),
    "a Gaussian mixture": lambda vectors: gaussian_mixture(vectors, 4),
    "affinity propagation": affinity_propagation,
    "mean shift": mean_shift,
    "k-medoids": lambda vectors: k_medoids(vectors, 4),
    "fuzzy c-means": lambda vectors: fuzzy_c_means(vectors, 4),
}
WITH_K: dict[str, Callable[[NDArray[Any], int], Clustering]] = {
    "a Gaussian mixture": gaussian_mixture,
    "k-medoids": k_medoids,
    "fuzzy c-means": fuzzy_c_means,
}
ALL: dict[str, Method] = OF_VECTORS | {
    "spectral": lambda vectors: spectral(_table(vectors), 4, n_neighbors=15),
    "Louvain": lambda vectors: louvain(_table(vectors), resolution=0.1),
}


def _blobs() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    centers = [[0.0, 0, 0, 0], [9, 0, 0, 0], [0, 9, 0, 0], [0, 0, 9, 9]]
    vectors, truth = make_blobs(240, centers=np.array(centers), cluster_std=0.9, random_state=3)
    return vectors, truth


@pytest.mark.parametrize("name", ALL)
def test_finds_what_is_there_and_the_same_again(name: str) -> None:
    vectors, truth = _blobs()
    found, again = ALL[name](vectors), ALL[name](vectors)
    assert found.labels.dtype == np.int32
    assert found.labels.min() >= -1
    kept = found.labels >= 0
    assert kept.mean() > 0.8
    assert adjusted_rand_score(truth[kept], found.labels[kept]) > 0.97
    np.testing.assert_array_equal(found.labels, again.labels)
    for key, values in found.arrays.items():
        np.testing.assert_array_equal(values, again.arrays[key])
    assert found.attributes == again.attributes


@pytest.mark.parametrize("name", OF_VECTORS)
@pytest.mark.parametrize("unit", [1e-200, 1e154, 1e300])
def test_the_unit_does_not_matter(name: str, unit: float) -> None:
    """A power of two, so that not even rounding differs."""
    vectors, _ = _blobs()
    unit = 2.0 ** round(np.log2(unit))
    found, expected = OF_VECTORS[name](unit * vectors), OF_VECTORS[name](vectors)
    np.testing.assert_array_equal(found.labels, expected.labels)
    for key in ("centers", "memberships"):
        if key in found.arrays:
            factor = unit if key == "centers" else 1
            np.testing.assert_allclose(found.arrays[key] / factor, expected.arrays[key], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OF_VECTORS)
def test_no_numbers_and_too_few_rows(name: str) -> None:
    vectors, _ = _blobs()
    for bad in (np.nan, np.inf):
        vectors[7, 1] = bad
        with pytest.raises(InvalidDataError, match="row 7"):
            OF_VECTORS[name](vectors)
    with pytest.raises((UsageError, InvalidDataError)):
        OF_VECTORS[name](vectors[:0])
    with pytest.raises((UsageError, InvalidDataError)):
        OF_VECTORS[name](vectors[:1])


@pytest.mark.parametrize("name", WITH_K)
def test_more_clusters_than_distinct_rows(name: str) -> None:
    vectors = np.repeat(np.arange(6.0).reshape(3, 2), 5, axis=0)
    with pytest.raises(UsageError, match="only 3 distinct rows"):
        WITH_K[name](vectors, 4)
    with pytest.raises(UsageError, match="k is 0"):
        WITH_K[name](vectors, 0)
    found = WITH_K[name](vectors, 3).labels
    assert adjusted_rand_score(np.repeat(np.arange(3), 5), found) == 1
    assert (WITH_K[name](vectors, 1).labels == 0).all()


def test_too_many_rows_are_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    tall = np.broadcast_to(np.zeros(1), (20_001, 1))
    for method in (affinity_propagation, mean_shift, lambda v: k_medoids(v, 2)):
        with pytest.raises(StageError, match=r"takes at most [\d,]+ rows; found 20,001: .*sample"):
            method(tall)
    with pytest.raises(StageError, match="Louvain takes at most 20,000 rows"):
        louvain(np.broadcast_to(np.array([1, 0]), (20_001, 2)), n_neighbors=1)
    wide = np.broadcast_to(np.zeros(1), (10_001, 1000))
    with pytest.raises(StageError, match="HDBSCAN takes at most 10,000 rows"):
        hdbscan(wide)
    with pytest.raises(StageError, match="mixture takes at most 2,000 rows"):
        gaussian_mixture(wide, 100, covariance="full")
    with pytest.raises(StageError, match="fuzzy c-means takes at most 4,000"):
        fuzzy_c_means(wide, 50_000)
    monkeypatch.setattr(dbscan_module, "_MOST_PAIRS", 1000)
    with pytest.raises(StageError, match="pairs of rows lie within eps"):
        dbscan(_blobs()[0], eps=5.0)
    monkeypatch.setattr(dbscan_module, "MOST_ROWS", 100)
    with pytest.raises(StageError, match="DBSCAN takes at most 100 rows"):
        dbscan(_blobs()[0])


@pytest.mark.parametrize(
    "call",
    [
        lambda v: hdbscan(v, min_cluster_size=1),
        lambda v: hdbscan(v, selection="best"),
        lambda v: dbscan(v, eps=0.0),
        lambda v: dbscan(v, min_samples=0),
        lambda v: dbscan(np.zeros((20, 2))),
        lambda v: gaussian_mixture(v, 2, covariance="round"),
        lambda v: affinity_propagation(v, damping=1.0),
        lambda v: mean_shift(v, quantile=0),
        lambda v: mean_shift(np.zeros((20, 2))),
        lambda v: k_medoids(v, 2, n_init=0),
        lambda v: fuzzy_c_means(v, 2, fuzziness=1.0),
        lambda v: spectral(_table(v), 500),
        lambda v: spectral(_table(v), 4, n_neighbors=16),
        lambda v: spectral(v, 4),
        lambda v: louvain(_table(v), resolution=0),
    ],
)
def test_settings_out_of_range(call: Callable[[NDArray[np.float64]], Clustering]) -> None:
    with pytest.raises(UsageError):
        call(_blobs()[0])


def test_noise_of_the_density_methods() -> None:
    vectors, truth = make_moons(400, noise=0.05, random_state=0)
    vectors = np.concatenate([vectors, [[40.0, 40.0], [-40.0, 0.0]]])
    for found in (hdbscan(vectors), dbscan(vectors, eps=0.2)):
        assert (found.labels[-2:] == -1).all()
        assert adjusted_rand_score(truth, found.labels[:-2]) > 0.98
    assert dbscan(vectors).attributes["eps"] > 0


def test_dbscan_by_hand() -> None:
    found = dbscan([[0.0], [1.0], [2.0], [3.5], [9.0]], eps=1.0, min_samples=3)
    np.testing.assert_array_equal(found.labels, [0, 0, 0, -1, -1])
    np.testing.assert_array_equal(found.arrays["core"], [False, True, False, False, False])


def test_k_medoids_by_hand_and_no_swap_would_gain() -> None:
    vectors = np.array([[0.0], [1.0], [2.0], [50.0], [51.0], [90.0]])
    found = k_medoids(vectors, 2)
    np.testing.assert_array_equal(found.arrays["medoids"], [1, 4])
    np.testing.assert_array_equal(found.labels, [0, 0, 0, 1, 1, 1])
    assert found.attributes["total_distance"] == 42
    assert k_medoids(vectors, 1).attributes["total_distance"] == min(np.abs(vectors - v).sum() for v in vectors)
    rows = np.random.default_rng(0).standard_normal((80, 3))
    medoids = k_medoids(rows, 5).arrays["medoids"]
    apart = np.sqrt(((rows[:, None] - rows[None]) ** 2).sum(axis=2))
    total = apart[medoids].min(axis=0).sum()
    for place in range(5):
        for row in range(80):
            swapped = medoids.copy()
            swapped[place] = row
            assert apart[swapped].min(axis=0).sum() >= total * (1 - 1e-6)


def test_fuzzy_memberships_fulfil_their_equation() -> None:
    vectors, _ = _blobs()
    found = fuzzy_c_means(vectors, 4, fuzziness=2.0)
    memberships, centers = found.arrays["memberships"].astype(np.float64), found.arrays["centers"]
    assert found.attributes["converged"] == 1
    np.testing.assert_allclose(memberships.sum(axis=1), 1, rtol=1e-5)
    apart = ((vectors[:, None] - centers[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(memberships, 1 / apart / (1 / apart).sum(axis=1, keepdims=True), rtol=1e-3, atol=1e-6)
    weights = memberships**2
    np.testing.assert_allclose(centers, weights.T @ vectors / weights.sum(axis=0)[:, None], atol=1e-3)


def test_centres_that_fall_together_are_no_clusters() -> None:
    noise = np.random.default_rng(0).standard_normal((300, 60))
    with pytest.raises(StageError, match="fell together"):
        fuzzy_c_means(noise, 3, fuzziness=2.0)


def test_affinity_propagation_that_does_not_settle_is_refused() -> None:
    with pytest.raises(StageError, match="did not settle in 2 iterations"):
        affinity_propagation(_blobs()[0], max_iterations=2)
    exemplars = affinity_propagation(_blobs()[0]).arrays["exemplars"]
    assert affinity_module.MOST_ROWS == 5000
    assert len(exemplars) == 4


def test_a_graph_in_more_parts_than_clusters_is_refused() -> None:
    vectors, truth = _blobs()
    with pytest.raises(UsageError, match="falls into 4 parts, more than k = 3"):
        spectral(_table(vectors), 3, n_neighbors=10)
    found = spectral(_table(vectors), 4, n_neighbors=10)
    assert adjusted_rand_score(truth, found.labels) == 1
    np.testing.assert_allclose(found.arrays["eigenvalues"], 1)


def test_spectral_clusters_are_no_more_than_distinct_rows() -> None:
    vectors = np.repeat(np.arange(6.0).reshape(3, 2), 8, axis=0)
    indices, distances = nearest_neighbours(vectors, 7)
    assert (
        adjusted_rand_score(np.repeat(np.arange(3), 8), spectral(indices, 3, distances=distances, n_neighbors=7).labels)
        == 1
    )
    with pytest.raises(UsageError, match="only 3 distinct rows"):
        spectral(indices, 4, distances=distances, n_neighbors=7)
    with pytest.raises(UsageError, match="distances have the shape"):
        spectral(indices, 3, distances=distances[1:], n_neighbors=7)


def test_equal_rows_alone_are_no_clusters() -> None:
    zeros = np.zeros((40, 3))
    for method in (lambda v: dbscan(v), mean_shift, affinity_propagation, lambda v: k_medoids(v, 2)):
        with pytest.raises((UsageError, StageError)):
            method(zeros)
    assert (hdbscan(zeros).labels == -1).all()


def test_spectral_separates_what_is_not_round() -> None:
    vectors, truth = make_moons(600, noise=0.06, random_state=1)
    assert adjusted_rand_score(truth, spectral(_table(vectors), 2, n_neighbors=10).labels) > 0.97


def test_equal_rows_are_grouped_in_their_order() -> None:
    rows = np.array([[1.0, -0.0], [2.0, 1.0], [1.0, 0.0], [2.0, 1.0], [0.0, 0.0]])
    for kind in (np.float32, np.float64):
        of_row, first = group_equal_rows(rows.astype(kind))
        assert of_row.tolist() == [0, 1, 0, 1, 2]
        assert first.tolist() == [0, 1, 4]
