"""Correlation of distances with label distances, against NumPy's on all pairs."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.dimension import label_distances as kernel
from pipeline.kernels.dimension.label_distances import distance_label_correlation


def test_equals_numpy_on_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 150)
    vectors = 1e3 + labels[:, None] * 0.3 + rng.standard_normal((150, 6))
    pairs = np.triu_indices(150, k=1)
    different = labels[pairs[0]] != labels[pairs[1]]
    lengths = pdist(vectors)
    for tile in (1024, 37):
        monkeypatch.setattr(kernel, "_TILE_ROWS", tile)
        found = distance_label_correlation(vectors, labels, seed=0)
        assert found.correlation == pytest.approx(np.corrcoef(lengths, different)[0, 1], abs=1e-9)
        assert found.mean_same == pytest.approx(lengths[~different].mean(), rel=1e-9)
        assert found.mean_different == pytest.approx(lengths[different].mean(), rel=1e-9)
        assert (found.n_same, found.n_different) == ((~different).sum(), different.sum())


def test_by_hand() -> None:
    found = distance_label_correlation([[0.0], [0.0], [1.0], [1.0]], ["a", "a", "b", "b"], seed=0)
    assert found.correlation == pytest.approx(1)
    assert (found.mean_same, found.mean_different) == (0, 1)


def test_unlabelled_points_are_left_out_and_samples_are_seeded() -> None:
    rng = np.random.default_rng(1)
    vectors, labels = rng.standard_normal((300, 3)), rng.integers(-1, 3, 300)
    labelled = labels >= 0
    assert distance_label_correlation(vectors, labels, seed=0) == distance_label_correlation(
        vectors[labelled], labels[labelled], seed=9
    )
    one, again, other = (distance_label_correlation(vectors, labels, seed=seed, max_points=50) for seed in (3, 3, 4))
    assert one == again != other
    assert one.n_points == 50


def test_undefined_correlations_are_nan() -> None:
    vectors = np.random.default_rng(2).standard_normal((5, 2))
    assert math.isnan(distance_label_correlation(vectors, [1] * 5, seed=0).correlation)
    alone = distance_label_correlation(vectors, [0, 1, 2, 3, 4], seed=0)
    assert math.isnan(alone.correlation)
    assert math.isnan(alone.mean_same)
    assert math.isnan(distance_label_correlation(np.ones((5, 2)), [0, 0, 1, 1, 1], seed=0).correlation)


def test_refusals() -> None:
    with pytest.raises(UsageError, match="labels of the shape"):
        distance_label_correlation(np.zeros((3, 1)), [0, 1], seed=0)
    with pytest.raises(UsageError, match="max_points"):
        distance_label_correlation(np.zeros((3, 1)), [0, 1, 1], seed=0, max_points=1)
    with pytest.raises(InvalidDataError, match="found 1"):
        distance_label_correlation(np.zeros((3, 1)), [0, -1, -1], seed=0)
    with pytest.raises(InvalidDataError, match="NaN"):
        distance_label_correlation([[0.0], [np.nan]], [0, 1], seed=0)
