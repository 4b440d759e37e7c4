"""Rows exchanged between clusters while that lowers the inertia: finds better partitions than sweeps of small clusters.

A row draws the mean of its own cluster towards itself. In many features, where rows are about as far from everything,
that alone keeps it: Lloyd's algorithm stops at once at whatever partition it began with. What counts is what the
inertia becomes: a row x goes from its cluster of n rows to another of m, centres c and d, where

    ``m / (m + 1) |x - d|^2 < n / (n - 1) |x - c|^2``

(Hartigan). A partition that no such step improves is also one that Lloyd's algorithm leaves as it is, but not the other
way round (Telgarsky and Vattani 2010). Steps of a tenth of the rows are made at once, since each changes two centres.

Decisions are exact as in `nearest_center`: bounds of float32 products where they part, float64 differences elsewhere.

References
----------
J. A. Hartigan, M. A. Wong, "A k-means clustering algorithm", Appl. Stat. 28, 100 (1979), doi 10.2307/2346830.
M. Telgarsky, A. Vattani, "Hartigan's method: k-means clustering without Voronoi", AISTATS 2010.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import Vectors
from pipeline.kernels.clustering.lloyd import Survey
from pipeline.kernels.clustering.nearest_center import TILE_ROWS, PreparedCenters, framed_rows, prepare_centers
from pipeline.kernels.clustering.order_free_sums import add_moved_rows
from pipeline.kernels.compiled import compiled
from pipeline.kernels.neighbours.exact_search import squared_distance

_PARTS = 10
_ABOVE, _BELOW = 1 + 2.0**-40, 1 - 2.0**-40  # for the rounding of bounds


def exchange_rows(
    rows: Vectors, labels: NDArray[np.int32], k: int, survey: Survey, *, most_passes: int, tolerance: float
) -> NDArray[np.int32]:
    """Exchange rows between clusters, a tenth of the rows after the other.

    Parameters
    ----------
    rows : float32 or float64 [N, D]
    labels : int32 [N]
        0 to k - 1.
    k : int
    survey : Survey
        Of a set that holds these rows.
    most_passes : int
        Over all rows.
    tolerance : float
        It ends when at most this share of the rows changed their cluster in a pass.

    Returns
    -------
    int32 [N]
        No cluster that had rows has lost all of them, none that had none has got any.

    Notes
    -----
    Ties: a row stays; else the lowest cluster. Several rows that go at once may together raise the inertia; a later
    pass mends it, and sweeps follow. Time ``2 N k D`` float32 operations a pass; memory a tenth of the rows, and
    ``24 k D`` bytes.
    """
    frame, grid = survey.frame(), survey.grid()
    labels = labels.copy()
    sums = add_moved_rows(rows, np.full(len(rows), -1, np.int32), labels, grid, k)
    origins = np.broadcast_to(survey.origin.astype(rows.dtype), (k, rows.shape[1]))
    for _ in range(most_passes):
        n_moved = 0
        for part in range(_PARTS):
            own, before = np.ascontiguousarray(rows[part::_PARTS]), labels[part::_PARTS]
            after = _better_clusters(own, before, prepare_centers(sums.means(grid, origins), frame), sums.counts_of(k))
            sums = sums.merge(add_moved_rows(own, before, after, grid, k))
            n_moved += int(np.count_nonzero(after != before))
            labels[part::_PARTS] = after
        if n_moved <= tolerance * len(rows):
            break
    return labels


def _better_clusters(
    rows: Vectors, labels: NDArray[np.int32], centers: PreparedCenters, counts: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Where each row should go, all centres as they are; the last row of a cluster stays."""
    found = labels.copy()
    joining = counts / (counts + 1.0)
    leaving = counts / np.maximum(counts - 1.0, 1.0)
    left = counts.copy()
    for start in range(0, len(rows), TILE_ROWS):
        part = slice(start, start + TILE_ROWS)
        tile = framed_rows(rows[part], centers.frame)
        _exchange(
            tile @ centers.tile,
            np.einsum("ij,ij->i", tile, tile, dtype=np.float64),
            centers.low_norms,
            centers.slack,
            centers.margin,
            centers.frame.scale**-2,
            rows[part],
            centers.values,
            joining,
            leaving,
            left,
            found[part],
        )
    return found


@compiled
def _exchange(
    products: NDArray[np.float32],
    norms: NDArray[np.float64],
    low_norms: NDArray[np.float32],
    slack: NDArray[np.float64],
    margin: float,
    unit_sq: float,
    rows: Vectors,
    centers: Vectors,
    joining: NDArray[np.float64],
    leaving: NDArray[np.float64],
    left: NDArray[np.int64],
    labels: NDArray[np.int32],
) -> None:
    """A cluster without rows has ``joining`` 0: nothing goes there."""
    n_centers = products.shape[1]
    lower = np.empty(n_centers)
    for row in range(products.shape[0]):
        own = labels[row]
        if left[own] < 2:
            continue
        best = leaving[own] * squared_distance(rows[row], centers[own])
        base, share = norms[row] * (1 - margin), 2 * margin * norms[row]
        limit = best
        for j in range(n_centers):
            bound = base + np.float64(low_norms[j]) - 2 * np.float64(products[row, j])
            weight = joining[j] * unit_sq
            lower[j] = weight * bound * _BELOW
            upper = weight * (bound + slack[j] + share) * _ABOVE
            if upper < limit and weight > 0 and j != own:
                limit = upper
        target = own
        for j in range(n_centers):
            if lower[j] <= limit and joining[j] > 0 and j != own:
                cost = joining[j] * squared_distance(rows[row], centers[j])
                if cost < best:
                    best, target = cost, j
        if target != own:
            left[own] -= 1
            left[target] += 1
            labels[row] = target
