"""Labels from a tree of merges, for one number of clusters or for many in one pass."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.compiled import compiled
from pipeline.kernels.union_find import find_root


def cut_tree(tree: ArrayLike, k: int) -> NDArray[np.int32]:
    """Cut a tree into ``k`` clusters by undoing the last ``k - 1`` merges.

    Parameters
    ----------
    tree : array_like, [N - 1, 4]
        SciPy's format, of any linkage: counting merges is right for trees with inversions too.
    k : int
        1 to the number of distinct rows: merges at height 0 with which the tree begins join equal rows, and no
        partition may tell these apart.

    Returns
    -------
    int32 [N]
        Clusters numbered in the order in which they first appear among the rows.

    Raises
    ------
    UsageError
        ``k`` out of range, or not a tree.
    InvalidDataError
        A height is no number.

    Examples
    --------
    >>> cut_tree([[0, 2, 1.0, 2], [1, 3, 5.0, 3]], 2).tolist()
    [0, 1, 0]
    """
    labels: NDArray[np.int32] = cut_tree_at(tree, [k])[:, 0]
    return labels


def cut_tree_at(tree: ArrayLike, ks: Sequence[int]) -> NDArray[np.int32]:
    """Cut a tree at several numbers of clusters, going through its merges once.

    Parameters
    ----------
    tree : array_like, [N - 1, 4]
    ks : sequence of int
        In any order; each as in `cut_tree`.

    Returns
    -------
    int32 [N, len(ks)]
        Column j is ``cut_tree(tree, ks[j])``; columns are contiguous.

    Raises
    ------
    UsageError, InvalidDataError
        As `cut_tree`.

    Notes
    -----
    Time ``N len(ks)``.
    """
    merges = _checked(tree)
    n_rows, distinct = len(merges) + 1, count_distinct(merges)
    for k in ks:
        if not 1 <= k <= distinct:
            copies = "" if distinct == n_rows else f": {n_rows - distinct} of the {n_rows} rows are copies of others"
            raise UsageError(f"k is {k}; expected 1 to {distinct}{copies}")
    order = np.argsort(-np.asarray(ks, dtype=np.int64), kind="stable")
    labels = np.empty((len(ks), n_rows), dtype=np.int32)
    _label(merges[:, :2].astype(np.int64), np.asarray(ks, dtype=np.int64), order, labels)
    return labels.T


def count_distinct(tree: NDArray[np.float64]) -> int:
    """How many distinct rows a tree joins: rows less the merges at height 0 with which it begins."""
    above = np.flatnonzero(tree[:, 2] > 0)
    return len(tree) + 1 - int(above[0] if len(above) else len(tree))


def count_inversions(tree: ArrayLike) -> int:
    """How many merges are lower than one of the two clusters they join, as centroid linkage makes them.

    Returns
    -------
    int
        0 for every other linkage. A tree with inversions has no partition at a height: cut it with `cut_tree`.
    """
    merges = _checked(tree)
    heights = np.concatenate([np.zeros(len(merges) + 1), merges[:, 2]])
    return int((merges[:, 2] < heights[merges[:, :2].astype(np.int64)].max(axis=1, initial=0.0)).sum())


def _checked(tree: ArrayLike) -> NDArray[np.float64]:
    merges = np.asarray(tree, dtype=np.float64)
    if merges.ndim != 2 or merges.shape[1] != 4:
        raise UsageError(f"the tree has the shape {merges.shape}; expected [rows - 1, 4], as SciPy has it")
    if not np.isfinite(merges).all():
        raise InvalidDataError("the tree holds a NaN or an infinity; build it again")
    made = len(merges) + 1 + np.arange(len(merges))
    if not ((merges[:, :2] >= 0).all() and (merges[:, :2] < made[:, None]).all()):
        raise UsageError("the tree merges a cluster before it is made; expected SciPy's numbers of clusters")
    return merges


@compiled
def _label(
    children: NDArray[np.int64], ks: NDArray[np.int64], order: NDArray[np.int64], labels: NDArray[np.int32]
) -> None:
    n_rows = children.shape[0] + 1
    parents = np.arange(n_rows + children.shape[0])
    label_of = np.empty(n_rows + children.shape[0], dtype=np.int32)
    merge = 0
    for column in order:
        while merge < n_rows - ks[column]:
            parents[children[merge, 0]] = n_rows + merge
            parents[children[merge, 1]] = n_rows + merge
            merge += 1
        label_of[:] = -1
        next_label = 0
        for row in range(n_rows):
            root = find_root(parents, row)
            if label_of[root] < 0:
                label_of[root] = next_label
                next_label += 1
            labels[column, row] = label_of[root]
