"""k-medoids by FasterPAM: k rows to which all others are near, in any distance's own unit.

References
----------
E. Schubert, P. J. Rousseeuw, "Fast and eager k-medoids clustering: O(k) runtime improvement of the PAM, CLARA, and
CLARANS algorithms", Information Systems 101, 101804 (2021), doi 10.1016/j.is.2021.101804.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.clustering.condensed import entry, fill_condensed
from pipeline.kernels.clustering.result import Clustering, checked_rows
from pipeline.kernels.compiled import compiled

MOST_ROWS = 16_384
_LEAST_GAIN = 1e-9


def k_medoids(vectors: ArrayLike, k: int, *, n_init: int = 1, max_sweeps: int = 100, seed: int = 0) -> Clustering:
    """Find k rows of least total distance (not squared) to all rows, by swapping a medoid while that gains.

    Parameters
    ----------
    vectors : array_like, [N, D]
        At most 16,384 rows: all distances are held.
    k : int
        1 to the number of distinct rows.
    n_init : int
        Starts, drawn as k-means++ draws but by distance; the least total is kept, the first of equals.
    max_sweeps : int
        Passes over all rows.
    seed : int

    Returns
    -------
    Clustering
        Label c is the medoid ``medoids[c]`` (int64 [k], ascending); attributes ``total_distance``, ``sweeps``.

    Raises
    ------
    UsageError, StageError, InvalidDataError
        Settings out of range; more than 16,384 rows; a NaN or an infinity.

    Notes
    -----
    A row as near to two medoids goes to the lower one. Time ``N^2 D`` for the distances, ``N^2`` a sweep (commonly
    some 2 to 10 of them); memory ``4 N^2`` bytes (float32), sums in float64.
    """
    if n_init < 1 or max_sweeps < 1:
        raise UsageError(f"n_init is {n_init} and max_sweeps {max_sweeps}; expected at least 1")
    reason = "it holds all distances; take k-means, or a sample"
    found = checked_rows(vectors, "k-medoids", most=MOST_ROWS, reason=reason, k=k)
    n = len(found.rows)
    condensed = np.empty(n * (n - 1) // 2, dtype=np.float32)
    fill_condensed(found.rows, condensed, squared=False)
    distances = np.zeros((n, n), dtype=np.float32)
    _square(condensed, distances)
    del condensed
    best: tuple[float, int, NDArray[np.int64]] | None = None
    for start in range(n_init):
        medoids = _draw(distances, k, np.random.default_rng([seed, start]))
        total, sweeps = _swap(distances, medoids, max_sweeps)
        if best is None or total < best[0]:
            best = total, sweeps, np.sort(medoids)
    assert best is not None
    labels = distances[best[2]].argmin(axis=0).astype(np.int32)
    labels[best[2]] = np.arange(k)
    attributes = {"total_distance": math.ldexp(best[0], found.exponent), "sweeps": best[1]}
    return Clustering(labels, {"medoids": best[2]}, attributes)


def _draw(distances: NDArray[np.float32], k: int, rng: np.random.Generator) -> NDArray[np.int64]:
    chosen = [int(rng.integers(len(distances)))]
    nearest = distances[chosen[0]].astype(np.float64)
    while len(chosen) < k:
        edges = np.cumsum(nearest)
        chosen.append(int(min(np.searchsorted(edges, rng.random() * edges[-1], side="right"), len(edges) - 1)))
        np.minimum(nearest, distances[chosen[-1]], out=nearest)
    return np.array(chosen)


@compiled
def _square(condensed: NDArray[np.float32], distances: NDArray[np.float32]) -> None:
    n = distances.shape[0]
    for row in range(n):
        for column in range(row):
            distances[row, column] = distances[column, row] = condensed[entry(row, column, n)]


@compiled
def _assign(
    distances: NDArray[np.float32],
    medoids: NDArray[np.int64],
    nearest: NDArray[np.int64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    loss: NDArray[np.float64],
) -> float:
    """Nearest medoid and the two least distances of each row; what removing each medoid would add; the total."""
    loss[:] = 0
    total = 0.0
    for row in range(distances.shape[0]):
        first[row] = second[row] = np.inf
        for place in range(medoids.shape[0]):
            distance = np.float64(distances[medoids[place], row])
            if distance < first[row]:
                nearest[row], second[row], first[row] = place, first[row], distance
            elif distance < second[row]:
                second[row] = distance
        loss[nearest[row]] += second[row] - first[row]
        total += first[row]
    return total


@compiled
def _swap(distances: NDArray[np.float32], medoids: NDArray[np.int64], max_sweeps: int) -> tuple[float, int]:
    """Swap eagerly until a whole sweep gains nothing; the total distance, and the sweeps."""
    n, k = distances.shape[0], medoids.shape[0]
    nearest = np.zeros(n, dtype=np.int64)
    first, second, loss, change = np.empty(n), np.empty(n), np.empty(k), np.empty(k)
    total = _assign(distances, medoids, nearest, first, second, loss)
    since, sweeps = 0, 0
    while sweeps < max_sweeps:
        sweeps += 1
        for candidate in range(n):
            since += 1
            if since > n:
                return total, sweeps
            if first[candidate] == 0:
                continue
            gain = 0.0
            change[:] = loss
            for row in range(n):
                distance = np.float64(distances[candidate, row])
                if distance < first[row]:
                    gain += distance - first[row]
                    change[nearest[row]] += first[row] - second[row]
                elif distance < second[row]:
                    change[nearest[row]] += distance - second[row]
            if k == 1:  # its rows have no second medoid: all of them go to the candidate
                gain, change[0] = distances[candidate].sum() - total, 0.0
            place = np.argmin(change)
            if gain + change[place] < -_LEAST_GAIN * total:
                medoids[place] = candidate
                total = _assign(distances, medoids, nearest, first, second, loss)
                since = 0
    return total, sweeps
