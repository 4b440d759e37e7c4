"""Densities from all points within a radius: the cut-off and the Gaussian kernel of Density Peaks.

References
----------
A. Rodriguez, A. Laio, "Clustering by fast search and find of density peaks", Science 344, 1492 (2014),
doi 10.1126/science.1242072, and its supplement for the Gaussian kernel.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import Vectors, as_vectors
from pipeline.kernels.compiled import compiled
from pipeline.kernels.neighbours.exact_search import find_frame, squared_distance

Kernel = Literal["cutoff", "gaussian"]

_GAUSSIAN_REACH = 6.5  # radii; beyond it a point weighs less than 5e-19
_TILE_ROWS = 1024
_BAND = 1e-6  # of the squared radius and the norms: what is as near the radius is evaluated from differences


def radius_log_density(
    vectors: ArrayLike,
    indices: ArrayLike,
    distances: ArrayLike,
    *,
    radius: float,
    kernel: Kernel,
    dimension: float,
) -> NDArray[np.float64]:
    """Estimate the logarithm of the density from the points around, the point itself counted.

    ``cutoff``: ``log(n / (N V r^d))`` for n points nearer than r, ``V`` the volume of the unit ball; distances as
    float32. ``gaussian``: ``log(sum exp(-(x / r)^2) / (N (pi r^2)^(d / 2)))``, rounded to float32 so that points with
    the same neighbourhood tie.

    Parameters
    ----------
    vectors : array_like, [N, D]
    indices, distances : array_like, [N, K]
        Nearest neighbours. A row whose K-th neighbour lies beyond the kernel's reach (r; 6.5 r for the Gaussian)
        needs no more than these; the others are compared with all rows.
    radius : float
        ``r > 0``; see `radius_of_mean_neighbours`.
    kernel : {"cutoff", "gaussian"}
    dimension : float
        Adds a constant only.

    Returns
    -------
    float64 [N]

    Raises
    ------
    UsageError
        Shapes that do not fit, or a radius or a dimension that is not positive.
    InvalidDataError
        A NaN or an infinity, or distances that do not fit into float32.

    Notes
    -----
    Time linear in the table where it is wide enough, and ``2 N D`` float64 operations for each row where it is not;
    memory ``8 * 1024 N`` bytes at most.
    """
    array, table = as_vectors(vectors), np.asarray(distances, dtype=np.float64)
    if kernel not in ("cutoff", "gaussian"):
        raise UsageError(f"the kernel is {kernel!r}; expected 'cutoff' or 'gaussian'")
    for value, name in ((radius, "radius"), (dimension, "dimension")):
        if not (math.isfinite(value) and value > 0):
            raise UsageError(f"the {name} is {value}; expected a positive number")
    n_points = len(array)
    if table.ndim != 2 or len(table) != n_points or np.shape(indices) != table.shape:
        raise UsageError(
            f"the neighbour table has shapes {np.shape(indices)} and {table.shape}; expected two of [{n_points}, K]"
        )
    if n_points == 0:
        return np.empty(0)
    weights = _weights(table, radius, kernel).sum(axis=1)
    reach = radius if kernel == "cutoff" else _GAUSSIAN_REACH * radius
    complete = np.full(n_points, table.shape[1] >= n_points - 1)
    if table.shape[1]:
        complete |= table[:, -1] >= reach
    _compare_with_all(array, np.flatnonzero(~complete), radius, kernel, weights)
    if kernel == "cutoff":
        log_volume = 0.5 * dimension * math.log(math.pi) - math.lgamma(0.5 * dimension + 1)
        log_volume += dimension * math.log(radius)
        density: NDArray[np.float64] = np.log(1 + weights) - math.log(n_points) - log_volume
        return density
    log_volume = 0.5 * dimension * math.log(math.pi) + dimension * math.log(radius)
    rounded = np.log1p(weights).astype(np.float32).astype(np.float64)
    shifted: NDArray[np.float64] = rounded - math.log(n_points) - log_volume
    return shifted


def radius_of_mean_neighbours(distances: ArrayLike, mean_neighbours: float) -> float:
    """Find the radius within which points have so many neighbours on average (1% to 2% of N is usual).

    Parameters
    ----------
    distances : array_like, [N, K]
        Ascending along rows.
    mean_neighbours : float
        More than 0, less than K.

    Raises
    ------
    UsageError
        Out of range, or the table is too narrow: some row has all of its K neighbours within the radius found.
    """
    table = np.asarray(distances, dtype=np.float64)
    if table.ndim != 2 or not table.size or not 0 < mean_neighbours < table.shape[1]:
        raise UsageError(
            f"a mean of {mean_neighbours} neighbours was asked of a table of the shape {table.shape}; "
            "expected more than 0 and fewer than its columns"
        )
    place = min(math.ceil(mean_neighbours * len(table)), table.size - 1)
    radius = float(np.partition(table.ravel(), place)[place])
    if table.shape[1] < len(table) - 1 and (table[:, -1] < radius).any():
        raise UsageError(
            f"within {radius:.6g} some points have more than the {table.shape[1]} neighbours of the table; "
            "make it wider, or ask for fewer"
        )
    if radius == 0:
        raise UsageError("the radius found is 0: most points are duplicates; ask for more neighbours")
    return radius


def _weights(distances: NDArray[np.float64], radius: float, kernel: Kernel) -> NDArray[np.float64]:
    if kernel == "cutoff":
        return (distances < radius).astype(np.float64)
    weights: NDArray[np.float64] = np.exp(-((distances / radius) ** 2))
    return weights


def _compare_with_all(
    vectors: Vectors, rows: NDArray[np.int64], radius: float, kernel: Kernel, weights: NDArray[np.float64]
) -> None:
    """Replace some rows' weights by those over all other rows."""
    if not len(rows):
        return
    frame = find_frame(vectors)
    moved = vectors - frame.origin
    norms = np.einsum("ij,ij->i", moved, moved)
    for start in range(0, len(rows), _TILE_ROWS):
        part = rows[start : start + _TILE_ROWS]
        distances_sq = moved[part] @ moved.T
        distances_sq *= -2
        distances_sq += norms[part, None]
        distances_sq += norms
        distances_sq[np.arange(len(part)), part] = np.inf
        if kernel == "cutoff":
            weights[part] = _count_nearer(vectors, part, distances_sq, norms, radius)
        else:
            lengths = np.sqrt(np.maximum(distances_sq, 0)).astype(np.float32)  # as the table's
            weights[part] = _weights(lengths.astype(np.float64), radius, kernel).sum(axis=1)


@compiled
def _count_nearer(
    vectors: Vectors,
    rows: NDArray[np.int64],
    distances_sq: NDArray[np.float64],
    norms: NDArray[np.float64],
    radius: float,
) -> NDArray[np.float64]:
    counts = np.zeros(rows.shape[0])
    radius_sq = radius * radius
    for i in range(rows.shape[0]):
        for other in range(distances_sq.shape[1]):
            band = _BAND * (radius_sq + 1e-6 * (norms[rows[i]] + norms[other]))
            difference = distances_sq[i, other] - radius_sq
            if difference > band:
                continue
            if difference >= -band:
                distance = np.sqrt(squared_distance(vectors[rows[i]], vectors[other]))
                if not np.float64(np.float32(distance)) < radius:
                    continue
            counts[i] += 1
    return counts
