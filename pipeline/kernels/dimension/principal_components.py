"""Principal components from block sums: mean and scatter of blocks, merged, then one eigendecomposition."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError, Vectors, as_vectors, require_count, require_finite

BLOCK_ROWS = 2048
"""Blocks start at multiples of this row number, whoever sums them: the sums are then the same bits."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and scatter of some rows: a partial state that merges.

    Attributes
    ----------
    count : int
    mean : float64 [D]
    scatter : float64 [D, D]
        Sum over the rows of ``(x - mean) (x - mean)^T``; the covariance is ``scatter / (count - 1)``.
    """

    count: int
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PrincipalComponents:
    """The principal components of a set of vectors, largest variance first.

    Attributes
    ----------
    mean : float64 [D]
    components : float64 [C, D]
        Unit rows. The entry of the largest magnitude (the first of equals) is positive.
    explained_variance : float64 [C]
        Variance along each component, ``ddof = 1``, in the square of the vectors' unit.
    explained_variance_ratio : float64 [C]
        Share of the total variance; 0 for all where the total is 0.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    explained_variance: NDArray[np.float64]
    explained_variance_ratio: NDArray[np.float64]

    def transform(self, vectors: ArrayLike) -> NDArray[np.float64]:
        """Give the coordinates of rows along the components, float64 [N, C], in blocks of 2,048 rows."""
        array = as_vectors(vectors)
        if array.shape[1] != len(self.mean):
            raise UsageError(f"vectors have {array.shape[1]} features; the components were fitted on {len(self.mean)}")
        coordinates = np.empty((len(array), len(self.components)))
        for start in range(0, len(array), BLOCK_ROWS):
            block = array[start : start + BLOCK_ROWS].astype(np.float64)
            coordinates[start : start + BLOCK_ROWS] = (block - self.mean) @ self.components.T
        return coordinates


def empty_moments(width: int) -> Moments:
    """Give the identity of `merge_moments` for ``width`` features."""
    return Moments(0, np.zeros(width), np.zeros((width, width)))


def block_moments(block: Vectors) -> Moments:
    """Give the moments of a block of rows, float64 throughout."""
    if len(block) == 0:
        return empty_moments(block.shape[1])
    rows = block.astype(np.float64)
    mean = rows.mean(axis=0)
    rows -= mean
    return Moments(len(rows), mean, rows.T @ rows)


def merge_moments(one: Moments, other: Moments) -> Moments:
    """Merge two partial states; merging blocks in row order gives the same bits every time.

    References
    ----------
    T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance", The American
    Statistician 37, 242 (1983), doi 10.1080/00031305.1983.10483115.
    """
    if one.count == 0 or other.count == 0:
        return other if one.count == 0 else one
    count = one.count + other.count
    difference = other.mean - one.mean
    scatter = np.outer(difference, difference * (one.count * (other.count / count)))
    scatter += one.scatter
    scatter += other.scatter
    return Moments(count, one.mean + difference * (other.count / count), scatter)


def fit_pca(vectors: ArrayLike, n_components: int | None = None) -> PrincipalComponents:
    """Fit principal components, equal to scikit-learn's full PCA up to rounding.

    Parameters
    ----------
    vectors : array_like, [N, D]
        At least 2 rows; a memory map is read in blocks of 2,048 rows.
    n_components : int, optional
        1 to ``min(N, D)``; all of these if left out.

    Returns
    -------
    PrincipalComponents

    Raises
    ------
    UsageError
        ``n_components`` out of range.
    InvalidDataError
        Fewer than 2 rows, or a NaN or an infinity.

    Notes
    -----
    ``2 N D^2`` operations and ``4 * 8 D^2 + 16 * 2048 D`` bytes beyond the input.
    """
    array = as_vectors(vectors)
    if len(array) < 2:
        raise InvalidDataError(
            f"principal components need at least 2 rows; found {len(array)} (n_samples={len(array)})"
        )
    n_components = min(array.shape) if n_components is None else n_components
    require_count(n_components, min(array.shape), "n_components")
    require_finite(array)
    moments = empty_moments(array.shape[1])
    for start in range(0, len(array), BLOCK_ROWS):
        moments = merge_moments(moments, block_moments(array[start : start + BLOCK_ROWS]))
    return components_of_moments(moments, n_components)


def components_of_moments(moments: Moments, n_components: int) -> PrincipalComponents:
    """Decompose merged moments: the last step of a distributed fit.

    Raises
    ------
    UsageError
        ``n_components`` outside 1..D.
    InvalidDataError
        The moments of fewer than 2 rows.
    """
    from scipy.linalg import eigh

    require_count(n_components, len(moments.mean), "n_components")
    if moments.count < 2:
        raise InvalidDataError(f"principal components need at least 2 rows; found {moments.count}")
    covariance = moments.scatter / (moments.count - 1)
    total = float(np.trace(covariance))
    width = len(covariance)
    variances, columns = eigh(covariance, subset_by_index=(width - n_components, width - 1), overwrite_a=True)
    # Rounding may leave an eigenvalue of a rank-deficient covariance a little below zero.
    explained = np.maximum(variances[::-1], 0.0)
    components = np.ascontiguousarray(columns[:, ::-1].T)
    largest = np.argmax(np.abs(components), axis=1)
    components *= np.sign(components[np.arange(n_components), largest])[:, None]
    ratio = explained / total if total > 0 else np.zeros(n_components)
    return PrincipalComponents(moments.mean, components, explained, ratio)
