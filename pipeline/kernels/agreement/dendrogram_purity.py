"""How well a tree of clusters keeps together what is labelled alike.

References
----------
K. A. Heller, Z. Ghahramani, "Bayesian hierarchical clustering", ICML 2005, doi 10.1145/1102351.1102389.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.agreement.scores import contingency
from pipeline.kernels.arrays import InvalidDataError


def dendrogram_purity(labels: ArrayLike, deepest: ArrayLike, parents: ArrayLike) -> float:
    """Take all pairs of points with the same label: the mean share of that label in the smallest node that has both.

    Parameters
    ----------
    labels : array_like, [N]
        Integers or text.
    deepest : array_like of int, [N]
        The deepest node of every point.
    parents : array_like of int, [n]
        Parent of every node, before it; negative for roots, of which there may be several: all points are in the whole.

    Returns
    -------
    float
        1 where every label has a node of its own (its points being together before others join them).

    Raises
    ------
    UsageError
        A node stands before its parent, or one is not there.
    InvalidDataError
        No two points have the same label.

    Notes
    -----
    Time ``n C`` for C labels.

    Examples
    --------
    >>> dendrogram_purity(["a", "a", "b", "b"], [1, 1, 2, 2], [-1, 0, 0])
    1.0
    """
    above = np.asarray(parents, np.int64)
    if (above >= np.arange(len(above))).any():
        raise UsageError("a node of the tree stands before its parent; expected parents first")
    counts = _counts(np.asarray(labels), np.asarray(deepest, np.int64), len(above))
    for node in range(len(above) - 1, -1, -1):
        counts[above[node]] += counts[node]  # a root's parent, -1, is the last row: the whole
    joined = counts * (counts - 1) / 2
    apart = joined.copy()  # pairs that are in no child together
    np.subtract.at(apart, above, joined[:-1])
    sizes = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    total = float(joined[-1].sum())
    if total == 0:
        raise InvalidDataError("no two points of the tree have the same label: there is nothing to score")
    return float((apart * (counts / sizes)).sum()) / total


def _counts(labels: NDArray[np.generic], deepest: NDArray[np.int64], n_nodes: int) -> NDArray[np.float64]:
    """Points of every label whose deepest node it is, a row a node; one row more, of zeros, for the whole."""
    if len(deepest) and not 0 <= deepest.min() <= deepest.max() < n_nodes:
        raise UsageError(f"points are in nodes {deepest.min()} to {deepest.max()}; the tree has {n_nodes}")
    table = contingency(deepest, labels, noise="cluster")
    counts = np.zeros((n_nodes + 1, len(table.column_labels)))
    counts[table.row_labels.astype(np.int64)[table.rows], table.columns] = table.counts
    return counts
