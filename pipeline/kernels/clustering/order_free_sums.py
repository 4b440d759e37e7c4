"""Sums of rows that do not depend on the order, the blocks or the workers: every addend is rounded to a common grid.

A float64 holds integers up to 2^53 exactly. Rows are counted in steps of a grid that is so coarse that no sum of all
rows can leave that range, so that every addition is exact, hence associative and commutative, and a row that leaves
a cluster is taken away again without a trace. A mean is off by half a step at most: ``2^-(52 - log2 N)`` of the
largest distance of its column from the origin, 2^-36 for 50,000 rows.

References
----------
J. Demmel, H. D. Nguyen, "Parallel reproducible summation", IEEE Trans. Comput. 64, 2060 (2015),
doi 10.1109/TC.2014.2345391: sums on a grid fixed beforehand are the simplest case.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import Vectors
from pipeline.kernels.compiled import compiled

_MOST_BITS = 51
_ROUNDER = 1.5 * 2.0**52  # added and taken away again, it rounds a float64 to an integer
_LIMB_BITS = 26
_LIMBS = 3


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps that rows are counted in.

    Attributes
    ----------
    origin : float64 [D]
    steps_per_unit : float64 [D]
        Powers of two.
    """

    origin: NDArray[np.float64]
    steps_per_unit: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """Counts and sums of some rows by cluster; of the clusters that have none nothing is kept.

    Attributes
    ----------
    clusters : int64 [C]
        Ascending.
    counts : int64 [C]
        Negative where more rows left than came.
    sums : float64 [C, D]
        Of rows less the grid's origin, in its steps: integers.
    """

    clusters: NDArray[np.int64]
    counts: NDArray[np.int64]
    sums: NDArray[np.float64]

    @classmethod
    def empty(cls, width: int) -> "ClusterSums":
        """The identity of `merge`."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, width)))

    def merge(self, other: "ClusterSums") -> "ClusterSums":
        """Add up: exact, so in whatever order."""
        clusters = np.union1d(self.clusters, other.clusters)
        counts = np.zeros(len(clusters), np.int64)
        sums = np.zeros((len(clusters), self.sums.shape[1]))
        for part in (self, other):
            places = np.searchsorted(clusters, part.clusters)
            counts[places] += part.counts
            sums[places] += part.sums
        return ClusterSums(clusters, counts, sums)

    def counts_of(self, n_clusters: int) -> NDArray[np.int64]:
        """Rows of every cluster, int64 [n_clusters]."""
        counts = np.zeros(n_clusters, np.int64)
        counts[self.clusters] = self.counts
        return counts

    def means(self, grid: Grid, otherwise: Vectors) -> Vectors:
        """Means of every cluster, [k, D] of the type of ``otherwise``, which is taken where a cluster has no rows."""
        filled = self.counts > 0
        means = otherwise.copy()
        means[self.clusters[filled]] = grid.origin + self.sums[filled] / self.counts[filled, None] / grid.steps_per_unit
        return means


def make_grid(origin: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], n_rows: int) -> Grid:
    """Choose the finest steps that the sum of ``n_rows`` rows between ``low`` and ``high`` [D] fits into."""
    reach = np.maximum(high - origin, origin - low)
    exponents = np.frexp(np.maximum(reach, 2.0**-900))[1]
    bits = _MOST_BITS - math.ceil(math.log2(max(n_rows, 2)))
    return Grid(origin, np.ldexp(1.0, bits - exponents))


def add_moved_rows(
    rows: Vectors, before: NDArray[np.int32], after: NDArray[np.int32], grid: Grid, n_clusters: int
) -> ClusterSums:
    """What changes in counts and sums when rows [N, D] go from one cluster to another (-1: from none).

    Time ``2 D`` additions a moved row, memory ``8 D`` bytes a cluster that is touched.
    """
    touched = np.zeros(n_clusters, np.bool_)
    moved = before != after
    touched[after[moved]] = True
    left = before[moved]
    touched[left[left >= 0]] = True
    clusters = np.flatnonzero(touched)
    places = np.full(n_clusters + 1, -1, np.int64)
    places[clusters] = np.arange(len(clusters))
    counts = np.zeros(len(clusters), np.int64)
    sums = np.zeros((len(clusters), rows.shape[1]))
    _add_moved(rows, places[before], places[after], grid.origin, grid.steps_per_unit, counts, sums)
    return ClusterSums(clusters, counts, sums)


@compiled
def _add_moved(
    rows: Vectors,
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    origin: NDArray[np.float64],
    steps_per_unit: NDArray[np.float64],
    counts: NDArray[np.int64],
    sums: NDArray[np.float64],
) -> None:
    for row in range(rows.shape[0]):
        source, target = before[row], after[row]
        if source == target:
            continue
        own = rows[row]
        counts[target] += 1
        gains = sums[target]
        if source < 0:
            for i in range(own.shape[0]):
                gains[i] += ((own[i] - origin[i]) * steps_per_unit[i] + _ROUNDER) - _ROUNDER
            continue
        counts[source] -= 1
        losses = sums[source]
        for i in range(own.shape[0]):
            steps = ((own[i] - origin[i]) * steps_per_unit[i] + _ROUNDER) - _ROUNDER
            gains[i] += steps
            losses[i] -= steps


def exact_total(values: NDArray[np.float64], exponent: int) -> NDArray[np.int64]:
    """Add numbers of ``[0, 2^exponent]`` down to ``2^(exponent - 78)``: three integers, which add in whatever order.

    Limb i counts steps of ``2^(exponent - 26 (i + 1))``; see `total_value`. At most 2^36 numbers.
    """
    limbs = np.zeros(_LIMBS, np.int64)
    rest = values
    for limb in range(_LIMBS):
        step = math.ldexp(1.0, exponent - (limb + 1) * _LIMB_BITS)
        whole = np.rint(rest / step)
        limbs[limb] = whole.astype(np.int64).sum()
        rest = rest - whole * step
    return limbs


def total_value(limbs: NDArray[np.int64], exponent: int) -> float:
    """The float64 next to what `exact_total` added up."""
    steps = sum(int(limb) << (_LIMBS - 1 - i) * _LIMB_BITS for i, limb in enumerate(limbs))
    return math.ldexp(float(steps), exponent - _LIMBS * _LIMB_BITS)
