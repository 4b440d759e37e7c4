"""The density at each point with its error: PAk, the point-adaptive k-nearest-neighbour estimator.

Around a point the neighbours are taken as many as have about its own density (a likelihood-ratio test against the
neighbourhood of the next one); within them the logarithm of the density is taken as linear in the neighbour's number,
which takes away the first-order bias of a gradient.

References
----------
A. Rodriguez, M. d'Errico, E. Facco, A. Laio, "Computing the free energy without collective variables",
J. Chem. Theory Comput. 14, 1206 (2018), doi 10.1021/acs.jctc.7b00916.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.compiled import compiled

FEWEST_NEIGHBOURS = 3

_SIGNIFICANCE = 1e-6  # of the test that ends a neighbourhood (Rodriguez et al. 2018)
_LEAST_SHELL = 1e-14  # of a tie: part of the ball's volume and dimension
_NEWTON_STEPS = 200


@dataclass(frozen=True, slots=True)
class AdaptiveDensity:
    """Densities from neighbourhoods of as many neighbours as fit.

    Attributes
    ----------
    log_density : float64 [N]
        Natural logarithm, of points in the unit of distance to the power of the dimension, over N.
    error : float64 [N]
        Standard error of the logarithm: ``sqrt((4 k + 2) / (k (k - 1)))``.
    n_neighbours : int64 [N]
        k: 3 to K - 1.
    """

    log_density: NDArray[np.float64]
    error: NDArray[np.float64]
    n_neighbours: NDArray[np.int64]


def adaptive_density(indices: ArrayLike, distances: ArrayLike, *, dimension: float) -> AdaptiveDensity:
    """Estimate densities from a table of nearest neighbours.

    Parameters
    ----------
    indices, distances : array_like, [N, K]
        As `pipeline.kernels.neighbours.nearest.nearest_neighbours` gives them, K at least 4 (100 is usual).
    dimension : float
        Intrinsic dimension, greater than 0.

    Returns
    -------
    AdaptiveDensity

    Raises
    ------
    UsageError
        A table of another shape or too narrow, or a dimension out of range.
    InvalidDataError
        A distance that is NaN, infinite or negative.

    Notes
    -----
    A distance of 0 (duplicates) counts as the smallest positive one of the table; tied distances bound a shell of 1e-14
    of its ball times the dimension, so that the density is large there, and finite. Where all distances are 0 every
    density is that of balls of radius 1. Where the correction has no maximum in range the plain density of the k
    neighbours stands.
    Time: some 300 operations a neighbour of each point; memory ``8 N K`` bytes.
    """
    rows, lengths = np.asarray(indices), np.asarray(distances, dtype=np.float64)
    if rows.ndim != 2 or rows.shape != lengths.shape or rows.shape[1] <= FEWEST_NEIGHBOURS:
        raise UsageError(
            f"the neighbour table has shapes {rows.shape} and {lengths.shape}; expected two of [N, K] with K at least "
            f"{FEWEST_NEIGHBOURS + 1}: more rows, or a wider table"
        )
    if rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= len(rows):
        raise UsageError(f"the neighbour table names rows outside 0..{len(rows) - 1}; it belongs to another set")
    if not (math.isfinite(dimension) and dimension > 0):
        raise UsageError(f"the dimension is {dimension}; expected a positive number")
    shortest = _shortest(lengths)
    if np.isnan(shortest):
        raise InvalidDataError("the neighbour table holds a distance that is NaN, infinite or negative")
    log_volumes = np.maximum(lengths, shortest if np.isfinite(shortest) else 1.0)
    np.log(log_volumes, out=log_volumes)
    log_volumes *= dimension  # of balls, but for that of the unit ball
    limits = _log_ratio_limits(rows.shape[1])
    k = _neighbourhoods(rows.astype(np.int64, copy=False), log_volumes, limits)
    log_unit_ball = 0.5 * dimension * math.log(math.pi) - math.lgamma(0.5 * dimension + 1)
    log_density = _corrected(log_volumes, k, dimension) - log_unit_ball - math.log(len(rows))
    return AdaptiveDensity(log_density, np.sqrt((4 * k + 2) / (k * (k - 1.0))), k)


@compiled
def _shortest(distances: NDArray[np.float64]) -> float:
    """The smallest positive distance, infinity where none is; NaN where one is no distance."""
    shortest = np.inf
    for row in range(distances.shape[0]):
        for distance in distances[row]:
            if not 0 <= distance < np.inf:
                return np.nan
            if 0 < distance < shortest:
                shortest = distance
    return shortest


def _log_ratio_limits(width: int) -> NDArray[np.float64]:
    """How far the logarithms of two volumes of k neighbours may be apart, for every k.

    The likelihood ratio ``-2 log L = 4 k log cosh(r / 2)`` of volumes whose logarithms differ by r has one degree of
    freedom; k = 0 is not used.
    """
    threshold = float(chi2.isf(_SIGNIFICANCE, 1))
    k = np.arange(width + 1)
    return np.where(k > 0, 2 * np.arccosh(np.exp(threshold / (4 * np.maximum(k, 1)))), np.inf)


@compiled
def _neighbourhoods(
    indices: NDArray[np.int64], log_volumes: NDArray[np.float64], limits: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The largest k whose volume does not differ significantly from that of the (k + 1)-th neighbour's."""
    n_points, width = indices.shape
    found = np.empty(n_points, np.int64)
    for point in range(n_points):
        k = 3
        while k < width - 1:
            ratio = log_volumes[point, k - 1] - log_volumes[indices[point, k], k - 1]
            if np.abs(ratio) > limits[k]:
                break
            k += 1
        found[point] = k
    return found


@compiled
def _corrected(
    log_volumes: NDArray[np.float64], neighbourhoods: NDArray[np.int64], dimension: float
) -> NDArray[np.float64]:
    """Maximise ``sum_j (b + a j) - v_j exp(b + a j)`` over b and a by Newton's method; b is the log density.

    ``v_j`` is the volume of the shell between neighbours j - 1 and j.
    """
    found = np.empty(log_volumes.shape[0])
    shells = np.empty(log_volumes.shape[1])
    for point in range(log_volumes.shape[0]):
        k = neighbourhoods[point]
        outer = log_volumes[point, k - 1]
        plain = np.log(np.float64(k)) - outer  # the start; shells are counted in its inverse
        inner, usable = 0.0, True
        for j in range(k):
            ball = np.exp(log_volumes[point, j] - outer)
            shells[j] = k * max(ball - inner, ball * dimension * _LEAST_SHELL)
            usable = usable and shells[j] > 1e-300
            inner = ball
        correction = _newton(shells[:k]) if usable else 0.0
        found[point] = plain + correction
    return found


@compiled
def _newton(shells: NDArray[np.float64]) -> float:
    k = shells.shape[0]
    b, a = 0.0, 0.0
    likelihood = _likelihood(shells, b, a)
    for _ in range(_NEWTON_STEPS):
        gradient_b, gradient_a = np.float64(k), k * (k + 1) / 2.0
        h_bb, h_ab, h_aa = 0.0, 0.0, 0.0
        growth, rate = np.exp(b), np.exp(a)
        for j in range(k):
            growth *= rate
            term, number = shells[j] * growth, j + 1.0
            h_bb += term
            h_ab += number * term
            h_aa += number * number * term
        gradient_b -= h_bb
        gradient_a -= h_ab
        if np.abs(gradient_b) < 1e-9 * k and np.abs(gradient_a) < 1e-9 * k * k:
            break
        determinant = h_bb * h_aa - h_ab * h_ab
        if not determinant > 0:
            break
        step_b = (h_aa * gradient_b - h_ab * gradient_a) / determinant
        step_a = (h_bb * gradient_a - h_ab * gradient_b) / determinant
        share = 1.0
        while share > 1e-8:
            better = _likelihood(shells, b + share * step_b, a + share * step_a)
            if better >= likelihood:
                break
            share *= 0.5
        if not share > 1e-8:
            break
        b, a, likelihood = b + share * step_b, a + share * step_a, better
    return b


@compiled
def _likelihood(shells: NDArray[np.float64], b: float, a: float) -> float:
    k = shells.shape[0]
    total: float = k * b + a * (k * (k + 1) / 2.0)
    growth, rate = np.exp(b), np.exp(a)
    for j in range(k):
        growth *= rate
        total -= shells[j] * growth
    return total
