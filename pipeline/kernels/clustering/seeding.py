"""Where k-means starts: greedy k-means++ and Lloyd's algorithm on a sample of few features, several times.

Starts are cheap where they need not be exact: on a sample, and on its principal components with the length of what
they leave, which keep the inertia of every partition up to what is left (Cohen et al. 2015). The best start's
partition gives centres in all features, and full sweeps go on from there.

References
----------
D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007, doi 10.5555/1283383.1283494.
M. B. Cohen et al., "Dimensionality reduction for k-means clustering and low rank approximation", STOC 2015,
doi 10.1145/2746539.2746569.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import Vectors
from pipeline.kernels.clustering.exchange import exchange_rows
from pipeline.kernels.clustering.lloyd import ArrayReader, Survey, lloyd
from pipeline.kernels.clustering.order_free_sums import add_moved_rows
from pipeline.kernels.neighbours.exact_search import Frame
from pipeline.kernels.neighbours.lower_bounds import contracting_basis, shortened_rows

_COMPONENTS = 32
_SEED_ROWS = 32  # a cluster, for k-means++
_FEWEST_SEED_ROWS = 8192
_START_SWEEPS = 60
_START_TOLERANCE = 1e-3
_MOST_STARTS, _FEWEST_STARTS = 20, 2
_START_WORK = 1 << 32  # multiply-adds: half a second of one core
_ENTRY_COST = 60  # of deciding one entry of a narrow product, in multiply-adds
_SWEEPS_OF_A_START = 30
_EXCHANGE_PASSES = 6
_LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class ShortRows:
    """What starts are tried on.

    Attributes
    ----------
    rows : float32 [n, p]
    scale : float
        Their unit is ``1 / scale`` of the vectors'.
    """

    rows: NDArray[np.float32]
    scale: float


def shorten(sample: Vectors, survey: Survey) -> ShortRows:
    """Principal components of the sample and the length of the remainder; all features where they are as few.

    Time ``12 * 4096 D p + 2 n D p`` operations for p = 32 components of n rows.
    """
    extent = float(np.maximum(survey.high - survey.origin, survey.origin - survey.low).max(initial=0.0))
    scale = math.ldexp(1.0, -max(math.frexp(extent)[1], -500)) if extent > 0 else 1.0
    frame = Frame(survey.origin, scale)
    if sample.shape[1] <= 2 * _COMPONENTS:
        return ShortRows(((sample - survey.origin) * scale).astype(np.float32), scale)
    return ShortRows(shortened_rows(sample, frame, contracting_basis(sample, frame, _COMPONENTS)).rows, scale)


def starts_that_are_cheap(n_rows: int, width: int, k: int) -> int:
    """As many as take 2^32 multiply-adds together (half a second of one core), but 2 to 20."""
    work = n_rows * k * (width + _ENTRY_COST) * _SWEEPS_OF_A_START
    return min(max(_START_WORK // max(work, 1), _FEWEST_STARTS), _MOST_STARTS)


def find_start(
    sample: Vectors, short_rows: ShortRows, survey: Survey, k: int, n_starts: int | None, seed: int
) -> tuple[Vectors, tuple[float, ...]]:
    """Run several starts on a sample's short rows and keep the one of least inertia (the first of equal ones).

    Parameters
    ----------
    sample : float32 or float64 [n, D]
        At least k rows.
    short_rows : ShortRows
        From `shorten`.
    survey : Survey
        Of all rows.
    k : int
    n_starts : int or None
        None: `starts_that_are_cheap`.
    seed : int

    Returns
    -------
    centers : float32 or float64 [k, D]
    inertias : tuple of float
        Of every start on the sample's short rows, in the vectors' unit, the best first.
    """
    short = short_rows.rows
    count = starts_that_are_cheap(len(short), short.shape[1], k) if n_starts is None else n_starts
    generators = [np.random.default_rng([seed, k, i]) for i in range(count)]
    low, high = short.min(axis=0).astype(np.float64), short.max(axis=0).astype(np.float64)
    own = Survey(len(short), low, high, np.mean(short, axis=0, dtype=np.float64), short.dtype)
    seeds = [short[plus_plus(short, k, generator)] for generator in generators]
    ends = lloyd(
        ArrayReader(short),
        own,
        seeds,
        block_rows=len(short),
        max_sweeps=_START_SWEEPS,
        tolerance=_START_TOLERANCE,
        allow_empty=True,
    )
    best = min(range(count), key=lambda i: ends[i].inertia)
    inertias = tuple(sorted(end.inertia / short_rows.scale**2 for end in ends))
    labels = ends[best].labels
    if _LEAST_SHARE * survey.n_rows <= len(sample):
        labels = exchange_rows(sample, labels, k, survey, most_passes=_EXCHANGE_PASSES, tolerance=_START_TOLERANCE)
    return _means_of(sample, labels, survey, k), inertias


def plus_plus(rows: NDArray[np.float32], k: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Greedy k-means++: rows drawn by their squared distance to the nearest drawn before, the best of a few each time.

    Of ``2 + log k`` candidates the one that lowers the sum of squared distances most is taken (the first of equals).
    With more seeds than distinct rows some are the same. On at most ``max(8192, 32 k)`` of the rows; time
    ``2 n k p (2 + log k)`` float32 operations for n of these.

    Returns
    -------
    int64 [k]
        Row numbers.
    """
    chosen = _some_rows(len(rows), k, generator)
    used = rows[chosen]
    norms = np.einsum("ij,ij->i", used, used)
    tries = 2 + int(math.log(k))
    seeds = np.empty(k, np.int64)
    seeds[0] = generator.integers(len(used))
    nearest = _distances_sq(used, norms, seeds[:1])[:, 0]
    for i in range(1, k):
        cumulated = np.cumsum(nearest, dtype=np.float64)
        if not cumulated[-1] > 0:
            seeds[i:] = generator.integers(len(used), size=k - i)
            break
        drawn = np.searchsorted(cumulated, generator.random(tries) * cumulated[-1], side="right")
        candidates = np.minimum(drawn, len(used) - 1)
        closer = np.minimum(_distances_sq(used, norms, candidates), nearest[:, None])
        best = int(np.argmin(closer.sum(axis=0, dtype=np.float64)))
        seeds[i], nearest = candidates[best], closer[:, best]
    return chosen[seeds]


def _some_rows(n_rows: int, k: int, generator: np.random.Generator) -> NDArray[np.int64]:
    wanted = max(_FEWEST_SEED_ROWS, _SEED_ROWS * k)
    if n_rows <= wanted:
        return np.arange(n_rows)
    return np.sort(generator.choice(n_rows, size=wanted, replace=False))


def _distances_sq(
    rows: NDArray[np.float32], norms: NDArray[np.float32], chosen: NDArray[np.int64]
) -> NDArray[np.float32]:
    """By expansion: they only weigh a draw. A chosen row is at no distance of itself."""
    products: NDArray[np.float32] = rows @ rows[chosen].T
    products *= -2
    products += norms[:, None]
    products += norms[chosen]
    products[chosen, np.arange(len(chosen))] = 0
    np.maximum(products, 0, out=products)
    return products


def _means_of(sample: Vectors, labels: NDArray[np.int32], survey: Survey, k: int) -> Vectors:
    """The clusters' means in all features; an empty cluster's is the mean of the sample, to be relocated."""
    grid = survey.grid()
    sums = add_moved_rows(sample, np.full(len(sample), -1, np.int32), labels, grid, k)
    return sums.means(grid, np.broadcast_to(survey.origin.astype(sample.dtype), (k, sample.shape[1])))
