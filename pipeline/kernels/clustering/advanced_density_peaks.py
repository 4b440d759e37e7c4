"""Advanced Density Peaks: peaks that the density's error cannot explain, and how high the saddles between them are.

1. Density and error of each point (`point_adaptive_density`); a point counts by its density less its error.
2. A putative centre is denser than all its neighbours, and none that has it for a neighbour is denser. All others
   follow their nearest neighbour that has a cluster, from the densest on.
3. A border point of two clusters has the other cluster's point among its neighbours, and is itself the nearest of its
   cluster to that point. The densest one is the saddle.
4. Two clusters merge where a peak is less than Z times the sum of both errors above the saddle: the highest saddle
   first, the peak of less significance into the other.

"Denser" is the order of (density less error, index): of equals the lower index counts as the denser.

References
----------
M. d'Errico, E. Facco, A. Laio, A. Rodriguez, "Automatic topography of high-dimensional data sets by non-parametric
density peak clustering", Inf. Sci. 560, 476 (2021), doi 10.1016/j.ins.2021.01.010.
"""

import heapq
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.clustering.point_adaptive_density import AdaptiveDensity, adaptive_density
from pipeline.kernels.compiled import compiled

Z = 1.6
"""Errors that a peak must stand above its saddles."""


@dataclass(frozen=True, slots=True)
class PeakTree:
    """How clusters merge as the saddles between them are passed, the highest first.

    Attributes
    ----------
    peaks, into : int64 [M]
        The peak that ends and the one that its points go to: rows.
    saddles : int64 [M]
        The row of the saddle.
    significance : float64 [M]
        Of the peak that ends: its height above the saddle over the sum of both errors.
    n_insignificant : int
        The first so many merges were made at the confidence asked for; the others would follow at a higher one.
    """

    peaks: NDArray[np.int64]
    into: NDArray[np.int64]
    saddles: NDArray[np.int64]
    significance: NDArray[np.float64]
    n_insignificant: int


@dataclass(frozen=True, slots=True)
class AdvancedDensityPeaksResult:
    """An Advanced Density Peaks clustering.

    Attributes
    ----------
    labels : int32 [N]
        Cluster c has the centre ``centers[c]``.
    centers : int64 [n_clusters]
        Rows, ascending.
    halo : bool [N]
        Points that are less dense than the highest saddle of their cluster.
    saddles : int64 [n_clusters, n_clusters]
        Row of the saddle between two clusters; -1 where they do not touch, and on the diagonal.
    density : AdaptiveDensity
    tree : PeakTree
    """

    labels: NDArray[np.int32]
    centers: NDArray[np.int64]
    halo: NDArray[np.bool_]
    saddles: NDArray[np.int64]
    density: AdaptiveDensity
    tree: PeakTree


def advanced_density_peaks(
    indices: ArrayLike, distances: ArrayLike, *, dimension: float, z: float = Z
) -> AdvancedDensityPeaksResult:
    """Cluster by the peaks that stand ``z`` errors above their saddles; their number is found.

    Parameters
    ----------
    indices, distances : array_like, [N, K]
        Nearest neighbours, K at least 4; 100 is usual.
    dimension : float
        Intrinsic dimension.
    z : float
        0 keeps every putative peak.

    Returns
    -------
    AdvancedDensityPeaksResult

    Raises
    ------
    UsageError
        ``z`` negative or not a number, and as `adaptive_density`.
    InvalidDataError
        As `adaptive_density`.

    Notes
    -----
    Time linear in N K, and ``P log P`` for P pairs of putative clusters that touch; memory ``16 N K`` bytes.
    """
    if not (math.isfinite(z) and z >= 0):
        raise UsageError(f"z is {z}; expected a number of 0 or more")
    density = adaptive_density(indices, distances, dimension=dimension)
    neighbours = np.asarray(indices).astype(np.int64, copy=False)
    sure = density.log_density - density.error
    order = np.argsort(-sure, kind="stable")
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    centers, followed = _putative_centers(neighbours, density.n_neighbours, ranks)
    putative = _follow(neighbours, order, centers, followed)
    is_center = np.zeros(len(order), np.bool_)
    is_center[centers] = True
    touching = _border_points(neighbours, density.n_neighbours, putative, is_center)
    borders = _highest(putative, touching, ranks)
    return _merge(density, centers, putative, borders, z)


@compiled
def _putative_centers(
    neighbours: NDArray[np.int64], n_neighbours: NDArray[np.int64], ranks: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that are centres, and for those that another's neighbourhood refutes the densest point that has them."""
    n_points = neighbours.shape[0]
    is_center = np.ones(n_points, np.bool_)
    followed = np.full(n_points, -1, np.int64)
    for point in range(n_points):
        for place in range(n_neighbours[point]):
            if ranks[neighbours[point, place]] < ranks[point]:
                is_center[point] = False
                break
    for point in range(n_points):
        for place in range(n_neighbours[point]):
            center = neighbours[point, place]
            if not is_center[center] or ranks[point] >= ranks[center]:
                continue
            if followed[center] < 0 or ranks[point] < ranks[followed[center]]:
                followed[center] = point
    return np.flatnonzero(is_center & (followed < 0)), followed


@compiled
def _follow(
    neighbours: NDArray[np.int64],
    order: NDArray[np.int64],
    centers: NDArray[np.int64],
    followed: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Number the centres' clusters and hand the numbers on, from the densest point to the least dense."""
    labels = np.full(order.shape[0], -1, np.int64)
    for i in range(centers.shape[0]):
        labels[centers[i]] = i
    for point in order:
        if labels[point] >= 0:
            continue
        for place in range(neighbours.shape[1]):
            if labels[neighbours[point, place]] >= 0:
                labels[point] = labels[neighbours[point, place]]
                break
        if labels[point] < 0:  # a refuted centre among such as are less dense: it follows what refuted it
            labels[point] = labels[followed[point]]
    return labels


@compiled
def _border_points(
    neighbours: NDArray[np.int64],
    n_neighbours: NDArray[np.int64],
    labels: NDArray[np.int64],
    is_center: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """The other cluster that each point is a border point to, or -1."""
    touching = np.full(labels.shape[0], -1, np.int64)
    for point in range(labels.shape[0]):
        if is_center[point]:
            continue
        own, beyond = labels[point], -1
        for place in range(n_neighbours[point]):
            if labels[neighbours[point, place]] != own:
                beyond = neighbours[point, place]
                break
        if beyond < 0:
            continue
        nearest = True
        for place in range(neighbours.shape[1] - 1):
            other = neighbours[beyond, place]
            if other == point:
                break
            if labels[other] == own:
                nearest = False
                break
        if nearest:
            touching[point] = labels[beyond]
    return touching


def _highest(
    labels: NDArray[np.int64], touching: NDArray[np.int64], ranks: NDArray[np.int64]
) -> dict[tuple[int, int], int]:
    """The densest border point of each pair of clusters that touch."""
    points = np.flatnonzero(touching >= 0)
    low = np.minimum(labels[points], touching[points])
    high = np.maximum(labels[points], touching[points])
    order = np.lexsort((ranks[points], high, low))
    low, high, points = low[order], high[order], points[order]
    first = np.ones(len(points), np.bool_)
    first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    pairs = zip(low[first].tolist(), high[first].tolist(), strict=True)
    return dict(zip(pairs, points[first].tolist(), strict=True))


class _Merger:
    """Clusters and the saddles between them, while they merge."""

    def __init__(
        self, density: AdaptiveDensity, centers: NDArray[np.int64], borders: dict[tuple[int, int], int]
    ) -> None:
        self.height = density.log_density.tolist()
        self.error = density.error.tolist()
        self.centers = centers.tolist()
        self.saddles: list[dict[int, int]] = [{} for _ in self.centers]
        for (one, other), point in borders.items():
            self.saddles[one][other] = self.saddles[other][one] = point
        self.parent = list(range(len(self.centers)))
        self.merges: list[tuple[int, int, int, float]] = []

    def significance(self, cluster: int, saddle: int) -> float:
        """How many errors the peak stands above a saddle."""
        center = self.centers[cluster]
        return float((self.height[center] - self.height[saddle]) / (self.error[center] + self.error[saddle]))

    def run(self, z: float) -> None:
        """Merge, the highest saddle first, wherever one of two peaks is of less significance than ``z``."""
        self._heap: list[tuple[float, int, int, int]] = []
        self._z = z
        for one, saddles in enumerate(self.saddles):
            for other in saddles:
                if one < other:
                    self._push(one, other)
        while self._heap:
            _, one, other, saddle = heapq.heappop(self._heap)
            if self.saddles[one].get(other) == saddle:
                self._join(one, other, saddle)

    def _push(self, one: int, other: int) -> None:
        saddle = self.saddles[one][other]
        if min(self.significance(one, saddle), self.significance(other, saddle)) < self._z:
            heapq.heappush(self._heap, (-self.height[saddle], min(one, other), max(one, other), saddle))

    def _join(self, one: int, other: int, saddle: int) -> None:
        kept, ended = (
            (one, other) if self.significance(one, saddle) >= self.significance(other, saddle) else (other, one)
        )
        self.merges.append((self.centers[ended], self.centers[kept], saddle, self.significance(ended, saddle)))
        self.parent[ended] = kept
        del self.saddles[kept][ended], self.saddles[ended][kept]
        moved, self.saddles[ended] = self.saddles[ended], {}
        for third, point in moved.items():
            del self.saddles[third][ended]
            known = self.saddles[kept].get(third)
            if known is None or self.height[known] < self.height[point]:
                self.saddles[kept][third] = self.saddles[third][kept] = point
                self._push(kept, third)

    def roots(self) -> NDArray[np.int64]:
        """The cluster that each putative one has become."""
        found = np.array(self.parent, dtype=np.int64)
        while (found != found[found]).any():
            found = found[found]
        return found


def _merge(
    density: AdaptiveDensity,
    centers: NDArray[np.int64],
    putative: NDArray[np.int64],
    borders: dict[tuple[int, int], int],
    z: float,
) -> AdvancedDensityPeaksResult:
    merger = _Merger(density, centers, borders)
    merger.run(z)
    roots = merger.roots()
    survivors, numbers = np.unique(roots, return_inverse=True)
    labels = numbers[putative].astype(np.int32)
    place = {int(cluster): i for i, cluster in enumerate(survivors)}
    saddles = np.full((len(survivors), len(survivors)), -1, np.int64)
    for cluster, i in place.items():
        for other, point in merger.saddles[cluster].items():
            saddles[i, place[other]] = point
    heights = np.where(saddles >= 0, density.log_density[saddles], -np.inf)
    halo = density.log_density < heights.max(axis=1, initial=-np.inf)[labels]
    insignificant = len(merger.merges)
    merger.run(math.inf)
    return AdvancedDensityPeaksResult(
        labels, centers[survivors], halo, saddles, density, _tree(merger.merges, insignificant)
    )


def _tree(merges: list[tuple[int, int, int, float]], insignificant: int) -> PeakTree:
    rows = np.array([merge[:3] for merge in merges], dtype=np.int64).reshape(-1, 3)
    significance = np.array([merge[3] for merge in merges], dtype=np.float64)
    return PeakTree(rows[:, 0], rows[:, 1], rows[:, 2], significance, insignificant)
