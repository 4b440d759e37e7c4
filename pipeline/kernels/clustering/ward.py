"""Ward's tree in memory linear in the number of rows, from certified lists of nearest clusters.

Ward's distance is reducible: two clusters that are each other's nearest stay so until they merge, whatever else
merges, and a merged cluster is at least as far from any other as the nearer of its parts was. So all such pairs merge
at once, and lists of near clusters with a limit on how near any other can be stay true while clusters merge: the list
of a merged cluster comes from its parts' lists, its limit from theirs by the formula of Lance and Williams. Only a
cluster whose list has run out is searched again (`pipeline.kernels.clustering.near_clusters`).

References
----------
J. H. Ward, "Hierarchical grouping to optimize an objective function", Journal of the American Statistical
Association 58, 236 (1963), doi 10.1080/01621459.1963.10500845.
F. Murtagh, "A survey of recent advances in hierarchical clustering algorithms", The Computer Journal 26, 354
(1983), doi 10.1093/comjnl/26.4.354 (reciprocal nearest neighbours).
G. N. Lance, W. T. Williams, "A general theory of classificatory sorting strategies", The Computer Journal 9, 373
(1967), doi 10.1093/comjnl/9.4.373.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.kernels.clustering.near_clusters import Bounds, Lists, fill_list, scan, ward_distances
from pipeline.kernels.clustering.points import distinct_points
from pipeline.kernels.clustering.trees import Merges, tree_of_merges
from pipeline.kernels.compiled import compiled
from pipeline.kernels.neighbours.certified_search import certified_neighbours, prepare_search
from pipeline.kernels.union_find import find_root

_LIST_LENGTH = 24
_LIMIT_ALLOWANCE = 1 - 1e-12


def ward_linkage(vectors: ArrayLike) -> NDArray[np.float64]:
    """Build Ward's tree in memory linear in the number of rows.

    Parameters
    ----------
    vectors : array_like, [N, D]
        At least 1 row.

    Returns
    -------
    float64 [N - 1, 4]
        SciPy's format: both clusters (the smaller number first), the height, the size. Equal to
        ``scipy.cluster.hierarchy.linkage(vectors, "ward")`` up to rounding and the order of equal heights.

    Raises
    ------
    UsageError
        No rows.
    InvalidDataError
        A NaN or an infinity, or distances beyond float64.

    Notes
    -----
    Ties: equal rows merge first, at height 0; of equally near clusters the one that holds the lowest row is taken as
    the nearest; what ties up to rounding may merge in either order, like everywhere.

    Bytes beyond the input: ``8 N D`` for the centroids, ``4 N w`` for the float32 rows (w = 17 to 129, or D where no
    projection shortens the data), some ``5000 N`` while the first neighbours are searched. Time: that search
    (`pipeline.kernels.neighbours.nearest`), then about one product of ``2 N^2 w`` float32 operations.
    """
    points = distinct_points(vectors)
    if len(points.rows) == 1:
        return tree_of_merges(points, [])
    forest = _Forest.of_points(points.rows, points.copies.astype(np.float64))
    alive = np.arange(len(points.rows))
    stale = alive
    merges = []
    while len(alive) > 1:
        forest.find_nearest(stale, alive)
        merged, alive, stale = forest.merge_pairs(alive)
        merges.append(merged)
    return tree_of_merges(points, merges)


@dataclass(frozen=True, slots=True)
class _Forest:
    """Clusters under construction; a cluster is known by its lowest row, and lives in that row's place."""

    centroids: NDArray[np.float64]
    sizes: NDArray[np.float64]
    heights: NDArray[np.float64]
    parents: NDArray[np.int64]
    nearest: NDArray[np.int64]
    distances: NDArray[np.float64]
    bounds: Bounds
    lists: Lists
    marks: NDArray[np.int64]

    @classmethod
    def of_points(cls, rows: NDArray[np.float64], copies: NDArray[np.float64]) -> "_Forest":
        n = len(rows)
        length = min(_LIST_LENGTH, n - 1)
        found, distances_sq = certified_neighbours(rows, length, prepare_search(rows, length))
        # Any farther row weighs at least 1.
        limits = np.full(n, np.inf) if length == n - 1 else distances_sq[:, -1] * copies / (copies + 1)
        others = copies[found]
        lists = Lists(
            rows=found.astype(np.int32),
            distances=distances_sq * (copies[:, None] * others / (copies[:, None] + others)),
            sizes=others,
            counts=np.full(n, length, dtype=np.int64),
            limits=limits,
        )
        return cls(
            centroids=rows,
            sizes=copies,
            heights=np.zeros(n),
            parents=np.arange(n),
            nearest=np.full(n, -1, dtype=np.int64),
            distances=np.full(n, np.inf),
            bounds=Bounds.of_rows(rows),
            lists=lists,
            marks=np.full(n + 1, -1, dtype=np.int64),
        )

    def find_nearest(self, stale: NDArray[np.int64], alive: NDArray[np.int64]) -> None:
        """Find the nearest living cluster of each stale one."""
        proven = self._look_up(stale)
        open_ones = stale[~proven]
        if len(open_ones):
            scan(open_ones, alive, np.arange(len(self.sizes)), self.centroids, self.sizes, self.bounds, self.lists)
            self._look_up(open_ones)

    def _look_up(self, stale: NDArray[np.int64]) -> NDArray[np.bool_]:
        lists = self.lists
        return _refresh(
            stale, self.centroids, self.sizes, self.parents, lists.rows, lists.distances, lists.sizes, lists.counts,
            lists.limits, self.nearest, self.distances, self.marks,
        )  # fmt: skip

    def merge_pairs(self, alive: NDArray[np.int64]) -> tuple[Merges, NDArray[np.int64], NDArray[np.int64]]:
        """Merge all pairs that are each other's nearest: the merges, the living, those of them to look at again."""
        first = _reciprocal(alive, self.nearest, self.distances)
        second = self.nearest[first]
        lower = np.minimum(first, second)
        first, second = lower, first + second - lower
        apart = self.distances[first].copy()
        weights = self.sizes[first].copy(), self.sizes[second].copy()
        self._move(first, second)
        lists = self.lists
        _merge_lists(
            first, second, apart, *weights, self.centroids, self.sizes, self.parents, lists.rows, lists.distances,
            lists.sizes, lists.counts, lists.limits, self.marks,
        )  # fmt: skip
        heights = np.maximum(np.sqrt(2 * apart), np.maximum(self.heights[first], self.heights[second]))
        self.heights[first] = heights
        alive, stale = _living(alive, first, second, self.nearest, self.marks)
        return (first, second, heights), alive, stale

    def _move(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> None:
        total = self.sizes[first] + self.sizes[second]
        _move_centroids(first, second, self.centroids, self.sizes[second] / total)
        self.sizes[first] = total
        self.parents[second] = first
        self.bounds.update(first, self.centroids[first])


@compiled
def _move_centroids(
    first: NDArray[np.int64], second: NDArray[np.int64], centroids: NDArray[np.float64], share: NDArray[np.float64]
) -> None:
    for pair in range(first.shape[0]):
        one, other, weight = centroids[first[pair]], centroids[second[pair]], share[pair]
        for feature in range(one.shape[0]):
            one[feature] += (other[feature] - one[feature]) * weight


@compiled
def _reciprocal(
    alive: NDArray[np.int64], nearest: NDArray[np.int64], distances: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The lower row of each pair; the closest cluster alone where equal distances point around in a circle."""
    found = np.empty(alive.shape[0], dtype=np.int64)
    count, closest = 0, alive[0]
    for cluster in alive:
        if cluster < nearest[cluster] and nearest[nearest[cluster]] == cluster:
            found[count] = cluster
            count += 1
        if distances[cluster] < distances[closest]:
            closest = cluster
    if count == 0:
        found[0], count = closest, 1
    return found[:count]


@compiled
def _living(
    alive: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    nearest: NDArray[np.int64],
    marks: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What is left alive, and those of it that merged or whose nearest did."""
    stamp = marks[-1] = marks[-1] + 2
    for pair in range(first.shape[0]):
        marks[first[pair]], marks[second[pair]] = stamp - 1, stamp
    living, stale = np.empty(alive.shape[0], dtype=np.int64), np.empty(alive.shape[0], dtype=np.int64)
    n_living = n_stale = 0
    for cluster in alive:
        if marks[cluster] == stamp:
            continue
        living[n_living] = cluster
        n_living += 1
        if marks[cluster] == stamp - 1 or marks[nearest[cluster]] >= stamp - 1:
            stale[n_stale] = cluster
            n_stale += 1
    return living[:n_living].copy(), stale[:n_stale].copy()


@compiled
def _refresh(
    stale: NDArray[np.int64],
    centroids: NDArray[np.float64],
    sizes: NDArray[np.float64],
    parents: NDArray[np.int64],
    list_rows: NDArray[np.int32],
    list_distances: NDArray[np.float64],
    list_sizes: NDArray[np.float64],
    list_counts: NDArray[np.int64],
    list_limits: NDArray[np.float64],
    nearest: NDArray[np.int64],
    distances: NDArray[np.float64],
    marks: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Replace listed clusters by what they have become, and take the nearest; False where the list cannot tell."""
    proven = np.zeros(stale.shape[0], dtype=np.bool_)
    length = list_rows.shape[1]
    rows, exact = np.empty(length, dtype=np.int64), np.empty(length)
    changed, changed_exact = np.empty(length, dtype=np.int64), np.empty(length)
    for place in range(stale.shape[0]):
        cluster = stale[place]
        count, n_changed = 0, 0
        stamp = marks[-1] = marks[-1] + 1
        for entry in range(list_counts[cluster]):
            row = find_root(parents, int(list_rows[cluster, entry]))
            if row == cluster or marks[row] == stamp:
                continue
            marks[row] = stamp
            if row == list_rows[cluster, entry] and sizes[row] == list_sizes[cluster, entry]:
                rows[count], exact[count] = row, list_distances[cluster, entry]
                count += 1
            else:
                changed[n_changed] = row
                n_changed += 1
        ward_distances(cluster, changed[:n_changed], centroids, sizes, changed_exact)
        rows[count : count + n_changed] = changed[:n_changed]
        exact[count : count + n_changed] = changed_exact[:n_changed]
        count += n_changed
        least = fill_list(
            cluster, rows[:count], exact, list_limits[cluster], sizes,
            list_rows, list_distances, list_sizes, list_counts, list_limits,
        )  # fmt: skip
        if count and least <= list_limits[cluster]:
            proven[place] = True
            nearest[cluster], distances[cluster] = list_rows[cluster, 0], least
    return proven


@compiled
def _merge_lists(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    apart: NDArray[np.float64],
    first_sizes: NDArray[np.float64],
    second_sizes: NDArray[np.float64],
    centroids: NDArray[np.float64],
    sizes: NDArray[np.float64],
    parents: NDArray[np.int64],
    list_rows: NDArray[np.int32],
    list_distances: NDArray[np.float64],
    list_sizes: NDArray[np.float64],
    list_counts: NDArray[np.int64],
    list_limits: NDArray[np.float64],
    marks: NDArray[np.int64],
) -> None:
    """Give each merged cluster what its parts' lists have become, and the limit that theirs allow."""
    length = list_rows.shape[1]
    rows, exact = np.empty(2 * length, dtype=np.int64), np.empty(2 * length)
    for pair in range(first.shape[0]):
        one, other = first[pair], second[pair]
        stamp = marks[-1] = marks[-1] + 1
        count = 0
        for part in (one, other):
            for entry in range(list_counts[part]):
                row = find_root(parents, int(list_rows[part, entry]))
                if row == one or marks[row] == stamp:
                    continue
                marks[row] = stamp
                rows[count] = row
                count += 1
        ward_distances(one, rows[:count], centroids, sizes, exact)
        limit = _merged_limit(
            list_limits[one], list_limits[other], apart[pair], first_sizes[pair], second_sizes[pair], sizes.shape[0]
        )
        fill_list(
            one, rows[:count], exact, limit, sizes, list_rows, list_distances, list_sizes, list_counts, list_limits
        )


@compiled
def _merged_limit(one: float, other: float, apart: float, m: float, n: float, most: int) -> float:
    """The least distance from a merged cluster of one that is at least so far from either part.

    With a third cluster of s rows: ``((m + s) d1 + (n + s) d2 - s apart) / (m + n + s)``, monotone in s.
    """
    if one == np.inf or other == np.inf:
        return np.inf  # all clusters are listed
    few = ((m + 1) * one + (n + 1) * other - apart) / (m + n + 1)
    many = ((m + most) * one + (n + most) * other - most * apart) / (m + n + most)
    return max(min(few, many), 0.0) * _LIMIT_ALLOWANCE
