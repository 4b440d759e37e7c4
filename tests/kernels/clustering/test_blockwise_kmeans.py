"""k-means over blocks: plain Lloyd's result, the same bits for any blocks, workers and order, no empty cluster."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.clustering import lloyd as lloyd_module
from pipeline.kernels.clustering.assignment import assign_to_centers
from pipeline.kernels.clustering.blockwise_kmeans import KMeansResult, k_means, survey_rows
from pipeline.kernels.clustering.lloyd import ArrayReader, lloyd
from pipeline.kernels.clustering.minibatch import StreamState, minibatch_step
from pipeline.kernels.clustering.order_free_sums import (
    ClusterSums,
    add_moved_rows,
    exact_total,
    make_grid,
    total_value,
)

BLOBS = make_blobs(3000, 20, centers=30, cluster_std=3.0, random_state=0)[0].astype(np.float32)


def of_array(values: NDArray[Any], k: int, **options: Any) -> KMeansResult:
    return k_means(ArrayReader(values), len(values), [k], seed=0, **options)[0]


def plain_lloyd(values: NDArray[Any], centers: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """By the definition, in float64, until nothing changes."""
    labels = np.full(len(values), -1)
    centers = centers.astype(np.float64)
    while True:
        found = cdist(values, centers, "sqeuclidean").argmin(axis=1)
        if (found == labels).all():
            return centers, labels
        labels = found
        for c in range(len(centers)):
            centers[c] = values[labels == c].mean(axis=0, dtype=np.float64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_equals_plain_lloyd_from_the_same_centres(dtype: type, offset: float) -> None:
    values = (BLOBS + np.float32(offset)).astype(dtype)
    start = values[::75]
    expected, labels = plain_lloyd(values, start)
    found = of_array(values, len(start), centers=[start], tolerance=0.0)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_allclose(found.centers, expected, rtol=0, atol=1e-5 * max(offset, 10))
    assert found.inertia == pytest.approx(float(((values - found.centers[labels].astype(float)) ** 2).sum()), rel=1e-12)
    assert found.start_inertias == ()


def backwards(function: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
    return [function(task) for task in reversed(tasks)][::-1]


def by_threads(function: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(function, tasks))


@pytest.mark.parametrize("block_rows", [1, 97, 1024, 5000])
@pytest.mark.parametrize("map_tasks", [map, backwards, by_threads])
def test_blocks_and_workers_do_not_show(block_rows: int, map_tasks: Any) -> None:
    values = BLOBS[:700]
    whole = of_array(values, 25)
    if block_rows == 1:
        values, whole = values[:60], of_array(values[:60], 7)
    k = len(whole.centers)
    parts = of_array(values, k, block_rows=block_rows, map_tasks=map_tasks)
    np.testing.assert_array_equal(parts.labels, whole.labels)
    np.testing.assert_array_equal(parts.centers, whole.centers)
    assert parts.inertia == whole.inertia
    assert parts.start_inertias == whole.start_inertias


def test_several_k_over_one_reading_are_those_of_each_alone() -> None:
    readings = []

    def read(start: int, stop: int) -> NDArray[Any]:
        readings.append((start, stop))
        return BLOBS[start:stop]

    together = k_means(read, len(BLOBS), [3, 30, 7], seed=5, max_sweeps=4)
    assert len(readings) <= 1 + 1 + 6 + 1  # type, survey, sweeps, inertia
    for k, found in zip([3, 30, 7], together, strict=True):
        alone = k_means(ArrayReader(BLOBS), len(BLOBS), [k], seed=5, max_sweeps=4)[0]
        np.testing.assert_array_equal(found.centers, alone.centers)
        np.testing.assert_array_equal(found.labels, alone.labels)


def test_bounds_leave_rows_alone_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []
    open_rows = lloyd_module._open_rows

    def counting(*arguments: Any) -> NDArray[np.int64]:
        found = open_rows(*arguments)
        looked_at.append(len(found))
        return found

    monkeypatch.setattr(lloyd_module, "_open_rows", counting)
    start = BLOBS[::100]
    bounded = of_array(BLOBS, 30, centers=[start], tolerance=0.0)
    assert sum(looked_at) < 0.7 * len(BLOBS) * len(looked_at)
    monkeypatch.setattr(lloyd_module, "_open_rows", lambda rows, *_: np.arange(len(rows)))
    everything = of_array(BLOBS, 30, centers=[start], tolerance=0.0)
    np.testing.assert_array_equal(bounded.centers, everything.centers)
    np.testing.assert_array_equal(bounded.labels, everything.labels)
    assert bounded.n_iterations == everything.n_iterations


@pytest.mark.parametrize("k", [5, 20])
def test_small_sets_equal_ten_starts_of_lloyd(k: int) -> None:
    digits = load_digits().data
    ours = of_array(digits, k)
    theirs = KMeans(k, n_init=10, random_state=0).fit(digits).inertia_
    assert ours.inertia <= 1.005 * theirs
    assert len(ours.start_inertias) == 20
    assert ours.start_inertias[0] == pytest.approx(ours.inertia, rel=0.01)
    assert list(ours.start_inertias) == sorted(ours.start_inertias)


def test_a_sample_of_many_features_is_shortened_and_full_sweeps_follow() -> None:
    rng = np.random.default_rng(3)
    values = (rng.standard_normal((4000, 6)) @ rng.standard_normal((6, 200))).astype(np.float32)
    ours = of_array(values, 40, sample_rows=1500)
    theirs = KMeans(40, n_init=3, random_state=0).fit(values).inertia_
    assert ours.inertia <= 1.01 * theirs
    distances_sq = cdist(values, ours.centers, "sqeuclidean")
    np.testing.assert_array_equal(ours.labels, distances_sq.argmin(axis=1))


def test_relabelling_and_warm_starts() -> None:
    first = of_array(BLOBS, 30, tolerance=0.0)
    again = of_array(BLOBS, 30, centers=[first.centers[::-1]], tolerance=0.0)
    np.testing.assert_array_equal(again.labels, 29 - first.labels)
    assert again.inertia == first.inertia
    assert again.n_iterations == 1 or (again.centers == first.centers[::-1]).all()
    none = of_array(BLOBS, 30, centers=[first.centers], max_sweeps=0)
    np.testing.assert_array_equal(none.centers, first.centers)


def test_empty_centres_go_to_the_farthest_rows_of_different_values() -> None:
    values = np.array([[0.0], [0.0], [1.0], [10.0], [10.0]])
    found = of_array(values, 3, centers=[np.array([[0.0], [500.0], [500.0]])], max_sweeps=0)
    np.testing.assert_array_equal(found.centers, [[0], [10], [1]])
    np.testing.assert_array_equal(found.labels, [0, 0, 2, 1, 1])
    assert found.inertia == 0


@pytest.mark.parametrize("seed", range(8))
def test_as_many_clusters_as_distinct_rows_and_one_more(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 4, (40, 2)).astype(np.float64) * 10.0 ** rng.integers(-8, 8)
    distinct = len(np.unique(values, axis=0))
    found = of_array(values, distinct, block_rows=7)
    assert found.inertia == 0
    assert len(np.unique(found.labels)) == distinct
    with pytest.raises(InvalidDataError, match=f"only {distinct} are distinct"):
        of_array(values, distinct + 1, block_rows=7)


def test_limits_of_numbers() -> None:
    values = BLOBS[:50].astype(np.float64)
    for scale in (1e154, 1e300):
        with pytest.raises(InvalidDataError, match="rescale"):
            of_array(values * scale, 3)
    for scale in (1e-30, 1e-12, 1e12, 1e30):
        np.testing.assert_array_equal(of_array(values * scale, 3).labels, of_array(values, 3).labels)
    for bad in (np.nan, np.inf, -np.inf):
        spoilt = values.copy()
        spoilt[33, 4] = bad
        with pytest.raises(InvalidDataError, match="NaN or an infinity"):
            of_array(spoilt, 3, block_rows=16)
    with pytest.raises(InvalidDataError, match="centers"):
        of_array(values, 1, centers=[np.full((1, 20), np.nan)])


def test_refusals() -> None:
    for k in (0, 51):
        with pytest.raises(UsageError, match=f"k is {k}; expected 1 to 50"):
            of_array(BLOBS[:50], k)
    with pytest.raises(UsageError, match="at least one row"):
        of_array(BLOBS[:0], 1)
    with pytest.raises(UsageError, match=r"shape \(2, 20\); expected \(3, 20\)"):
        of_array(BLOBS, 3, centers=[BLOBS[:2]])
    with pytest.raises(UsageError, match="tolerance"):
        of_array(BLOBS, 3, tolerance=1.0)
    with pytest.raises(UsageError, match="were read with the shape"):
        k_means(lambda start, stop: BLOBS[start : stop - 1], len(BLOBS), [2], seed=0)


def test_sums_do_not_depend_on_order_and_moves_leave_no_trace() -> None:
    rng = np.random.default_rng(0)
    values = (rng.standard_normal((500, 9)) * 10.0 ** rng.integers(-6, 6, 9)).astype(np.float32)
    low, high = values.min(axis=0).astype(float), values.max(axis=0).astype(float)
    grid = make_grid(values.mean(axis=0, dtype=float), low, high, len(values))
    labels = rng.integers(0, 7, 500).astype(np.int32)
    none = np.full(500, -1, np.int32)
    whole = add_moved_rows(values, none, labels, grid, 7)
    order = rng.permutation(500)
    shuffled = ClusterSums.empty(9)
    for part in np.array_split(order, 13):
        shuffled = shuffled.merge(add_moved_rows(values[part], none[part], labels[part], grid, 7))
    np.testing.assert_array_equal(shuffled.sums, whole.sums)
    np.testing.assert_array_equal(shuffled.counts, whole.counts)
    means = grid.origin + whole.sums / whole.counts[:, None] / grid.steps_per_unit
    for c in range(7):
        np.testing.assert_allclose(
            means[c], values[labels == c].mean(axis=0, dtype=float), rtol=0, atol=1e-9 * (high - low).max()
        )
    other = rng.integers(0, 7, 500).astype(np.int32)
    there = whole.merge(add_moved_rows(values, labels, other, grid, 7))
    back = there.merge(add_moved_rows(values, other, labels, grid, 7))
    np.testing.assert_array_equal(back.sums, whole.sums)
    np.testing.assert_array_equal(there.sums, add_moved_rows(values, none, other, grid, 7).sums)


def test_totals_are_exact_and_free_of_order() -> None:
    values = np.random.default_rng(1).random(1000) ** 8
    limbs = exact_total(values, 0)
    parts = sum(exact_total(part, 0) for part in np.array_split(values[::-1], 7))
    np.testing.assert_array_equal(parts, limbs)
    true = sum(map(Fraction, values.tolist()))
    assert total_value(limbs, 0) == pytest.approx(float(true), rel=2**-52)
    assert total_value(limbs, 0) == pytest.approx(math.fsum(values), rel=2**-52)


def test_a_stream_of_batches_keeps_running_means() -> None:
    values = make_blobs(900, 3, centers=4, cluster_std=0.3, random_state=1)[0]
    first = of_array(values[:100], 4)
    state = StreamState(first.centers, np.bincount(first.labels))
    for start in range(100, 900, 160):
        state, labels, distances_sq = minibatch_step(state, values[start : start + 160])
        assert len(labels) == len(distances_sq) == 160
    labels, _ = assign_to_centers(values, state.centers)
    np.testing.assert_allclose(state.centers, [values[labels == c].mean(axis=0) for c in range(4)], atol=1e-9)
    np.testing.assert_array_equal(state.counts, np.bincount(labels))
    same, labels, _ = minibatch_step(state, values[:0])
    np.testing.assert_array_equal(same.centers, state.centers)
    assert not len(labels)


def test_survey() -> None:
    picks = np.array([0, 5, 2999])
    survey, sample = survey_rows(ArrayReader(BLOBS), 3000, picks, block_rows=1000)
    np.testing.assert_array_equal(sample, BLOBS[picks])
    np.testing.assert_array_equal(survey.low, BLOBS.min(axis=0))
    ends = lloyd(ArrayReader(BLOBS), survey, [BLOBS[:5]], block_rows=1000, max_sweeps=2, tolerance=0.0)
    assert ends[0].sweeps == 2
