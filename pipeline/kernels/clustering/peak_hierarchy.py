"""All cuts of a decision graph at once: each further centre splits one cluster in two.

Centres are taken by their rank, so that k + 1 clusters have the centres of k clusters and one more. The points that
lead up to the new centre leave the cluster it was in; no other label changes. A tree of k - 1 splits and the labels of
the finest cut hold them all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import require_count
from pipeline.kernels.clustering.density_peaks import DecisionGraph, label_by_centers, rank_peaks


@dataclass(frozen=True, slots=True)
class PeakHierarchy:
    """The cuts into 1 to K clusters.

    Attributes
    ----------
    centers : int64 [K]
        Rows, the most prominent first.
    split_from : int64 [K]
        The cluster that cluster c was part of before there was a centre c: less than c; -1 for cluster 0.
    finest : int32 [N]
        Labels of the cut into K.
    """

    centers: NDArray[np.int64]
    split_from: NDArray[np.int64]
    finest: NDArray[np.int32]

    def labels(self, k: int) -> NDArray[np.int32]:
        """Labels of the cut into ``k`` clusters, int32 [N]: those of `cut_at_peaks`.

        Time ``N + K``.

        Raises
        ------
        UsageError
            ``k`` is not 1 to K.
        """
        require_count(k, len(self.centers), "k")
        cluster_at = np.arange(len(self.centers), dtype=np.int32)
        for cluster in range(k, len(cluster_at)):
            cluster_at[cluster] = cluster_at[self.split_from[cluster]]
        found: NDArray[np.int32] = cluster_at[self.finest]
        return found

    def sizes(self) -> NDArray[np.int64]:
        """Points that went with each centre when it split off, int64 [K]: N for cluster 0.

        They are what it held at the moment of its split, later splits from it included.
        """
        held = np.bincount(self.finest, minlength=len(self.centers)).astype(np.int64)
        for cluster in range(len(held) - 1, 0, -1):
            held[self.split_from[cluster]] += held[cluster]
        return held


def peak_hierarchy(graph: DecisionGraph, k_max: int) -> PeakHierarchy:
    """Build the tree of all cuts into at most ``k_max`` clusters.

    Parameters
    ----------
    graph : DecisionGraph
    k_max : int
        1 to N.

    Raises
    ------
    UsageError
        ``k_max`` out of range.

    Notes
    -----
    Time ``N log N`` for the order of the points, and the steps from each centre up to an earlier one; memory 12 bytes a
    point.

    Examples
    --------
    >>> line = DecisionGraph(np.array([3.0, 2.0, 1.0]), np.array([2.0, 1.0, 1.0]), np.array([-1, 0, 1]))
    >>> tree = peak_hierarchy(line, 2)
    >>> tree.split_from.tolist(), tree.labels(2).tolist(), tree.labels(1).tolist()
    ([-1, 0], [0, 1, 1], [0, 0, 0])
    """
    require_count(k_max, len(graph.density), "k_max")
    centers = rank_peaks(graph)[:k_max]
    finest = label_by_centers(graph, centers)
    above = np.full(k_max, -1, np.int64)
    above[1:] = finest[graph.nearest_denser[centers[1:]]]
    split_from = above.copy()
    for cluster in range(1, k_max):
        while split_from[cluster] > cluster:
            split_from[cluster] = above[split_from[cluster]]
    return PeakHierarchy(centers, split_from, finest)
