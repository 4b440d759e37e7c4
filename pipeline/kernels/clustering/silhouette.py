"""Silhouettes from all distances, of one or several labellings over one pass, in memory linear in the rows.

References
----------
P. J. Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis", Journal of
Computational and Applied Mathematics 20, 53 (1987), doi 10.1016/0377-0427(87)90125-7.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import Vectors, as_codes, as_vectors, require_finite
from pipeline.kernels.clustering.points import centred_rows
from pipeline.kernels.compiled import compiled
from pipeline.kernels.neighbours.exact_search import squared_distance

_TILE_ROWS = 1024
_SUMS_BYTES = 1 << 30
_CANCELS = {"float32": 1e-3, "float64": 1e-6}


@dataclass(frozen=True, slots=True)
class Silhouettes:
    """How much nearer each row is to its own cluster than to the nearest other one.

    Attributes
    ----------
    values : float64 [N]
        -1 to 1; 0 for a row alone in its cluster, NaN for noise.
    mean : float
        Of all rows that are no noise.
    clusters : int64 [k]
        The labels, ascending.
    cluster_means : float64 [k]
        Of the rows of each.
    n_noise : int
        Rows of a negative label: not scored, and in nobody's neighbourhood. A score counts the others only, so read it
        beside this number.
    """

    values: NDArray[np.float64]
    mean: float
    clusters: NDArray[np.int64]
    cluster_means: NDArray[np.float64]
    n_noise: int


def silhouettes(vectors: ArrayLike, labels: ArrayLike) -> Silhouettes:
    """Score one labelling; see `silhouettes_of_all`.

    Examples
    --------
    >>> silhouettes([[0.0], [1.0], [9.0], [-50.0]], [0, 0, 1, -1]).values.round(3).tolist()
    [0.889, 0.875, 0.0, nan]
    """
    return silhouettes_of_all(vectors, [labels])[0]


def silhouettes_of_all(vectors: ArrayLike, labellings: Sequence[ArrayLike]) -> list[Silhouettes]:
    """Score several labellings of the same rows, each distance being computed once.

    With a the mean distance to the other rows of the own cluster and b the least mean distance to the rows of another
    one, a row's silhouette is ``(b - a) / max(a, b)``: 0 where both are 0.

    Parameters
    ----------
    vectors : array_like, [N, D]
        Products are formed in the type of the vectors: float64 gives the digits of float64, float32 errs by some 1e-6
        in a row's silhouette (pairs much nearer to each other than to the mean are computed from differences).
    labellings : sequence of array_like of int, [N]
        Negative is noise. At least 2 clusters and fewer than there are labelled rows.

    Returns
    -------
    list of Silhouettes

    Raises
    ------
    UsageError
        No labelling, one of another length or not of integers, or one with too few or too many clusters.
    InvalidDataError
        A NaN or an infinity.

    Notes
    -----
    Sums are float64, over tiles in a fixed order: the bits do not depend on the other labellings. Time ``N^2 D``
    operations of the vectors' type and, a labelling, ``N^2`` additions. Memory: a copy of the vectors, and 8 bytes for
    each row and cluster of labellings; those beyond 1 GiB take a further pass.
    """
    array = as_vectors(vectors)
    require_finite(array)
    if not labellings:
        raise UsageError("there is no labelling to score; expected at least one")
    coded = [_coded(labels, len(array)) for labels in labellings]
    rows = centred_rows(array)
    results: list[Silhouettes] = []
    for group in _groups(len(array), coded):
        sums = [np.zeros((len(array), len(clusters))) for _, clusters in group]
        _add_distances(rows, [codes for codes, _ in group], sums)
        results += [_score(codes, clusters, total) for (codes, clusters), total in zip(group, sums, strict=True)]
    return results


Coded = tuple[NDArray[np.int32], NDArray[np.int64]]


def _coded(labels: ArrayLike, n_rows: int) -> Coded:
    """Clusters by numbers from 0, -1 for noise; and what they are called."""
    array = np.asarray(labels)
    if array.shape != (n_rows,) or array.dtype.kind not in "iu":
        raise UsageError(f"labels are {array.dtype} of the shape {array.shape}; expected integers, [{n_rows}]")
    labelled = array >= 0
    codes = np.full(n_rows, -1, dtype=np.int32)
    found, clusters = as_codes(array[labelled])
    codes[labelled] = found
    if not 2 <= len(clusters) < len(found):
        raise UsageError(
            f"there are {len(clusters)} clusters of {len(found)} labelled rows; expected 2 to {len(found) - 1}"
        )
    return codes, clusters.astype(np.int64)


def _groups(n_rows: int, coded: Sequence[Coded]) -> list[list[Coded]]:
    groups: list[list[Coded]] = []
    room = 0
    for codes, clusters in coded:
        needed = 8 * n_rows * len(clusters)
        if not groups or room < needed:
            groups.append([])
            room = _SUMS_BYTES
        groups[-1].append((codes, clusters))
        room -= needed
    return groups


def _add_distances(rows: Vectors, labellings: Sequence[NDArray[np.int32]], sums: Sequence[NDArray[np.float64]]) -> None:
    """Add every row's distances to the rows of each cluster, each pair of rows once."""
    norms = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    room = np.empty(_TILE_ROWS * _TILE_ROWS, dtype=rows.dtype)
    for first in range(0, len(rows), _TILE_ROWS):
        ones = rows[first : first + _TILE_ROWS]
        for second in range(first, len(rows), _TILE_ROWS):
            others = rows[second : second + _TILE_ROWS]
            products = room[: len(ones) * len(others)].reshape(len(ones), len(others))
            np.matmul(ones, others.T, out=products)
            _to_distances(products, rows, norms.astype(rows.dtype), first, second, _CANCELS[rows.dtype.name])
            for codes, total in zip(labellings, sums, strict=True):
                _add_tile(products, codes, first, second, total)


@compiled
def _to_distances(products: Vectors, rows: Vectors, norms: Vectors, first: int, second: int, cancels: float) -> None:
    others = norms[second : second + products.shape[1]]
    two, limit = norms.dtype.type(2), norms.dtype.type(cancels)
    for i in range(products.shape[0]):
        values, norm = products[i], norms[first + i]
        near = 0
        for j in range(values.shape[0]):
            total = norm + others[j]
            distance_sq = total - two * values[j]
            near += not distance_sq > limit * total
            values[j] = np.sqrt(max(distance_sq, limit * total))
        if near == 0:
            continue
        for j in range(values.shape[0]):
            total = norm + others[j]
            # What was raised to the limit, its root being rounded.
            if not values[j] * values[j] > limit * total * norms.dtype.type(1.001):
                values[j] = np.sqrt(squared_distance(rows[first + i], rows[second + j]))


@compiled
def _add_tile(distances: Vectors, codes: NDArray[np.int32], first: int, second: int, sums: NDArray[np.float64]) -> None:
    """Add a tile's distances to the sums of its rows and, beside the diagonal, to those of its columns."""
    mirrored = first != second
    for i in range(distances.shape[0]):
        row = first + i
        own = codes[row]
        for j in range(distances.shape[1]):
            column = second + j
            other, distance = codes[column], np.float64(distances[i, j])
            if other >= 0:
                sums[row, other] += distance
            if mirrored and own >= 0:
                sums[column, own] += distance


def _score(codes: NDArray[np.int32], clusters: NDArray[np.int64], sums: NDArray[np.float64]) -> Silhouettes:
    labelled = codes >= 0
    counts = np.bincount(codes[labelled], minlength=len(clusters))
    values = np.full(len(codes), np.nan)
    _rate(codes, counts, sums, values)
    means = np.bincount(codes[labelled], weights=values[labelled], minlength=len(clusters)) / counts
    return Silhouettes(values, float(values[labelled].mean()), clusters, means, int((~labelled).sum()))


@compiled
def _rate(
    codes: NDArray[np.int32], counts: NDArray[np.int64], sums: NDArray[np.float64], values: NDArray[np.float64]
) -> None:
    for row in range(codes.shape[0]):
        own = codes[row]
        if own < 0:
            continue
        if counts[own] == 1:
            values[row] = 0.0
            continue
        inside, outside = sums[row, own] / (counts[own] - 1), np.inf
        for cluster in range(counts.shape[0]):
            if cluster != own:
                outside = min(outside, sums[row, cluster] / counts[cluster])
        larger = max(inside, outside)
        values[row] = (outside - inside) / larger if larger > 0 else 0.0
