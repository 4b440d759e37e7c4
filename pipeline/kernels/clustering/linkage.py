"""Hierarchical clustering: Ward in linear memory, the other linkages by SciPy, and cuts by merge count.

References
----------
J. H. Ward, "Hierarchical grouping to optimize an objective function", Journal of the American Statistical
Association 58, 236 (1963), doi 10.1080/01621459.1963.10500845.
F. Murtagh, "A survey of recent advances in hierarchical clustering algorithms", The Computer Journal 26, 354
(1983), doi 10.1093/comjnl/26.4.354 (reciprocal nearest neighbours).
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster import hierarchy

from pipeline.errors import StageError, UsageError
from pipeline.kernels.arrays import as_vectors, require_count, require_finite
from pipeline.kernels.compiled import compiled
from pipeline.kernels.union_find import find_root

LinkageMethod = Literal["ward", "single", "complete", "average", "centroid"]

MEMORY_LIMIT_BYTES = 4 << 30
"""What the linkages that hold all distances may take, unless told otherwise: 23,170 rows."""

_QUERY_ROWS = 1024
_CLUSTER_ROWS = 2048


def linkage_matrix(
    vectors: ArrayLike, method: LinkageMethod, *, memory_limit_bytes: int = MEMORY_LIMIT_BYTES
) -> NDArray[np.float64]:
    """Build the tree of merges by one of the linkages (Euclidean).

    Parameters
    ----------
    vectors : array_like, [N, D]
        At least 1 row.
    method : {"ward", "single", "complete", "average", "centroid"}
        ``ward`` is `ward_linkage`. The others are SciPy's, which holds the N (N - 1) / 2 distances twice.
    memory_limit_bytes : int
        The most that those distances may take.

    Returns
    -------
    float64 [N - 1, 4]
        SciPy's format. Centroid trees may have inversions (a merge lower than one before it): cut them with
        `cut_tree`, which counts merges, not by height.

    Raises
    ------
    UsageError
        Another method, or no rows.
    InvalidDataError
        A NaN or an infinity.
    StageError
        The distances would need more than ``memory_limit_bytes``.
    """
    if method not in get_args(LinkageMethod):
        raise UsageError(f"the linkage is {method!r}; expected one of {', '.join(get_args(LinkageMethod))}")
    if method == "ward":
        return ward_linkage(vectors)
    rows = _checked_rows(vectors)
    n_rows = len(rows)
    needed = 8 * n_rows * (n_rows - 1)
    if needed > memory_limit_bytes:
        raise StageError(
            f"{method} linkage of {n_rows:,} rows would hold {needed / 2**30:.1f} GiB of distances, more "
            f"than the limit of {memory_limit_bytes / 2**30:.1f} GiB; use ward, a sample, or a higher limit"
        )
    if n_rows == 1:
        return np.empty((0, 4))
    return np.asarray(hierarchy.linkage(rows, method), dtype=np.float64)


def ward_linkage(vectors: ArrayLike) -> NDArray[np.float64]:
    """Build Ward's tree in memory linear in the number of rows.

    In every round all pairs of clusters that are each other's nearest are merged at once; Ward's distance is
    reducible, so these are the merges that the one-by-one algorithm makes, in another order, and sorting by
    height restores it. Only clusters whose nearest one merged look for a new one, by matrix products of
    centroids in float64; heights come from differences.

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
        A NaN or an infinity.

    Notes
    -----
    Bytes: ``16 N D + 8 * 1024 * 2048 + 8 * 3072 * D``. Time: about ``12 N^2 D`` float64 operations, mostly
    matrix products. Equal distances go to the lower row; two pairs that tie up to rounding may merge in
    either order, like everywhere.
    """
    rows = _checked_rows(vectors)
    forest = _Forest.of_rows(rows)
    merges = []
    alive = np.arange(len(rows))
    stale = alive
    while len(alive) > 1:
        forest.find_nearest(stale, alive)
        first, second = forest.reciprocal_pairs(alive)
        merges.append((first, second, forest.merge(first, second)))
        merged = np.zeros(len(rows), dtype=bool)
        merged[second] = True
        alive = alive[~merged[alive]]
        merged[first] = True
        stale = alive[merged[alive] | merged[forest.nearest[alive]]]
    if not merges:
        return np.empty((0, 4))
    first, second, heights = (np.concatenate(parts) for parts in zip(*merges, strict=True))
    order = np.argsort(heights, kind="stable")
    children, sizes = _name_clusters(first[order], second[order])
    return np.column_stack([children.astype(np.float64), heights[order], sizes.astype(np.float64)])


def cut_tree(tree: ArrayLike, k: int) -> NDArray[np.int32]:
    """Cut a tree into ``k`` clusters by undoing the last ``k - 1`` merges.

    Parameters
    ----------
    tree : array_like, [N - 1, 4]
        SciPy's format, of any linkage: counting merges is right for trees with inversions too.
    k : int
        1 to N.

    Returns
    -------
    int32 [N]
        Clusters numbered in the order in which they first appear among the rows.

    Raises
    ------
    UsageError
        ``k`` out of range, or not a tree.
    """
    merges = np.asarray(tree, dtype=np.float64)
    if merges.ndim != 2 or merges.shape[1] != 4:
        raise UsageError(f"the tree has the shape {merges.shape}; expected [rows - 1, 4], as SciPy has it")
    n_rows = len(merges) + 1
    require_count(k, n_rows, "k")
    children = np.ascontiguousarray(merges[: n_rows - k, :2]).astype(np.int64)
    return _label_by_appearance(children, n_rows)


@dataclass(frozen=True, slots=True)
class _Forest:
    """Clusters under construction; a cluster is known by one of its rows, and lives in that row's place."""

    centroids: NDArray[np.float64]
    sizes: NDArray[np.float64]
    norms: NDArray[np.float64]
    nearest: NDArray[np.int64]
    nearest_distance_sq: NDArray[np.float64]

    @classmethod
    def of_rows(cls, rows: NDArray[np.float64]) -> "_Forest":
        # Centred, so that the expanded distances lose no digits to a common offset.
        centroids = rows - rows.mean(axis=0)
        return cls(
            centroids=centroids,
            sizes=np.ones(len(rows)),
            norms=np.einsum("ij,ij->i", centroids, centroids),
            nearest=np.full(len(rows), -1, dtype=np.int64),
            nearest_distance_sq=np.full(len(rows), np.inf),
        )

    def find_nearest(self, stale: NDArray[np.int64], alive: NDArray[np.int64]) -> None:
        """Find the nearest living cluster (Ward's distance) of each stale one."""
        for query_start in range(0, len(stale), _QUERY_ROWS):
            queries = stale[query_start : query_start + _QUERY_ROWS]
            query_centroids = self.centroids[queries]
            best = np.full(len(queries), np.inf)
            found = np.full(len(queries), -1, dtype=np.int64)
            for start in range(0, len(alive), _CLUSTER_ROWS):
                clusters = alive[start : start + _CLUSTER_ROWS]
                products = query_centroids @ self.centroids[clusters].T
                _nearest_in_tile(products, queries, clusters, self.norms, self.sizes, best, found)
            self.nearest[queries] = found
            self.nearest_distance_sq[queries] = best

    def reciprocal_pairs(self, alive: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give all pairs that are each other's nearest, the lower row first."""
        partner = self.nearest[alive]
        first = alive[(self.nearest[partner] == alive) & (alive < partner)]
        if len(first) == 0:
            # Rounding can make equal distances point around in a circle: the closest pair breaks it.
            one = alive[np.argmin(self.nearest_distance_sq[alive])]
            pair = np.sort([one, self.nearest[one]])
            return pair[:1], pair[1:]
        return first, self.nearest[first]

    def merge(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
        """Merge pairs into the place of the first and give SciPy's heights."""
        weight, other_weight = self.sizes[first], self.sizes[second]
        total = weight + other_weight
        difference = self.centroids[second] - self.centroids[first]
        spread = np.einsum("ij,ij->i", difference, difference)
        self.centroids[first] += difference * (other_weight / total)[:, None]
        self.sizes[first] = total
        merged = self.centroids[first]
        self.norms[first] = np.einsum("ij,ij->i", merged, merged)
        heights: NDArray[np.float64] = np.sqrt(2 * weight * other_weight / total * spread)
        return heights


def _checked_rows(vectors: ArrayLike) -> NDArray[np.float64]:
    array = as_vectors(vectors)
    if len(array) == 0:
        raise UsageError("hierarchical clustering needs at least one row; found none")
    require_finite(array)
    return array.astype(np.float64)


@compiled
def _nearest_in_tile(
    products: NDArray[np.float64],
    queries: NDArray[np.int64],
    clusters: NDArray[np.int64],
    norms: NDArray[np.float64],
    sizes: NDArray[np.float64],
    best: NDArray[np.float64],
    found: NDArray[np.int64],
) -> None:
    tile_norms, tile_sizes = norms[clusters], sizes[clusters]
    for row in range(products.shape[0]):
        query = queries[row]
        norm, size = norms[query], sizes[query]
        least, nearest = best[row], found[row]
        for column in range(products.shape[1]):
            distance_sq = norm + tile_norms[column] - 2.0 * products[row, column]
            distance_sq *= size * tile_sizes[column] / (size + tile_sizes[column])
            if distance_sq < least and clusters[column] != query:
                least, nearest = distance_sq, clusters[column]
        best[row], found[row] = least, nearest


@compiled
def _name_clusters(first: NDArray[np.int64], second: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Turn merges of representative rows into SciPy's cluster numbers and sizes."""
    n_merges = first.shape[0]
    parents = np.arange(2 * n_merges + 1)
    sizes = np.ones(2 * n_merges + 1, dtype=np.int64)
    children = np.empty((n_merges, 2), dtype=np.int64)
    for merge in range(n_merges):
        one, other = find_root(parents, first[merge]), find_root(parents, second[merge])
        new = n_merges + 1 + merge
        parents[one] = new
        parents[other] = new
        sizes[new] = sizes[one] + sizes[other]
        children[merge, 0] = min(one, other)
        children[merge, 1] = max(one, other)
    return children, sizes[n_merges + 1 :]


@compiled
def _label_by_appearance(children: NDArray[np.int64], n_rows: int) -> NDArray[np.int32]:
    parents = np.arange(n_rows + children.shape[0])
    for merge in range(children.shape[0]):
        parents[children[merge, 0]] = n_rows + merge
        parents[children[merge, 1]] = n_rows + merge
    label_of = np.full(n_rows + children.shape[0], -1, dtype=np.int32)
    labels = np.empty(n_rows, dtype=np.int32)
    next_label = 0
    for row in range(n_rows):
        root = find_root(parents, row)
        if label_of[root] < 0:
            label_of[root] = next_label
            next_label += 1
        labels[row] = label_of[root]
    return labels
