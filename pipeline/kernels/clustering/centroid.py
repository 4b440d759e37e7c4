"""Centroid linkage by the generic algorithm: the closest pair of all, one merge at a time.

The distance between centroids is not reducible: a merged cluster can be nearer to a third one than either part was.
So there are no reciprocal pairs to merge at once, and a merge can be lower than one before it (an inversion; see
`pipeline.kernels.clustering.cuts.count_inversions`).

References
----------
D. Müllner, "Modern hierarchical, agglomerative clustering algorithms", arXiv:1109.2378 (2011),
doi 10.48550/arXiv.1109.2378 (the generic algorithm).
R. R. Sokal, C. D. Michener, "A statistical method for evaluating systematic relationships", University of Kansas
Science Bulletin 38, 1409 (1958).
"""

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
from pipeline.kernels.neighbours.exact_search import squared_distance


def centroid_linkage(
    vectors: ArrayLike, *, memory_limit_bytes: int = MEMORY_LIMIT_BYTES, storage: Condensed | None = None
) -> NDArray[np.float64]:
    """Build the tree that always merges the two clusters whose centroids are nearest.

    Parameters
    ----------
    vectors : array_like, [N, D]
        At least 1 row.
    memory_limit_bytes, storage
        As in `pipeline.kernels.clustering.complete_average.condensed_linkage`.

    Returns
    -------
    float64 [N - 1, 4]
        SciPy's format and, up to rounding and the order of ties, its merges, in the order in which they are made.
        Heights can go down: cut the tree by the number of merges (`cut_tree`), never at a height.

    Raises
    ------
    UsageError, InvalidDataError, StageError
        As `condensed_linkage`.

    Notes
    -----
    Ties: equal rows merge first, at height 0; of equally near pairs the one whose lower cluster holds the lowest row,
    then the one whose other cluster does. Squared distances are kept in float64 for up to 16,384 distinct rows, in
    float32 beyond; heights are computed from the centroids in float64.

    Memory: the distances and ``8 N D`` bytes. Time: ``N^2 D`` float64 operations for the distances, and ``N^2``
    updates, half of them scattered.
    """
    points = distinct_points(vectors)
    n = len(points.rows)
    matrix = room_for(n, method="centroid", limit_bytes=memory_limit_bytes, storage=storage)
    fill_condensed(points.rows, matrix, squared=True)
    return tree_of_merges(points, _merge_all(matrix, points.rows, points.copies.astype(np.float64)), by_height=False)


def _merge_all(matrix: Condensed, centroids: NDArray[np.float64], sizes: NDArray[np.float64]) -> list[Merges]:
    """Merge until half of the clusters are gone, write the matrix of the others over the old one, and go on."""
    names, merges = np.arange(len(sizes)), []
    while len(names) > 1:
        n = len(names)
        alive, own_sizes = np.ones(n, dtype=np.bool_), sizes[names]
        found = _merge_half(matrix, centroids, names, own_sizes, alive, (n + 1) // 2)
        merges.append((names[found[0]], names[found[1]], found[2]))
        kept = np.flatnonzero(alive)
        sizes[names] = own_sizes
        names = names[kept]
        _keep(matrix, kept, n)
    return merges


@compiled
def _merge_half(
    matrix: Condensed,
    centroids: NDArray[np.float64],
    names: NDArray[np.int64],
    sizes: NDArray[np.float64],
    alive: NDArray[np.bool_],
    n_merges: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Merge the closest pair so many times, each into the lower place.

    Of each cluster the nearest of a higher place is known, or a distance that it is not below (``stale``).
    """
    n = names.shape[0]
    n_merges = min(n_merges, n - 1)
    first, second = np.empty(n_merges, dtype=np.int64), np.empty(n_merges, dtype=np.int64)
    heights = np.empty(n_merges)
    nearest, distances = np.full(n, -1), np.full(n, np.inf)
    stale = np.zeros(n, dtype=np.bool_)
    for place in range(n - 1):
        _look(matrix, place, n, alive, nearest, distances)
    for merge in range(n_merges):
        one = int(np.argmin(distances))
        while stale[one]:
            _look(matrix, one, n, alive, nearest, distances)
            stale[one] = False
            one = int(np.argmin(distances))
        other = nearest[one]
        first[merge], second[merge] = one, other
        heights[merge] = np.sqrt(squared_distance(centroids[names[one]], centroids[names[other]]))
        _move_centroid(centroids[names[one]], centroids[names[other]], sizes[other] / (sizes[one] + sizes[other]))
        alive[other], distances[other] = False, np.inf
        _update(matrix, one, other, n, sizes, alive, nearest, distances, stale)
        sizes[one] += sizes[other]
    return first, second, heights


@compiled
def _look(
    matrix: Condensed,
    place: int,
    n: int,
    alive: NDArray[np.bool_],
    nearest: NDArray[np.int64],
    distances: NDArray[np.float64],
) -> None:
    """Find the nearest cluster of a higher place, the lowest of equals."""
    begin, least, found = row_start(place, n), np.inf, -1
    for other in range(place + 1, n):
        distance = np.float64(matrix[begin + other])
        if distance < least and alive[other]:
            least, found = distance, other
    nearest[place], distances[place] = found, least


@compiled
def _move_centroid(one: NDArray[np.float64], other: NDArray[np.float64], share: float) -> None:
    for feature in range(one.shape[0]):
        one[feature] += (other[feature] - one[feature]) * share


@compiled
def _update(
    matrix: Condensed,
    one: int,
    other: int,
    n: int,
    sizes: NDArray[np.float64],
    alive: NDArray[np.bool_],
    nearest: NDArray[np.int64],
    distances: NDArray[np.float64],
    stale: NDArray[np.bool_],
) -> None:
    """Write the distances of the merged cluster (Lance and Williams), and what changes for the nearest of others."""
    total = sizes[one] + sizes[other]
    share, other_share = sizes[one] / total, sizes[other] / total
    drop = share * other_share * np.float64(matrix[entry(one, other, n)])
    distances[one], nearest[one], stale[one] = np.inf, -1, False
    for third in range(n):
        if third == one or not alive[third]:
            continue
        place = entry(one, third, n)
        d1, d2 = np.float64(matrix[place]), np.float64(matrix[entry(other, third, n)])
        matrix[place] = max(share * d1 + other_share * d2 - drop, 0.0)
        distance = np.float64(matrix[place])
        if third > one:
            if distance < distances[one]:
                distances[one], nearest[one] = distance, third
            if third < other and nearest[third] == other:
                stale[third] = True
            continue
        if distance < distances[third]:
            distances[third], nearest[third], stale[third] = distance, one, False
        elif distance == distances[third] and one <= nearest[third] and not stale[third]:
            nearest[third] = one
        elif nearest[third] == one or nearest[third] == other:
            stale[third] = True


@compiled
def _keep(matrix: Condensed, kept: NDArray[np.int64], n: int) -> None:
    written = 0
    for i in range(kept.shape[0]):
        begin = row_start(kept[i], n)
        for j in range(i + 1, kept.shape[0]):
            matrix[written] = matrix[begin + kept[j]]
            written += 1
