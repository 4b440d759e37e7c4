"""Minibatch k-means: no empty clusters, true inertia, exact assignments."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.clustering import kmeans
from pipeline.kernels.clustering.kmeans import assign_to_centers, minibatch_kmeans


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_finds_blobs_far_from_the_origin(dtype: type) -> None:
    blobs, truth = make_blobs(1200, 6, centers=5, cluster_std=0.5, random_state=3)
    vectors = (blobs + 1e4).astype(dtype)
    result = minibatch_kmeans(vectors, 5, seed=0, n_init=5)
    assert adjusted_rand_score(truth, result.labels) == 1
    assert result.labels.dtype == np.int32
    assert result.centers.dtype == dtype
    distance_sq = cdist(vectors, result.centers, "sqeuclidean")
    np.testing.assert_array_equal(result.labels, distance_sq.argmin(axis=1))
    assert result.inertia == pytest.approx(distance_sq.min(axis=1).sum(), rel=1e-12)
    assert result.n_iterations >= 1


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not() -> None:
    vectors = np.random.default_rng(0).standard_normal((700, 5)).astype(np.float32)
    one, again = (minibatch_kmeans(vectors, 20, seed=4, batch_size=100) for _ in range(2))
    np.testing.assert_array_equal(one.centers, again.centers)
    np.testing.assert_array_equal(one.labels, again.labels)
    assert not np.array_equal(one.centers, minibatch_kmeans(vectors, 20, seed=5, batch_size=100).centers)


@pytest.mark.parametrize("k", [1, 6, 59, 60])
def test_every_cluster_has_rows_up_to_the_number_of_distinct_ones(k: int) -> None:
    distinct = np.random.default_rng(k).standard_normal((60, 3))
    vectors = np.repeat(distinct, 3, axis=0)
    result = minibatch_kmeans(vectors, k, seed=0, batch_size=16, max_epochs=3, n_init=1)
    assert np.bincount(result.labels, minlength=k).min() >= 1
    if k == 60:  # a cluster for every distinct row
        assert len(np.unique(result.labels.reshape(60, 3), axis=0)) == 60


def test_empty_centres_move_to_the_farthest_rows() -> None:
    vectors = np.array([[0.0], [0.0], [1.0], [10.0]])
    centers = np.array([[0.0], [500.0], [500.0]])
    labels, distances_sq = kmeans._fill_empty(vectors, centers)
    np.testing.assert_array_equal(centers, [[0], [10], [1]])
    np.testing.assert_array_equal(labels, [0, 0, 2, 1])
    assert not distances_sq.any()


def test_assignment_ties_go_to_the_lowest_centre_and_partitions_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.integers(0, 4, (900, 3)).astype(np.float32)
    centers = rng.integers(0, 4, (17, 3)) / 2
    labels, distances_sq = assign_to_centers(vectors, centers)
    expected = cdist(vectors, centers, "sqeuclidean")
    np.testing.assert_array_equal(labels, expected.argmin(axis=1))
    np.testing.assert_array_equal(distances_sq, expected.min(axis=1))
    noisy = rng.standard_normal((900, 30)).astype(np.float32)
    whole = assign_to_centers(noisy, noisy[:40])
    parts = [assign_to_centers(noisy[a:b], noisy[:40]) for a, b in ((0, 1), (1, 333), (333, 900))]
    np.testing.assert_array_equal(np.concatenate([p[0] for p in parts]), whole[0])
    np.testing.assert_array_equal(np.concatenate([p[1] for p in parts]), whole[1])
    np.testing.assert_array_equal(whole[0][:40], np.arange(40))
    assert assign_to_centers(noisy[:0], noisy[:4])[0].shape == (0,)


def test_refusals() -> None:
    rows = np.array([[0.0, 0.0], [0.0, -0.0], [1.0, 1.0]])
    with pytest.raises(InvalidDataError, match="only 2 are distinct"):
        minibatch_kmeans(rows, 3, seed=0)
    with pytest.raises(UsageError, match="k is 4; expected 1 to 3"):
        minibatch_kmeans(rows, 4, seed=0)
    with pytest.raises(UsageError, match="batch_size"):
        minibatch_kmeans(rows, 1, seed=0, batch_size=0)
    with pytest.raises(InvalidDataError, match="row 0"):
        minibatch_kmeans([[np.nan], [0.0]], 1, seed=0)
    with pytest.raises(UsageError, match="no centers"):
        assign_to_centers(rows, np.empty((0, 2)))
    with pytest.raises(UsageError, match="features"):
        assign_to_centers(rows, np.empty((1, 3)))
