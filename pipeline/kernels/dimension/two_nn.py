"""Intrinsic dimension from the two nearest neighbours (2-NN), its error, and its course under decimation.

References
----------
E. Facco, M. d'Errico, A. Rodriguez, A. Laio, "Estimating the intrinsic dimension of datasets by a minimal
neighborhood information", Scientific Reports 7, 12140 (2017), doi 10.1038/s41598-017-11873-y.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError, as_vectors
from pipeline.kernels.neighbours.nearest import nearest_neighbours

MIN_POINTS = 3
"""With fewer points of distinct position neither estimate has a finite error."""

_ROUNDING = 2.0**-19  # 16 units in the last place of float32

COLUMNS = 8
"""Neighbours to search for `distinct_distances`: room for copies of the nearest."""


@dataclass(frozen=True, slots=True)
class TwoNNEstimate:
    """The 2-NN dimension of a set of points, with the data of its fit.

    Attributes
    ----------
    dimension : float
        Slope of the line through the origin of ``-log(1 - F)`` on ``log mu`` over the lowest ``fraction``.
    error : float
        Standard error of ``dimension`` if the model holds (``mu`` Pareto, points independent).
    ml_dimension, ml_error : float
        Maximum likelihood over all ``mu``: ``(n - 1) / sum(log mu)``, unbiased, and its standard error.
    fraction : float
    n_points : int
        Points used: those whose first neighbour is not at distance 0.
    n_fitted : int
        Of these, the lowest ``floor(fraction * n_points)``, which the line was fitted to.
    n_dropped : int
        Duplicates (``r1 = 0``) left out.
    n_tied : int
        Points with ``r1 = r2`` exactly: many of them mean discrete data, where the model does not hold.
    log_mu, minus_log_survival : float64 [n_fitted]
        The fitted points, ``log mu`` ascending.
    """

    dimension: float
    error: float
    ml_dimension: float
    ml_error: float
    fraction: float
    n_points: int
    n_fitted: int
    n_dropped: int
    n_tied: int
    log_mu: NDArray[np.float64]
    minus_log_survival: NDArray[np.float64]


def two_nn(first: ArrayLike, second: ArrayLike, *, fraction: float = 0.9) -> TwoNNEstimate:
    """Estimate the intrinsic dimension from the distances to the two nearest neighbours.

    ``mu = r2 / r1`` is Pareto distributed with the dimension as exponent wherever the density is constant on
    the scale of ``r2``; so ``-log(1 - F(mu))`` against ``log mu`` is a line through the origin.

    Parameters
    ----------
    first, second : array_like, [N]
        Distances to the nearest and second nearest other point, any unit, ``0 <= first <= second``; from
        a neighbour table by `distinct_distances` where rows may have copies.
    fraction : float
        Share of the lowest ``mu`` that is fitted, in (0, 1]. Below 1 the empirical distribution is
        ``F = i / n`` for the i-th smallest of all n, ``i = 1..n`` (as DADApy and scikit-dimension have it).
        At 1 the last of these would be infinite, and ``F = (i - 1) / n`` is taken.

    Returns
    -------
    TwoNNEstimate

    Raises
    ------
    UsageError
        Shapes differ, a distance is negative, not finite or out of order, or ``fraction`` is outside (0, 1].
    InvalidDataError
        Fewer than 3 points with ``first > 0``, or all fitted ``mu`` are 1: too few or discrete data.

    Notes
    -----
    Points with ``first = 0`` are dropped and counted. The estimate assumes a density that is constant over
    ``r2`` and no boundary; with few points in many dimensions it reads low (a cube of 18 dimensions reads
    about 14 at 5,000 points), so give it with its course under decimation.

    Examples
    --------
    >>> two_nn([1.0, 1.0, 1.0, 0.0], [1.5, 2.0, 3.0, 1.0], fraction=1.0).n_dropped
    1
    """
    if not 0 < fraction <= 1:
        raise UsageError(f"fraction is {fraction}; expected more than 0 and at most 1")
    r1, r2 = _checked_distances(first, second)
    distinct = r1 > 0
    n_points = int(distinct.sum())
    n_dropped = len(r1) - n_points
    if n_points < MIN_POINTS:
        raise InvalidDataError(
            f"the 2-NN dimension needs at least {MIN_POINTS} points without a duplicate; found {n_points} "
            f"({n_dropped} duplicates dropped). Use more points"
        )
    log_mu = np.sort(np.log(r2[distinct]) - np.log(r1[distinct]))
    n_tied = int(np.searchsorted(log_mu, 0.0, side="right"))
    n_fitted = min(max(_floor_share(n_points, fraction), 2), n_points)
    fitted, height = log_mu[:n_fitted], _minus_log_survival(n_points, n_fitted, fraction)
    if fitted[-1] == 0:
        raise InvalidDataError(
            f"the two nearest neighbours of {n_tied} of {n_points} points are equally far: the data are "
            "discrete (a grid, counts), and the 2-NN dimension is not defined"
        )
    dimension = float(fitted @ height) / float(fitted @ fitted)
    ml_dimension = (n_points - 1) / float(log_mu.sum())
    return TwoNNEstimate(
        dimension=dimension,
        error=dimension * _relative_error(n_points, height),
        ml_dimension=ml_dimension,
        ml_error=ml_dimension / math.sqrt(n_points - 2),
        fraction=float(fraction),
        n_points=n_points,
        n_fitted=n_fitted,
        n_dropped=n_dropped,
        n_tied=n_tied,
        log_mu=fitted,
        minus_log_survival=height,
    )


def rounding_distance(vectors: ArrayLike) -> float:
    """Give the distance below which two float32 vectors of a network are copies that differ by rounding alone.

    ``2**-19`` of the root mean square length of the rows: 16 units in the last place. One picture, turned or read from
    two files, has vectors that differ by a few of them; with 10% of the rows one unit apart from another row the
    dimension would be 0.1 instead of 5.

    Parameters
    ----------
    vectors : array_like, [N, D]
        Some rows will do; 0 for none.
    """
    array = as_vectors(vectors)
    if len(array) == 0:
        return 0.0
    return float(_ROUNDING * np.sqrt(np.einsum("ij,ij->", array, array, dtype=np.float64) / len(array)))


def distinct_distances(
    indices: ArrayLike, distances: ArrayLike, *, resolution: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read the distances to the two nearest places, which copies make different from two nearest rows.

    A row whose nearest neighbour has a copy elsewhere in the set would see ``r1 = r2``: with 10% of the rows
    copied that alone moves the dimension by 8%. Here copies of the nearest neighbour are passed over.

    Parameters
    ----------
    indices, distances : array_like, [N, K]
        Neighbours as `pipeline.kernels.neighbours.nearest.nearest_neighbours` gives them (ties by row number),
        K at least 2; about 8 leave room for copies.
    resolution : float
        Distances up to this one count as 0: what is no further apart is a copy (`rounding_distance`).

    Returns
    -------
    first, second : float64 [N]
        For `two_nn`. Rows that have a copy keep ``first = 0``; so do rows whose K neighbours are all copies
        of one another, for which the table cannot tell. Both are dropped and counted there.

    Raises
    ------
    UsageError
        Shapes that differ, or fewer than 2 columns.
    """
    rows, lengths = np.asarray(indices), np.asarray(distances, dtype=np.float64)
    if rows.ndim != 2 or rows.shape != lengths.shape or rows.shape[1] < 2:
        raise UsageError(
            f"the neighbour table has the shapes {rows.shape} and {lengths.shape}; expected two of [N, K >= 2]"
        )
    # Each row stands at the place of the lowest row that is a copy of it.
    own = np.arange(len(rows))
    place = np.where(lengths <= resolution, np.minimum(rows, own[:, None]), own[:, None]).min(axis=1)[rows]
    elsewhere = place != place[:, :1]
    column = np.argmax(elsewhere, axis=1)
    first = np.where(elsewhere.any(axis=1) & (lengths[:, 0] > resolution), lengths[:, 0], 0.0)
    return first, lengths[own, column]


def _checked_distances(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r1, r2 = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if r1.ndim != 1 or r1.shape != r2.shape:
        raise UsageError(f"the distances have shapes {r1.shape} and {r2.shape}; expected one equal axis")
    wrong = ~((r1 >= 0) & (r2 >= r1) & (r2 < np.inf))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise UsageError(
            f"row {row} has the distances {r1[row]} and {r2[row]}; expected 0 <= first <= second, both finite"
        )
    return r1, r2


def _floor_share(n_points: int, fraction: float) -> int:
    """Whole number of points in a share; 0.29 of 100 is 29, although the product is 28.999..."""
    return math.floor(n_points * fraction * (1 + 1e-12))


def _minus_log_survival(n_points: int, n_fitted: int, fraction: float) -> NDArray[np.float64]:
    rank = np.arange(1, n_fitted + 1, dtype=np.float64)
    # min(): below 1, rounding up to all points would bring back the infinity that fraction = 1 avoids.
    if fraction == 1 or n_fitted == n_points:
        rank -= 1
    return -np.log1p(-rank / n_points)


def _relative_error(n_points: int, height: NDArray[np.float64]) -> float:
    """Give the standard error of the fitted slope over the slope, to first order in ``1 / n``.

    The sorted ``log mu`` are order statistics of an exponential variable, hence sums of independent spacings
    (Renyi): the j-th has mean and standard deviation ``1 / (n - j + 1)``, in units of ``1 / dimension``. The
    slope is ``sum(x y) / sum(x^2)``; to first order a spacing enters it through every later point.
    """
    later = np.cumsum(height[::-1])[::-1]
    spread = 1.0 / np.arange(n_points, n_points - len(height), -1, dtype=np.float64)
    return float(np.sqrt(np.sum((later * spread) ** 2)) / np.sum(height**2))


def subsample_estimate(
    vectors: ArrayLike, size: int, *, seed: int, repeat: int, fraction: float = 0.9
) -> TwoNNEstimate:
    """Estimate the dimension of one random subsample: a point of its course under decimation.

    Parameters
    ----------
    vectors : array_like, [N, D]
    size : int
        3 to N.
    seed, repeat : int
        With ``size`` these decide the subsample.
    fraction : float
        As in `two_nn`.

    Raises
    ------
    UsageError
        A size outside 3..N, or a bad ``fraction``.
    InvalidDataError
        As `two_nn`, for a subsample; also NaN or infinities.
    """
    array = as_vectors(vectors)
    if not MIN_POINTS <= size <= len(array):
        raise UsageError(f"the subsample size is {size}; expected {MIN_POINTS} to {len(array)}")
    chosen = np.random.default_rng((seed, size, repeat)).choice(len(array), size=size, replace=False, shuffle=False)
    sample = array[np.sort(chosen)]
    table = nearest_neighbours(sample, COLUMNS)
    return two_nn(*distinct_distances(*table, resolution=rounding_distance(sample)), fraction=fraction)
