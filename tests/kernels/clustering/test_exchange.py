"""Rows go where the inertia falls, as the definition says; partitions that hold Lloyd's algorithm are left behind."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from pipeline.kernels.clustering import exchange
from pipeline.kernels.clustering.blockwise_kmeans import k_means, survey_rows
from pipeline.kernels.clustering.exchange import exchange_rows
from pipeline.kernels.clustering.lloyd import ArrayReader, Survey


def survey_of(rows: NDArray[Any]) -> Survey:
    return survey_rows(ArrayReader(rows), len(rows), np.arange(1), block_rows=len(rows))[0]


def inertia(rows: NDArray[Any], labels: NDArray[np.integer]) -> float:
    means = [rows[labels == c].mean(axis=0, dtype=float) for c in range(labels.max() + 1)]
    return float(((rows - np.stack(means)[labels]) ** 2).sum())


def by_definition(
    rows: NDArray[Any], labels: NDArray[np.int32], means: NDArray[Any], counts: NDArray[np.integer]
) -> NDArray[np.int32]:
    """Every row by itself, in float64; means and counts stay."""
    found, left = labels.copy(), counts.copy()
    distances_sq = cdist(rows, means, "sqeuclidean")
    for row, own in enumerate(labels):
        if left[own] < 2:
            continue
        costs = distances_sq[row] * counts / (counts + 1)
        costs[counts == 0] = np.inf
        costs[own] = distances_sq[row, own] * counts[own] / (counts[own] - 1)
        best = own if costs[own] <= costs.min() else int(costs.argmin())
        left[own] -= 1
        left[best] += 1
        found[row] = best
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 300.0])
@pytest.mark.parametrize("spread", [1.0, 1e-6])
def test_a_pass_is_that_of_the_definition(
    dtype: type, offset: float, spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With means that float32 products cannot tell apart as well (a small spread), a cluster of one row and none."""
    monkeypatch.setattr(exchange, "_PARTS", 1)
    rng = np.random.default_rng(0)
    rows = (rng.standard_normal((400, 60)) * np.where(rng.random(60) < 0.1, 1, spread) + offset).astype(dtype)
    labels = rng.integers(0, 9, 400).astype(np.int32)
    labels[labels == 7] = 8
    labels[[3, *np.flatnonzero(labels == 5)[1:]]] = 6
    survey, counts = survey_of(rows), np.bincount(labels, minlength=9)
    means = np.stack([rows[labels == c].mean(axis=0, dtype=float) if counts[c] else rows[0] for c in range(9)])
    found = exchange_rows(rows, labels, 9, survey, most_passes=1, tolerance=0.0)
    assert (found != labels).sum() > 100
    expected = by_definition(rows, labels, means.astype(dtype), counts)
    np.testing.assert_array_equal(found, expected)
    assert not (found == 7).any()
    assert (found[labels == 5] == 5).all()


def test_by_hand() -> None:
    """4 is nearer to the mean of 0 and 4 than to 7; with 7 the inertia falls from 8 to 4.5."""
    rows, labels = np.array([[0.0], [4.0], [7.0]]), np.array([0, 0, 1], np.int32)
    survey = survey_of(rows)
    np.testing.assert_array_equal(exchange_rows(rows, labels, 2, survey, most_passes=3, tolerance=0.0), [0, 1, 1])
    kept = k_means(ArrayReader(rows), 3, [2], seed=0, centers=[np.array([[2.0], [7.0]])])[0]
    np.testing.assert_array_equal(kept.labels, labels)
    assert k_means(ArrayReader(rows), 3, [2], seed=0)[0].inertia == 4.5


def test_noise_holds_lloyd_and_not_the_exchange() -> None:
    rows = np.random.default_rng(1).standard_normal((1500, 300), dtype=np.float32)
    begun = np.arange(1500, dtype=np.int32) % 30
    found = exchange_rows(rows, begun, 30, survey_of(rows), most_passes=50, tolerance=0.0)
    ours, start = inertia(rows, found), np.stack([rows[begun == c].mean(axis=0) for c in range(30)])
    held = KMeans(30, init=start, n_init=1).fit(rows).inertia_
    assert ours < 0.985 * held
    means = np.stack([rows[found == c].mean(axis=0) for c in range(30)])
    np.testing.assert_array_equal(cdist(rows, means, "sqeuclidean").argmin(axis=1), found)
    whole = k_means(ArrayReader(rows), len(rows), [30], seed=0)[0]
    assert whole.inertia < 0.99 * KMeans(30, n_init=3, random_state=0).fit(rows).inertia_


def test_copies_and_as_many_clusters_as_rows_stay() -> None:
    rows = np.repeat(np.array([[1.0, 2.0], [5.0, 5.0]]), 4, axis=0)
    labels = np.repeat(np.arange(2, dtype=np.int32), 4)
    np.testing.assert_array_equal(exchange_rows(rows, labels, 2, survey_of(rows), most_passes=3, tolerance=0.0), labels)
    alone = np.arange(8, dtype=np.int32)
    np.testing.assert_array_equal(exchange_rows(rows, alone, 8, survey_of(rows), most_passes=3, tolerance=0.0), alone)
