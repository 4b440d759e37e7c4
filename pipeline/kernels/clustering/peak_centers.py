"""Centres of a decision graph by thresholds, and the halo: what of a cluster is as thin as its border.

References
----------
A. Rodriguez, A. Laio, "Clustering by fast search and find of density peaks", Science 344, 1492 (2014),
doi 10.1126/science.1242072.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.clustering.density_peaks import DecisionGraph, rank_peaks
from pipeline.kernels.compiled import compiled


def centers_above(graph: DecisionGraph, *, density: float, delta: float) -> NDArray[np.int64]:
    """Take the points that exceed both thresholds, the most prominent first: int64 [n_clusters].

    The densest point exceeds the others in both and is the first.

    Parameters
    ----------
    graph : DecisionGraph
    density : float
        Of the logarithm; a point of the same density is not above it.
    delta : float
        Distance to the nearest denser point.

    Raises
    ------
    UsageError
        The densest point is not above both thresholds, or a threshold is NaN.
    """
    above = (graph.density > density) & (graph.delta > delta)
    ranked = rank_peaks(graph)
    if not above[ranked[0]]:
        root = int(ranked[0])
        raise UsageError(
            f"no center is above density {density} and delta {delta}: the densest point, row {root}, has "
            f"{graph.density[root]:.6g} and {graph.delta[root]:.6g}; lower the thresholds"
        )
    found: NDArray[np.int64] = ranked[above[ranked]]
    return found


def peak_halo(
    graph: DecisionGraph, labels: NDArray[np.int32], indices: ArrayLike, reach: ArrayLike
) -> NDArray[np.bool_]:
    """Find the points that are less dense than the densest border point of their cluster: bool [N].

    A border point has a point of another cluster among its first neighbours.

    Parameters
    ----------
    graph : DecisionGraph
    labels : int32 [N]
    indices : array_like, int [N, K]
        Nearest neighbours.
    reach : array_like, int or int [N]
        How many of them count: the k of a density from k neighbours, or as many as lie within the radius of a cut-off.

    Raises
    ------
    UsageError
        Shapes that do not fit, or a reach that is not 0 to K.
    """
    table = np.asarray(indices)
    n_points = len(graph.density)
    if table.ndim != 2 or len(table) != n_points or np.shape(labels) != (n_points,):
        raise UsageError(
            f"the table has the shape {table.shape} and labels {np.shape(labels)}; expected {n_points} rows"
        )
    first = np.broadcast_to(np.asarray(reach, dtype=np.int64), (n_points,))
    if n_points and not 0 <= first.min() <= first.max() <= table.shape[1]:
        raise UsageError(
            f"a reach of {first.min()} to {first.max()} neighbours was asked; expected 0 to {table.shape[1]}"
        )
    border = _at_border(np.asarray(labels), table.astype(np.int64, copy=False), first)
    highest = np.full(int(np.max(labels, initial=0)) + 1, -np.inf)
    np.maximum.at(highest, labels[border], graph.density[border])
    thin: NDArray[np.bool_] = graph.density < highest[labels]
    return thin


@compiled
def _at_border(labels: NDArray[np.int32], table: NDArray[np.int64], reach: NDArray[np.int64]) -> NDArray[np.bool_]:
    found = np.zeros(labels.shape[0], np.bool_)
    for point in range(labels.shape[0]):
        for place in range(reach[point]):
            if labels[table[point, place]] != labels[point]:
                found[point] = True
                break
    return found
