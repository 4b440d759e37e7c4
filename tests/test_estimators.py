"""Estimators: scikit-learn's conventions, CONTRACT.md's attributes, and equality with the kernels."""

from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.errors import UsageError
from pipeline.estimators import AdvancedDensityPeaks, Agglomerative, DensityPeaks, MiniBatchKMeans, TwoNN
from pipeline.kernels.neighbours.nearest import nearest_neighbours

ALL = [
    TwoNN(),
    DensityPeaks(n_clusters=3),
    DensityPeaks(n_clusters=3, kernel="gaussian"),
    AdvancedDensityPeaks(),
    Agglomerative(n_clusters=3),
    Agglomerative(linkage="centroid"),
    MiniBatchKMeans(n_clusters=3),
]


@parametrize_with_checks(ALL)
def test_scikit_learn_conventions(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


def test_two_nn() -> None:
    square = np.random.default_rng(0).random((3000, 2))
    estimator = TwoNN(fraction=0.9).fit(square)
    assert estimator.dimension_ == pytest.approx(2, rel=0.05)
    assert 0 < estimator.error_ < 0.1
    assert estimator.n_dropped_ == 0
    given = TwoNN().fit(square, neighbours=nearest_neighbours(square, 20))
    assert given.dimension_ == estimator.dimension_
    assert TwoNN(fraction=0.5).fit(np.concatenate([square, square[:30]])).n_dropped_ == 60


def test_density_peaks() -> None:
    vectors, truth = make_blobs(600, 4, centers=5, random_state=0)
    estimator = DensityPeaks(n_clusters=5).fit(vectors)
    assert adjusted_rand_score(truth, estimator.labels_) > 0.98
    given = DensityPeaks(n_clusters=5).fit(vectors, neighbours=nearest_neighbours(vectors, 25))
    for name in ("labels_", "density_", "delta_", "nearest_denser_", "centers_"):
        np.testing.assert_array_equal(getattr(given, name), getattr(estimator, name))
    assert DensityPeaks(n_clusters=5, dimension=3.5).fit(vectors).dimension_ == 3.5


def test_agglomerative_keeps_the_tree() -> None:
    vectors, truth = make_blobs(300, 3, centers=4, random_state=1)
    estimator = Agglomerative(n_clusters=4, linkage="ward").fit(vectors)
    assert estimator.linkage_matrix_.shape == (299, 4)
    assert adjusted_rand_score(truth, estimator.labels_) == 1
    np.testing.assert_array_equal(estimator.cut(4), estimator.labels_)
    assert estimator.cut(17).max() == 16


def test_minibatch_kmeans() -> None:
    vectors, truth = make_blobs(500, 3, centers=4, cluster_std=0.5, random_state=2)
    estimator = MiniBatchKMeans(n_clusters=4).fit(vectors)
    assert adjusted_rand_score(truth, estimator.labels_) == 1
    difference = vectors - estimator.cluster_centers_[estimator.labels_]
    assert estimator.inertia_ == pytest.approx((difference**2).sum())
    np.testing.assert_array_equal(estimator.predict(vectors), estimator.labels_)
    np.testing.assert_array_equal(clone(estimator).fit(vectors).labels_, estimator.labels_)


def test_kmeans_by_batches_and_by_blocks_of_a_dask_array() -> None:
    dask_array = pytest.importorskip("dask.array")
    vectors, truth = make_blobs(900, 3, centers=4, cluster_std=0.3, random_state=2)
    stream = MiniBatchKMeans(n_clusters=4)
    for start in range(0, 900, 150):
        stream.partial_fit(vectors[start : start + 150])
    assert stream.counts_.sum() == 900
    assert adjusted_rand_score(truth, stream.predict(vectors)) == 1
    read: list[int] = []

    def block(values: Any) -> Any:
        read.append(len(values))
        return values

    lazy = dask_array.from_array(vectors, chunks=(300, 3)).map_blocks(block, dtype=vectors.dtype, meta=vectors[:0])
    with dask.config.set(scheduler="synchronous"):  # in this process, where the blocks are counted
        fitted = MiniBatchKMeans(n_clusters=4).fit(lazy)
    assert max(read) <= 300
    np.testing.assert_array_equal(fitted.labels_, MiniBatchKMeans(n_clusters=4).fit(vectors).labels_)
    np.testing.assert_array_equal(fitted.predict(lazy), fitted.labels_)
    with pytest.raises(UsageError, match="2 features; expected 3"):
        fitted.predict(lazy[:, :2])


def test_density_peaks_kernels_picks_and_cuts() -> None:
    vectors, truth = make_blobs(600, 4, centers=5, random_state=0)
    for kernel in ("cutoff", "gaussian"):
        assert adjusted_rand_score(truth, DensityPeaks(5, kernel=kernel).fit(vectors).labels_) > 0.98
    estimator = DensityPeaks(n_clusters=5).fit(vectors)
    np.testing.assert_array_equal(estimator.hierarchy(9).labels(5), estimator.labels_)
    picked = DensityPeaks().fit(vectors, centers=estimator.centers_[:3])
    np.testing.assert_array_equal(picked.labels_, estimator.hierarchy(9).labels(3))


def test_advanced_density_peaks() -> None:
    vectors, truth = make_blobs(600, 4, centers=5, random_state=0)
    estimator = AdvancedDensityPeaks(z=1.6).fit(vectors)
    assert adjusted_rand_score(truth, estimator.labels_) > 0.98
    assert len(estimator.centers_) == 5
    assert (estimator.density_error_ > 0).all()
    given = AdvancedDensityPeaks().fit(vectors, neighbours=nearest_neighbours(vectors, 100))
    np.testing.assert_array_equal(given.labels_, estimator.labels_)
    with_halo = AdvancedDensityPeaks(halo=True).fit(vectors)
    np.testing.assert_array_equal(with_halo.labels_ < 0, with_halo.halo_)


@pytest.mark.parametrize("estimator", ALL, ids=repr)
def test_memory_maps_and_dask_arrays(estimator: BaseEstimator, tmp_path: Path) -> None:
    dask_array = pytest.importorskip("dask.array")
    vectors = make_blobs(120, 3, random_state=3)[0]
    np.save(tmp_path / "v.npy", vectors)
    plain = clone(estimator).fit(vectors)
    for other in (np.load(tmp_path / "v.npy", mmap_mode="r"), dask_array.from_array(vectors, chunks=50)):
        fitted = clone(estimator).fit(other)
        for name in ("labels_", "dimension_"):
            if hasattr(plain, name):
                np.testing.assert_array_equal(getattr(fitted, name), getattr(plain, name))


def test_a_neighbour_table_of_another_set_is_refused() -> None:
    vectors = np.random.default_rng(0).random((50, 2))
    with pytest.raises(UsageError, match=r"expected \[50, K\]"):
        TwoNN().fit(vectors, neighbours=nearest_neighbours(vectors[:20], 3))
    with pytest.raises(UsageError, match="table wider"):
        DensityPeaks(k_density=10).fit(vectors, neighbours=nearest_neighbours(vectors, 5))
