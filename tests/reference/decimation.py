"""The course of the 2-NN dimension under decimation in one call; the stage estimates its points in tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import as_vectors, require_count
from pipeline.kernels.dimension.two_nn import MIN_POINTS, subsample_estimate


@dataclass(frozen=True, slots=True)
class DecimationCurve:
    """The 2-NN dimension of random subsamples: dimension against scale.

    Attributes
    ----------
    sizes : int64 [S]
        Points in a subsample.
    mean, spread : float64 [S]
        Mean and standard deviation (``ddof = 1``) over the repeats; the spread of one repeat is NaN.
    estimates : float64 [S, R]
    n_dropped : int64 [S, R]
        Duplicates dropped from each subsample.
    fraction : float
    """

    sizes: NDArray[np.int64]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    estimates: NDArray[np.float64]
    n_dropped: NDArray[np.int64]
    fraction: float


def decimation(
    vectors: ArrayLike, sizes: Sequence[int], *, seed: int, repeats: int = 10, fraction: float = 0.9
) -> DecimationCurve:
    """Estimate the dimension of random subsamples of each size; fewer points look from farther away.

    Parameters
    ----------
    vectors : array_like, [N, D]
    sizes : sequence of int
        Each from 3 to N.
    seed : int
        A subsample depends on (seed, size, repeat) only, not on the other sizes.
    repeats : int
        Subsamples of each size, drawn without replacement.
    fraction : float
        As in `two_nn`.

    Returns
    -------
    DecimationCurve

    Raises
    ------
    UsageError
        A size outside 3..N, ``repeats < 1``, or a bad ``fraction``.
    InvalidDataError
        As `two_nn`, for a subsample; also NaN or infinities.

    Notes
    -----
    Time ``2 D repeats sum(size^2)`` operations; memory of one subsample and its neighbour search.
    """
    array = as_vectors(vectors)
    require_count(repeats, None, "repeats")
    if not sizes or min(sizes) < MIN_POINTS or max(sizes) > len(array):
        raise UsageError(f"the subsample sizes are {list(sizes)}; expected sizes from {MIN_POINTS} to {len(array)}")
    estimates = np.empty((len(sizes), repeats))
    n_dropped = np.empty((len(sizes), repeats), dtype=np.int64)
    for i, size in enumerate(sizes):
        for repeat in range(repeats):
            estimate = subsample_estimate(array, size, seed=seed, repeat=repeat, fraction=fraction)
            estimates[i, repeat], n_dropped[i, repeat] = estimate.dimension, estimate.n_dropped
    return DecimationCurve(
        sizes=np.asarray(sizes, dtype=np.int64),
        mean=estimates.mean(axis=1),
        spread=estimates.std(axis=1, ddof=1) if repeats > 1 else np.full(len(sizes), np.nan),
        estimates=estimates,
        n_dropped=n_dropped,
        fraction=float(fraction),
    )
