"""Nearest neighbours the slow and obvious way: every distance in float64, one row at a time."""

import numpy as np
from numpy.typing import NDArray


def brute_force_neighbours(vectors: NDArray[np.generic], k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k nearest other rows of every row, ties by row number; float64 distances."""
    points = np.asarray(vectors, dtype=np.float64)
    n_points = len(points)
    k = min(k, max(n_points - 1, 0))
    indices = np.empty((n_points, k), dtype=np.int64)
    distances = np.empty((n_points, k))
    for i in range(n_points):
        distance_sq = ((points - points[i]) ** 2).sum(axis=1)
        distance_sq[i] = np.inf
        order = np.lexsort((np.arange(n_points), distance_sq))[:k]
        indices[i], distances[i] = order, np.sqrt(distance_sq[order])
    return indices, distances


def brute_force_queries(
    queries: NDArray[np.generic], vectors: NDArray[np.generic], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k nearest rows of every query, ties by row number."""
    points = np.asarray(vectors, dtype=np.float64)
    rows, lengths = [], []
    for query in np.asarray(queries, dtype=np.float64):
        distance_sq = ((points - query) ** 2).sum(axis=1)
        order = np.lexsort((np.arange(len(points)), distance_sq))[:k]
        rows.append(order)
        lengths.append(np.sqrt(distance_sq[order]))
    return np.array(rows, dtype=np.int64), np.array(lengths)
