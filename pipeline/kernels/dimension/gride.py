"""Gride: intrinsic dimension from the ratio of distances to two neighbours of any order, hence at any scale.

References
----------
F. Denti, D. Doimo, A. Laio, A. Mira, "The generalized ratios intrinsic dimension estimator", Scientific Reports 12,
20005 (2022), doi 10.1038/s41598-022-20991-1.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.dimension.two_nn import MIN_POINTS

_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class GrideEstimate:
    """The dimension seen between the ``n1``-th and the ``n2``-th neighbour.

    Attributes
    ----------
    dimension, error : float
        Maximum likelihood and its standard error, from the curvature of the likelihood. The points' ratios are taken
        as independent; neighbourhoods that overlap (large ``n2``) make the true error larger.
    n1, n2 : int
    scale : float
        Mean of the two distances over the points: where the dimension was measured, in the unit of the distances.
    n_points, n_dropped : int
        Points used, and points dropped because their ``n1``-th neighbour is at distance 0.
    """

    dimension: float
    error: float
    n1: int
    n2: int
    scale: float
    n_points: int
    n_dropped: int


def gride(distances: ArrayLike, n1: int, n2: int) -> GrideEstimate:
    """Estimate the dimension from ``mu = r[n2] / r[n1]``.

    Where the density is constant up to the ``n2``-th neighbour, ``mu`` has the density
    ``d (mu^d - 1)^(n2 - n1 - 1) / (B(n2 - n1, n1) mu^((n2 - 1) d + 1))``, whose likelihood has one maximum. With
    ``n1 = 1, n2 = 2`` it is the 2-NN dimension by maximum likelihood.

    Parameters
    ----------
    distances : array_like, [N, K]
        To the K nearest other points, ascending, any unit; K at least ``n2``.
    n1, n2 : int
        ``1 <= n1 < n2``; doubling both from (1, 2) on gives the course over scales (`gride_curve`).

    Raises
    ------
    UsageError
        Orders that do not fit the table, or distances that are not ascending, negative or not finite.
    InvalidDataError
        Fewer than 3 points whose ``n1``-th neighbour is not at 0, or all ratios are 1: too few or discrete data.

    Notes
    -----
    As in DADApy the slope of the likelihood counts one point less, which takes the bias from the 2-NN case. Time
    O(N) a step of some ten.

    Examples
    --------
    >>> round(gride([[1.0, 2.0], [1.0, 4.0], [1.0, 2.0], [0.0, 1.0]], 1, 2).dimension, 6)
    0.721348
    """
    table = np.asarray(distances, dtype=np.float64)
    if table.ndim != 2 or not 1 <= n1 < n2 <= table.shape[1]:
        raise UsageError(f"n1 = {n1} and n2 = {n2} of distances [{table.shape}]; expected [N, K] and 1 <= n1 < n2 <= K")
    near, far = table[:, n1 - 1], table[:, n2 - 1]
    wrong = ~((near >= 0) & (far >= near) & (far < np.inf))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise UsageError(
            f"row {row} has the distances {near[row]} and {far[row]}; expected 0 <= r[n1] <= r[n2], finite"
        )
    distinct = near > 0
    near, far = near[distinct], far[distinct]
    log_mu = np.log(far) - np.log(near)
    if len(log_mu) < MIN_POINTS or not log_mu.any():
        raise InvalidDataError(
            f"the dimension between neighbours {n1} and {n2} needs at least {MIN_POINTS} points whose distances "
            f"differ; found {np.count_nonzero(log_mu)} ({len(table) - len(log_mu)} duplicates dropped). The "
            "data are too few or discrete"
        )
    dimension = _likeliest(log_mu, n1, n2)
    return GrideEstimate(
        dimension=dimension,
        error=_standard_error(log_mu, n1, n2, dimension),
        n1=n1,
        n2=n2,
        scale=float((near.mean() + far.mean()) / 2),
        n_points=len(log_mu),
        n_dropped=len(table) - len(log_mu),
    )


def gride_curve(distances: ArrayLike) -> list[GrideEstimate]:
    """Estimate at the orders (1, 2), (2, 4), (4, 8) and so on, as far as the table goes: near to far.

    Raises
    ------
    UsageError, InvalidDataError
        As `gride`; with fewer than 2 columns the list is empty.
    """
    table = np.asarray(distances, dtype=np.float64)
    columns = table.shape[1] if table.ndim == 2 else 0
    return [gride(table, 1 << step, 2 << step) for step in range(max(columns, 1).bit_length() - 1)]


def _likeliest(log_mu: NDArray[np.float64], n1: int, n2: int) -> float:
    """The one root of the likelihood's slope, in logarithms so that no scale is too small or large."""
    from scipy.optimize import brentq

    # At most n2 - n1 - 1 of every (n2 - 1) can be undone by the second term, whence the bracket.
    total = float(log_mu.sum())
    low, high = math.log((len(log_mu) - 1) / ((n2 - 1) * total)) - 1, math.log((n2 - 1) * len(log_mu) / total) + 1
    return math.exp(brentq(lambda x: _slope(log_mu, n1, n2, math.exp(x)), low, high, xtol=_TOLERANCE))


def _slope(log_mu: NDArray[np.float64], n1: int, n2: int, dimension: float) -> float:
    """``d`` times the derivative of the log likelihood by ``d``."""
    x = dimension * log_mu
    between = n2 - n1 - 1
    return len(x) - 1 - (n2 - 1) * float(x.sum()) + between * float(_share_of_growth(x).sum())


def _share_of_growth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """``x / (1 - exp(-x))``, 1 at 0."""
    return np.divide(x, -np.expm1(-x), out=np.ones_like(x), where=x > 0)


def _standard_error(log_mu: NDArray[np.float64], n1: int, n2: int, dimension: float) -> float:
    x = dimension * log_mu
    # x^2 e^x / (e^x - 1)^2, written so that it does not overflow; 1 at 0.
    growth = _share_of_growth(x) ** 2 * np.exp(-x)
    information = len(x) + (n2 - n1 - 1) * float(growth.sum())
    return dimension / math.sqrt(information)
