"""Where dimension no longer changes with scale: the plateau of a decimation curve, or that there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError

_TOLERANCE = 0.05
_FEWEST_SIZES = 3
_LOW_ABOVE = 5  # up to so many dimensions cubes of 5,000 points read within 5% of the truth


@dataclass(frozen=True, slots=True)
class Plateau:
    """A range of sizes over which estimates agree.

    Attributes
    ----------
    dimension : float
        Mean of the range's means.
    fewest, most : int
        Points of its smallest and largest subsamples.
    """

    dimension: float
    fewest: int
    most: int


def find_plateau(sizes: Sequence[int], means: Sequence[float], errors: Sequence[float]) -> Plateau | None:
    """Find the longest range of neighbouring sizes whose mean estimates agree.

    They agree when the largest and the smallest differ by at most 5% of their mean, or by twice the larger of their
    errors where that is more; but never by more than 15%, so that large errors make no plateau. A plateau has at least
    3 sizes and spans a factor of 4 or more in points. Of equally long ranges the one of more points is taken.

    Parameters
    ----------
    sizes : sequence of int
        Points, in any order, no size twice.
    means, errors : sequence of float
        Mean estimates and their standard errors; NaN means are passed over, NaN errors count as 0.

    Returns
    -------
    Plateau or None

    Raises
    ------
    UsageError
        Sequences of different lengths.

    Examples
    --------
    >>> find_plateau([100, 200, 400, 800], [1.5, 2.0, 2.0, 2.0], [0, 0, 0, 0]).fewest
    200
    """
    if not len(sizes) == len(means) == len(errors):
        raise UsageError(f"{len(sizes)} sizes, {len(means)} means and {len(errors)} errors; expected as many of each")
    order = np.argsort(np.asarray(sizes, dtype=np.int64))
    size, mean = np.asarray(sizes, dtype=np.int64)[order], np.asarray(means, dtype=np.float64)[order]
    error = np.nan_to_num(np.asarray(errors, dtype=np.float64)[order])
    known = np.isfinite(mean)
    size, mean, error = size[known], mean[known], error[known]
    for length in range(len(size), _FEWEST_SIZES - 1, -1):
        for stop in range(len(size), length - 1, -1):
            part = slice(stop - length, stop)
            if size[stop - 1] >= 4 * size[stop - length] and _agree(mean[part], error[part]):
                return Plateau(float(mean[part].mean()), int(size[stop - length]), int(size[stop - 1]))
    return None


def _agree(means: NDArray[np.float64], errors: NDArray[np.float64]) -> bool:
    middle = float(means.mean())
    low, high = int(means.argmin()), int(means.argmax())
    allowed = min(max(_TOLERANCE * middle, 2 * max(errors[low], errors[high])), 3 * _TOLERANCE * middle)
    return float(means[high] - means[low]) <= float(allowed)


READS_LOW = (
    "2-NN reads low in many dimensions and near boundaries: a cube of 18 dimensions reads 14.1 at 5,000 points, and "
    "more points raise it"
)


def dimension_statement(
    sizes: Sequence[int], means: Sequence[float], plateau: Plateau | None, estimates: Sequence[Mapping[str, Any]]
) -> str:
    """Say in words what a decimation curve shows, and what was dropped.

    Parameters
    ----------
    sizes, means
        Of the curve, as `find_plateau` takes them.
    plateau : Plateau or None
    estimates : sequence of mapping
        The fits on all points (``subsample`` -1) with ``n_points`` and ``n_dropped``.
    """
    dropped = max((row["n_dropped"] for row in estimates if row["subsample"] < 0), default=0)
    told = f"{dropped:,} duplicates were dropped. " if dropped else ""
    curve = sorted((size, mean) for size, mean in zip(sizes, means, strict=True) if np.isfinite(mean))
    if len(curve) < _FEWEST_SIZES:
        told += "Too few points for a curve over subsamples; no plateau can be told. "
    elif plateau is not None:
        told += f"A plateau at {plateau.dimension:.1f} from {plateau.fewest:,} to {plateau.most:,} points. "
    else:
        (fewest, low), (most, high) = curve[0], curve[-1]
        told += f"No plateau: {low:.1f} at {fewest:,} points, {high:.1f} at {most:,}. "
    value = max((mean for _, mean in curve), default=0.0) if plateau is None else plateau.dimension
    return told + f"{READS_LOW}." if value > _LOW_ABOVE else told.strip()
