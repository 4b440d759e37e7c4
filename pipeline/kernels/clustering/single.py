"""Single linkage: the minimum spanning tree from exact neighbours, proven by how far these reach (Boruvka).

In every round each tree of the forest takes the shortest edge that leaves it. Lists of exact neighbours give it
wherever some row has a listed neighbour outside its tree that is no farther than every other row's list reaches;
rows that this leaves open are searched again for the nearest rows outside of their tree
(`pipeline.kernels.clustering.near_clusters`).

References
----------
W. B. March, P. Ram, A. G. Gray, "Fast Euclidean minimum spanning tree: algorithm, analysis, and applications",
Proceedings of KDD 2010, 603, doi 10.1145/1835804.1835882.
J. C. Gower, G. J. S. Ross, "Minimum spanning trees and single linkage cluster analysis", Applied Statistics 18, 54
(1969), doi 10.2307/2346439.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.clustering.near_clusters import Bounds, Lists, scan
from pipeline.kernels.clustering.points import DistinctPoints, distinct_points
from pipeline.kernels.clustering.trees import tree_of_merges
from pipeline.kernels.compiled import compiled
from pipeline.kernels.neighbours.certified_search import certified_neighbours, prepare_search
from pipeline.kernels.neighbours.exact_search import squared_distances
from pipeline.kernels.union_find import find_root

_LIST_LENGTH = 16


def single_linkage(vectors: ArrayLike, *, neighbours: ArrayLike | None = None) -> NDArray[np.float64]:
    """Build the tree of single linkage (the smallest distance) in memory linear in the number of rows.

    Parameters
    ----------
    vectors : array_like, [N, D]
        At least 1 row.
    neighbours : array_like of int, [N, K], optional
        The exact nearest other rows of every row, nearest first, as
        `pipeline.kernels.neighbours.nearest.nearest_neighbours` gives them; the first 16 are used. Spares the search.

    Returns
    -------
    float64 [N - 1, 4]
        SciPy's format; heights equal SciPy's up to rounding, and so do the clusters at every height.

    Raises
    ------
    UsageError
        No rows, or neighbours of another shape.
    InvalidDataError
        A NaN or an infinity, or distances beyond float64.

    Notes
    -----
    Ties: the spanning tree and its merges take edges by length, then the lower row, then the other.

    Memory beyond the input: ``8 N D`` bytes, ``4 N w`` for float32 rows of w features and some ``1000 N``. Time after
    the neighbours: ``2 N n w`` float32 operations, n rows being left open by their lists (few where clusters touch;
    about all of them once or twice where they lie apart).
    """
    points = distinct_points(vectors)
    n = len(points.rows)
    if n == 1:
        return tree_of_merges(points, [])
    lists = _own_lists(points) if neighbours is None else _given_lists(points, np.asarray(neighbours))
    edges = _spanning_tree(points.rows, lists)
    lengths = np.sqrt(edges[2])
    order = np.lexsort((edges[1], edges[0], lengths))
    return tree_of_merges(points, [(edges[0][order], edges[1][order], lengths[order])])


def _own_lists(points: DistinctPoints) -> Lists:
    n = len(points.rows)
    length = min(_LIST_LENGTH, n - 1)
    found, distances_sq = certified_neighbours(points.rows, length, prepare_search(points.rows, length))
    limits = np.full(n, np.inf) if length == n - 1 else distances_sq[:, -1].copy()
    return Lists(found.astype(np.int32), distances_sq, np.ones((n, length)), np.full(n, length), limits)


def _given_lists(points: DistinctPoints, neighbours: NDArray[np.int64]) -> Lists:
    n_rows, n = len(points.of_row), len(points.rows)
    if neighbours.ndim != 2 or len(neighbours) != n_rows or neighbours.shape[1] < 1:
        raise UsageError(f"neighbours have the shape {neighbours.shape}; expected [{n_rows}, at least 1]")
    if neighbours.dtype.kind not in "iu" or neighbours.min() < 0 or neighbours.max() >= n_rows:
        raise UsageError(f"neighbours are no row numbers; expected integers from 0 to {n_rows - 1}")
    listed = points.of_row[neighbours[points.first, :_LIST_LENGTH]]
    rows = np.zeros(listed.shape, dtype=np.int32)
    distances_sq, counts, limits = np.full(listed.shape, np.inf), np.zeros(n, dtype=np.int64), np.empty(n)
    _take_neighbours(points.rows, listed, rows, distances_sq, counts, limits)
    if neighbours.shape[1] == n_rows - 1 and n_rows - 1 <= _LIST_LENGTH:
        limits[:] = np.inf
    return Lists(rows, distances_sq, np.ones(listed.shape), counts, limits)


def _spanning_tree(
    rows: NDArray[np.float64], lists: Lists
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Both rows (the lower first) and the squared length of the n - 1 edges."""
    n = len(rows)
    parents, everyone, twos = np.arange(n), np.arange(n), np.full(n, 2.0)
    edges = np.empty((n - 1, 2), dtype=np.int64)
    lengths_sq = np.empty(n - 1)
    bounds: Bounds | None = None
    count = 0
    while count < n - 1:
        trees = _roots(parents)
        best = _shortest(trees, lists.rows, lists.distances, lists.counts)
        unproven = _unproven(trees, best[0], lists.rows, lists.distances, lists.counts, lists.limits)
        if len(unproven):
            bounds = Bounds.of_rows(rows) if bounds is None else bounds
            # Clusters of two rows each: their weight, 2 * 2 / (2 + 2), is 1.
            scan(unproven, everyone, trees, rows, twos, bounds, lists)
            best = _shortest(trees, lists.rows, lists.distances, lists.counts)
        chosen = np.flatnonzero(np.isfinite(best[0]))
        order = chosen[np.lexsort((best[2][chosen], best[1][chosen], best[0][chosen]))]
        count = _join(order, *best, parents, edges, lengths_sq, count)
    return edges[:, 0], edges[:, 1], lengths_sq


@compiled
def _take_neighbours(
    rows: NDArray[np.float64],
    listed: NDArray[np.int64],
    list_rows: NDArray[np.int32],
    distances_sq: NDArray[np.float64],
    counts: NDArray[np.int64],
    limits: NDArray[np.float64],
) -> None:
    """Evaluate tables of neighbours in float64; copies of the row itself are left out."""
    exact = np.empty(listed.shape[1])
    for row in range(rows.shape[0]):
        squared_distances(rows[row], rows, listed[row], exact)
        limits[row] = exact[-1]
        order = np.argsort(exact, kind="mergesort")
        for place in order:
            if listed[row, place] != row:
                list_rows[row, counts[row]], distances_sq[row, counts[row]] = listed[row, place], exact[place]
                counts[row] += 1


@compiled
def _roots(parents: NDArray[np.int64]) -> NDArray[np.int64]:
    roots = np.empty_like(parents)
    for row in range(parents.shape[0]):
        roots[row] = find_root(parents, row)
    return roots


@compiled
def _shortest(
    trees: NDArray[np.int64],
    list_rows: NDArray[np.int32],
    distances_sq: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """The shortest listed edge that leaves each tree: squared length, lower row, other row."""
    n = trees.shape[0]
    best, low, high = np.full(n, np.inf), np.full(n, n), np.full(n, n)
    for row in range(n):
        tree = trees[row]
        for place in range(counts[row]):
            length_sq = distances_sq[row, place]
            if length_sq > best[tree]:
                break
            other = np.int64(list_rows[row, place])
            if trees[other] == tree:
                continue
            one, two = min(row, other), max(row, other)
            if length_sq < best[tree] or one < low[tree] or (one == low[tree] and two < high[tree]):
                best[tree], low[tree], high[tree] = length_sq, one, two
    return best, low, high


@compiled
def _unproven(
    trees: NDArray[np.int64],
    best: NDArray[np.float64],
    list_rows: NDArray[np.int32],
    distances_sq: NDArray[np.float64],
    counts: NDArray[np.int64],
    limits: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Rows outside of whose tree something may be nearer than the first they list, and than their tree's edge."""
    found = np.empty(trees.shape[0], dtype=np.int64)
    count = 0
    for row in range(trees.shape[0]):
        if not limits[row] < best[trees[row]]:
            continue
        nearest = np.inf
        for place in range(counts[row]):
            if trees[list_rows[row, place]] != trees[row]:
                nearest = distances_sq[row, place]
                break
        if nearest > limits[row]:
            found[count] = row
            count += 1
    return found[:count].copy()


@compiled
def _join(
    order: NDArray[np.int64],
    lengths_sq: NDArray[np.float64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    parents: NDArray[np.int64],
    edges: NDArray[np.int64],
    kept_sq: NDArray[np.float64],
    count: int,
) -> int:
    """Join trees by their edges, shortest first, where these still join two; how many edges there are now."""
    for tree in order:
        one, other = find_root(parents, low[tree]), find_root(parents, high[tree])
        if one == other:
            continue
        parents[max(one, other)] = min(one, other)
        edges[count, 0], edges[count, 1], kept_sq[count] = low[tree], high[tree], lengths_sq[tree]
        count += 1
    return count
