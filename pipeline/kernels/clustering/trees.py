"""Trees of merges in SciPy's format, from pairs of rows that were merged."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.clustering.points import DistinctPoints
from pipeline.kernels.compiled import compiled
from pipeline.kernels.union_find import find_root

Merges = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""A point of either cluster, and the height, of each merge."""


def tree_of_merges(points: DistinctPoints, merges: Sequence[Merges], *, by_height: bool = True) -> NDArray[np.float64]:
    """Name clusters as SciPy does; copies of a point come first, at height 0.

    Parameters
    ----------
    points : DistinctPoints
    merges : sequence
        In an order in which no cluster is merged before it is made; heights in units of ``points.rows``.
    by_height : bool
        Sort by height, equal heights in the order given. Right where no height is below that of a part.

    Returns
    -------
    float64 [N - 1, 4]
        Both clusters (the smaller number first), the height, the size.
    """
    extra = np.flatnonzero(points.first[points.of_row] != np.arange(len(points.of_row)))
    parts: list[Merges] = [(points.first[points.of_row[extra]], extra, np.zeros(len(extra)))]
    if merges:
        first, second, heights = (np.concatenate(part) for part in zip(*merges, strict=True))
        order = np.argsort(heights, kind="stable") if by_height else np.arange(len(heights))
        parts.append((points.first[first[order]], points.first[second[order]], points.lengths(heights[order])))
    first, second, heights = (np.concatenate(part) for part in zip(*parts, strict=True))
    children, sizes = _name_clusters(first, second)
    return np.column_stack([children.astype(np.float64), heights, sizes.astype(np.float64)])


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
