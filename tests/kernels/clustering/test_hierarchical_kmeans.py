"""Hierarchical k-means: nested levels, the same bits for any blocks, and less drawn to what is frequent."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.kernels.agreement.scores import adjusted_rand_index
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.clustering.blockwise_kmeans import k_means
from pipeline.kernels.clustering.hierarchical_kmeans import Level, hierarchical_k_means
from pipeline.kernels.clustering.lloyd import ArrayReader


def _levels(rows: NDArray[np.float32], ks: list[int], **options: object) -> list[Level]:
    return hierarchical_k_means(ArrayReader(rows), len(rows), ks, seed=3, **options)  # type: ignore[arg-type]


def _nested_blobs() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Four far groups of five blobs of 30 points; which blob a point is of."""
    random = np.random.default_rng(0)
    far = 60 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    near = 10 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    truth = np.repeat(np.arange(20), 30)
    rows = far[truth // 5] + near[truth % 5] + random.normal(size=(600, 3))
    order = random.permutation(600)
    return rows[order].astype(np.float32), truth[order]


@pytest.mark.parametrize("resamples", [0, 2])
def test_levels_are_nested_and_found(resamples: int) -> None:
    rows, truth = _nested_blobs()
    levels = _levels(rows, [20, 4], resamples=resamples)
    assert adjusted_rand_index(truth, levels[0].labels) == 1
    assert adjusted_rand_index(truth // 5, levels[1].labels) == 1
    for below, above in pairwise(levels):
        np.testing.assert_array_equal(below.parents[below.labels], above.labels)
    assert len(levels[1].parents) == 0
    assert levels[1].centers.shape == (4, 3)


def test_the_lowest_level_is_k_means_and_the_next_that_of_its_centres() -> None:
    rows, _ = _nested_blobs()
    below, above = _levels(rows, [9, 3])
    plain = k_means(ArrayReader(rows), len(rows), [9], seed=3)[0]
    np.testing.assert_array_equal(below.labels, plain.labels)
    of_centers = k_means(ArrayReader(plain.centers), 9, [3], seed=3)[0]
    np.testing.assert_array_equal(below.parents, of_centers.labels)
    np.testing.assert_array_equal(above.centers, of_centers.centers)
    assert (below.inertia, above.inertia) == (plain.inertia, of_centers.inertia)


@pytest.mark.parametrize("resamples", [0, 2])
@pytest.mark.parametrize("block_rows", [7, 100, 599])
def test_blocks_and_their_order_change_no_bit(block_rows: int, resamples: int) -> None:
    def backwards(function, tasks):  # type: ignore[no-untyped-def]
        return [function(task) for task in reversed(tasks)][::-1]

    rows = np.random.default_rng(2).normal(size=(600, 5)).astype(np.float32)
    whole = _levels(rows, [25, 7, 2], resamples=resamples)
    parts = _levels(rows, [25, 7, 2], resamples=resamples, block_rows=block_rows, map_tasks=backwards)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.centers, other.centers)
        assert one.inertia == other.inertia


def test_resampling_spreads_the_centres_over_what_there_is() -> None:
    """A tenth of the points fills nine tenths of the range: plain k-means gives it few centres, resampling more."""
    random = np.random.default_rng(4)
    rows = np.concatenate([random.random(9000), 1 + 9 * random.random(1000)]).astype(np.float32)[:, None]
    sparse = [int(np.sum(_levels(rows, [40], resamples=r)[0].centers > 1)) for r in (0, 5)]
    assert sparse[1] > sparse[0]


def test_what_is_refused() -> None:
    rows, _ = _nested_blobs()
    for ks in ([], [4, 20], [4, 4]):
        with pytest.raises(UsageError, match="each smaller than the last"):
            _levels(rows, ks)
    with pytest.raises(UsageError, match="share 0"):
        _levels(rows, [4], share=0)
    with pytest.raises(InvalidDataError, match="only 3 are distinct"):
        _levels(np.repeat(rows[:3], 5, axis=0), [4, 2])
