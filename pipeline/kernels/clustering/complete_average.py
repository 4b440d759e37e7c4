"""Complete and average linkage on the condensed matrix, all reciprocal nearest pairs at a time.

Both are reducible: clusters that are each other's nearest stay so until they merge. A round finds the nearest cluster
of those whose nearest one has merged, merges all such pairs, and where these are many writes the matrix of the merged
clusters over the old one in a single pass; where they are few only their rows are updated. So the matrix shrinks and
is read in its own order, which a memory map needs too.

References
----------
D. Müllner, "Modern hierarchical, agglomerative clustering algorithms", arXiv:1109.2378 (2011),
doi 10.48550/arXiv.1109.2378.
F. Murtagh, "A survey of recent advances in hierarchical clustering algorithms", The Computer Journal 26, 354
(1983), doi 10.1093/comjnl/26.4.354.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.kernels.clustering.condensed import (
    MEMORY_LIMIT_BYTES,
    Condensed,
    entry,
    fill_condensed,
    room_for,
    row_start,
)
from pipeline.kernels.clustering.points import distinct_points
from pipeline.kernels.clustering.trees import Merges, tree_of_merges
from pipeline.kernels.compiled import compiled
from pipeline.kernels.neighbours.locality import locality_order

_SMALLEST_TO_ORDER = 4096
_MANY = 16  # one cluster in so many is many: reading the whole matrix is cheaper than their rows and columns


def condensed_linkage(
    vectors: ArrayLike,
    method: Literal["complete", "average"],
    *,
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    storage: Condensed | None = None,
) -> NDArray[np.float64]:
    """Build the tree of complete linkage (the largest distance) or of average linkage (the mean distance).

    Parameters
    ----------
    vectors : array_like, [N, D]
        At least 1 row.
    method : {"complete", "average"}
    memory_limit_bytes : int
        The most that the distances may take.
    storage : float32 or float64 [at least n (n - 1) / 2], optional
        Where the distances between the n distinct rows are kept instead: a memory map, for example.

    Returns
    -------
    float64 [N - 1, 4]
        SciPy's format and, up to rounding and the order of ties, its merges.

    Raises
    ------
    UsageError
        No rows, or a storage that does not fit.
    InvalidDataError
        A NaN or an infinity, or distances beyond float64.
    StageError
        The distances would need more than ``memory_limit_bytes``.

    Notes
    -----
    Ties: equal rows merge first, at height 0; of equally near clusters the one that holds the lowest row is taken as
    the nearest. Distances are computed in float64 and kept in float64 for up to 16,384 distinct rows, in float32
    beyond (or as ``storage`` is): heights are then right to 1e-6, and merges nearer to each other than that may swap.

    Memory: the distances, and ``8 N D`` bytes while they are computed. Time: ``N^2 D`` float64 operations for them and
    about ``3 N^2`` readings after; ``N^2`` scattered ones where clusters merge one at a time (chains).
    """
    points = distinct_points(vectors)
    n = len(points.rows)
    matrix = room_for(n, method=method, limit_bytes=memory_limit_bytes, storage=storage)
    # Partners near each other in the matrix: few of their entries lie in a column.
    names = locality_order(points.rows.astype(np.float32)) if n >= _SMALLEST_TO_ORDER else np.arange(n)
    if n >= _SMALLEST_TO_ORDER:
        points.rows[:] = points.rows[names]  # in place: a second copy would not fit beside the matrix
    fill_condensed(points.rows, matrix, squared=False)
    sizes = points.copies[names].astype(np.float64)
    return tree_of_merges(points, _merge_all(matrix, names, sizes, method == "average"))


def _merge_all(matrix: Condensed, names: NDArray[np.int64], sizes: NDArray[np.float64], average: bool) -> list[Merges]:
    """Merge until one is left; ``names`` are the lowest points of the clusters, by their places in the matrix."""
    heights, nearest, distances = np.zeros(len(sizes)), np.full(len(sizes), -1), np.full(len(sizes), np.inf)
    alive = np.ones(len(sizes), dtype=np.bool_)
    stale, merges = alive.copy(), []
    for _ in range(len(sizes)):
        n_alive = int(alive.sum())
        if n_alive < 2:
            break
        _find_nearest(matrix, names, alive, stale, nearest, distances, stale.sum() * _MANY > n_alive)
        first = _reciprocal(alive, nearest, distances)
        second = nearest[first]
        made = np.maximum(distances[first], np.maximum(heights[first], heights[second]))
        merges.append((names[first], names[second], made))
        heights[first], names[first] = made, np.minimum(names[first], names[second])
        partner = np.full(len(alive), -1)
        partner[first] = second
        stale = _touched(alive, nearest, first, second)
        if len(first) * _MANY > n_alive or 2 * n_alive < len(alive):
            kept = np.flatnonzero(_without(alive, second))
            _shrink(matrix, kept, partner, sizes, average)
            place = np.full(len(alive), -1)
            place[kept] = np.arange(len(kept))
            sizes = sizes[kept] + np.where(partner[kept] >= 0, sizes[partner[kept]], 0)
            names, heights, stale, distances = names[kept], heights[kept], stale[kept], distances[kept]
            nearest, alive = place[nearest[kept]], np.ones(len(kept), dtype=np.bool_)
        else:
            _merge_rows(matrix, first, second, alive, sizes, average)
    return merges


def _touched(
    alive: NDArray[np.bool_], nearest: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which clusters have merged, or had one for their nearest that has."""
    merged = np.zeros(len(alive), dtype=np.bool_)
    merged[first] = merged[second] = True
    return alive & (merged | merged[nearest])


def _without(alive: NDArray[np.bool_], gone: NDArray[np.int64]) -> NDArray[np.bool_]:
    left = alive.copy()
    left[gone] = False
    return left


@compiled
def _find_nearest(
    matrix: Condensed,
    names: NDArray[np.int64],
    alive: NDArray[np.bool_],
    stale: NDArray[np.bool_],
    nearest: NDArray[np.int64],
    distances: NDArray[np.float64],
    all_of_them: bool,
) -> None:
    """The nearest cluster of the stale ones, or of all in one reading of the matrix; ties to the lower name."""
    n = alive.shape[0]
    if all_of_them:
        distances[:] = np.inf
        for one in range(n):
            if not alive[one]:
                continue
            begin, least, found = row_start(one, n), distances[one], nearest[one]
            for other in range(one + 1, n):
                distance = np.float64(matrix[begin + other])
                if not alive[other]:
                    continue
                if distance < least or (distance == least and names[other] < names[found]):
                    least, found = distance, other
                if distance < distances[other] or (distance == distances[other] and names[one] < names[nearest[other]]):
                    distances[other], nearest[other] = distance, one
            distances[one], nearest[one] = least, found
        return
    for one in range(n):
        if not (alive[one] and stale[one]):
            continue
        least, found = np.inf, np.int64(-1)
        for other in range(n):
            if other == one or not alive[other]:
                continue
            distance = np.float64(matrix[entry(one, other, n)])
            if distance < least or (distance == least and names[other] < names[found]):
                least, found = distance, other
        distances[one], nearest[one] = least, found


@compiled
def _reciprocal(
    alive: NDArray[np.bool_], nearest: NDArray[np.int64], distances: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The lower place of each pair; the closest pair alone where equal distances point around in a circle."""
    found = np.empty(alive.shape[0], dtype=np.int64)
    count, closest, least = 0, -1, np.inf
    for one in range(alive.shape[0]):
        if not alive[one]:
            continue
        if one < nearest[one] and nearest[nearest[one]] == one:
            found[count] = one
            count += 1
        if distances[one] < least:
            closest, least = one, distances[one]
    if count == 0:
        # It is the lower place: its partner is as near.
        found[0], count = closest, 1
    return found[:count].copy()


@compiled
def _joined(d1: float, d2: float, m: float, n: float, average: bool) -> float:
    return (m * d1 + n * d2) / (m + n) if average else max(d1, d2)


@compiled
def _merge_rows(
    matrix: Condensed,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    alive: NDArray[np.bool_],
    sizes: NDArray[np.float64],
    average: bool,
) -> None:
    """Merge pairs one by one, each into the place of its first."""
    n = alive.shape[0]
    for pair in range(first.shape[0]):
        one, other = first[pair], second[pair]
        alive[other] = False
        for third in range(n):
            if third == one or not alive[third]:
                continue
            place = entry(one, third, n)
            d1, d2 = np.float64(matrix[place]), np.float64(matrix[entry(other, third, n)])
            matrix[place] = _joined(d1, d2, sizes[one], sizes[other], average)
        sizes[one] += sizes[other]


@compiled
def _shrink(
    matrix: Condensed, kept: NDArray[np.int64], partner: NDArray[np.int64], sizes: NDArray[np.float64], average: bool
) -> None:
    """Write the matrix of the merged clusters over the old one.

    Entry (i, j) goes where pairs no later than (kept[i], kept[j]) stood, and everything still to be read stands later.
    """
    n = partner.shape[0]
    written = 0
    for i in range(kept.shape[0]):
        one = kept[i]
        one_too = partner[one]
        begin, begin_too = row_start(one, n), row_start(one_too, n)
        for j in range(i + 1, kept.shape[0]):
            other = kept[j]
            other_too = partner[other]
            value: float = np.float64(matrix[begin + other])
            if other_too >= 0:
                also = np.float64(matrix[begin + other_too])
                value = _joined(value, also, sizes[other], sizes[other_too], average)
            if one_too >= 0:
                at = begin_too + other if other > one_too else row_start(other, n) + one_too
                below: float = np.float64(matrix[at])
                if other_too >= 0:
                    at = begin_too + other_too if other_too > one_too else row_start(other_too, n) + one_too
                    also = np.float64(matrix[at])
                    below = _joined(below, also, sizes[other], sizes[other_too], average)
                value = _joined(value, below, sizes[one], sizes[one_too], average)
            matrix[written] = value
            written += 1
