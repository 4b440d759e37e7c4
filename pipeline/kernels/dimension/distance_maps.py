"""Maps of distances: the mean distance between the points of each pair of labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import as_codes, as_vectors, require_finite

_TILE_ROWS = 512


@dataclass(frozen=True, slots=True)
class DistanceMap:
    """Mean distances between labels.

    Attributes
    ----------
    labels : ndarray, [C]
        Sorted.
    counts : int64 [C]
        Points of each label.
    mean : float64 [C, C]
        Symmetric; between different points, so NaN on the diagonal for a label with one point only.
    """

    labels: NDArray[np.generic]
    counts: NDArray[np.int64]
    mean: NDArray[np.float64]


def distance_map(vectors: ArrayLike, labels: ArrayLike) -> DistanceMap:
    """Average the Euclidean distances within and between labels, from differences in float64.

    Parameters
    ----------
    vectors : array_like, [N, D]
    labels : array_like, [N]
        Integers or text.

    Raises
    ------
    UsageError
        Different numbers of vectors and labels.
    InvalidDataError
        A NaN or an infinity.

    Notes
    -----
    ``3 N^2 D`` operations; memory ``8 * 512 N`` and ``8 N D`` bytes. No points give an empty map.

    Examples
    --------
    >>> distance_map([[0.0], [2.0], [5.0]], ["a", "a", "b"]).mean.tolist()
    [[2.0, 4.0], [4.0, nan]]
    """
    from scipy.spatial.distance import cdist

    array = as_vectors(vectors)
    codes, names = as_codes(labels)
    if len(array) != len(codes):
        raise UsageError(f"there are {len(array)} vectors and {len(codes)} labels; expected as many of each")
    require_finite(array)
    order = np.argsort(codes, kind="stable")
    rows, codes = array[order].astype(np.float64), codes[order]
    counts = np.bincount(codes, minlength=len(names))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64) if len(names) else np.empty(0, np.int64)
    total = np.zeros((len(names), len(names)))
    for start in range(0, len(rows), _TILE_ROWS):
        part = slice(start, start + _TILE_ROWS)
        by_label = np.add.reduceat(cdist(rows[part], rows), starts, axis=1)
        np.add.at(total, codes[part], by_label)
    pairs = np.outer(counts, counts) - np.diag(counts)
    with np.errstate(invalid="ignore"):
        mean = np.where(pairs > 0, (total + total.T) / 2 / pairs, np.nan)
    return DistanceMap(names, counts, mean)
