"""Do points of one label lie closer together? The correlation of distances with the 0/1 label distance."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError, as_codes, as_vectors, require_count, require_finite

_TILE_ROWS = 1024


@dataclass(frozen=True, slots=True)
class LabelDistanceCorrelation:
    """How distances between points go with their labels being different.

    Attributes
    ----------
    correlation : float
        Pearson's, over all pairs of the points used; NaN where either side is constant (one label only, all
        labels different, or all distances equal).
    n_points : int
        Points used.
    n_same, n_different : int
        Pairs with the same label, and with different ones.
    mean_same, mean_different : float
        Mean distance of these pairs, in the vectors' unit; NaN without such pairs.
    """

    correlation: float
    n_points: int
    n_same: int
    n_different: int
    mean_same: float
    mean_different: float


@dataclass(frozen=True, slots=True)
class _Moments:
    """Count, mean and sum of squared deviations of some numbers; merges."""

    count: int = 0
    mean: float = 0.0
    deviation_sq: float = 0.0

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "_Moments":
        if len(values) == 0:
            return cls()
        mean = float(values.mean())
        return cls(len(values), mean, float(np.sum((values - mean) ** 2)))

    def merge(self, other: "_Moments") -> "_Moments":
        count = self.count + other.count
        if count == 0:
            return self
        difference = other.mean - self.mean
        weight = other.count / count
        deviation_sq = self.deviation_sq + other.deviation_sq + difference**2 * self.count * weight
        return _Moments(count, self.mean + difference * weight, deviation_sq)


def distance_label_correlation(
    vectors: ArrayLike, labels: ArrayLike, *, seed: int, max_points: int = 8192
) -> LabelDistanceCorrelation:
    """Correlate pairwise Euclidean distances with the label distance (0 for the same label, else 1).

    Parameters
    ----------
    vectors : array_like, [N, D]
    labels : array_like, [N]
        Integers or text; points with a negative integer have no label and are left out.
    seed : int
        Chooses the points where there are more than ``max_points``.
    max_points : int
        At least 2; so many points are drawn without replacement.

    Returns
    -------
    LabelDistanceCorrelation

    Raises
    ------
    UsageError
        Lengths differ, or ``max_points < 2``.
    InvalidDataError
        Fewer than 2 labelled points, or a NaN or an infinity among them.

    Notes
    -----
    Distances are expanded in float64 after centring, good to about 1e-8 of the largest; one tile of
    1,024 x 1,024 is held at a time: ``16 n D + 32 * 1024^2`` bytes for n points used.
    Time ``n^2 D`` operations.
    """
    array, names = as_vectors(vectors), np.asarray(labels)
    if names.shape != (len(array),):
        raise UsageError(f"there are {len(array)} vectors and labels of the shape {names.shape}")
    require_count(max_points - 1, None, "max_points - 1")
    used = np.flatnonzero(names >= 0) if names.dtype.kind == "i" else np.arange(len(names))
    if len(used) > max_points:
        used = np.sort(np.random.default_rng(seed).choice(used, size=max_points, replace=False))
    if len(used) < 2:
        raise InvalidDataError(f"distances need at least 2 labelled points; found {len(used)}")
    codes, _ = as_codes(names[used])
    chosen = array[used]
    require_finite(chosen)
    rows = chosen.astype(np.float64)
    rows -= rows.mean(axis=0)
    return _correlate(*_pair_moments(rows, codes), n_points=len(rows))


def _pair_moments(rows: NDArray[np.float64], codes: NDArray[np.int64]) -> tuple[_Moments, _Moments]:
    same, different = _Moments(), _Moments()
    norms = np.einsum("ij,ij->i", rows, rows)
    for i in range(0, len(rows), _TILE_ROWS):
        for j in range(i, len(rows), _TILE_ROWS):
            one, other = slice(i, i + _TILE_ROWS), slice(j, j + _TILE_ROWS)
            tile = rows[one] @ rows[other].T
            tile *= -2
            tile += norms[one, None]
            tile += norms[other]
            equal = codes[one, None] == codes[other]
            # Within a diagonal tile each pair is there twice, and each point with itself.
            wanted = np.triu(np.ones(tile.shape, dtype=np.bool_), k=1) if i == j else True
            distances = np.sqrt(np.maximum(tile, 0.0, out=tile), out=tile)
            same = same.merge(_Moments.of(distances[equal & wanted]))
            different = different.merge(_Moments.of(distances[~equal & wanted]))
    return same, different


def _correlate(same: _Moments, different: _Moments, *, n_points: int) -> LabelDistanceCorrelation:
    """Pearson's correlation with a 0/1 variable, from the moments of both groups."""
    both = same.merge(different)
    correlation = math.nan
    if same.count and different.count and both.deviation_sq > 0:
        spread = math.sqrt(both.deviation_sq / both.count)
        share = (same.count / both.count) * (different.count / both.count)
        correlation = (different.mean - same.mean) * math.sqrt(share) / spread
    return LabelDistanceCorrelation(
        correlation=correlation,
        n_points=n_points,
        n_same=same.count,
        n_different=different.count,
        mean_same=same.mean if same.count else math.nan,
        mean_different=different.mean if different.count else math.nan,
    )
