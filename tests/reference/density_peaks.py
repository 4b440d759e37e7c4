"""Density Peaks the slow and obvious way: all distances, one point at a time, recursion-free labels."""

import math

import numpy as np
from numpy.typing import NDArray


def brute_force_density_peaks(
    vectors: NDArray[np.generic],
    n_clusters: int,
    dimension: float,
    k_density: int = 0,
    *,
    kernel: str = "neighbours",
    radius: float = 0.0,
) -> dict[str, NDArray[np.generic]]:
    """density (log), delta, nearest_denser, centers and labels, by the definitions.

    Distances are those of the table of neighbours: rounded to float32.
    """
    points = np.asarray(vectors, dtype=np.float64)
    distances = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2)).astype(np.float32).astype(np.float64)
    density = brute_force_density(distances, dimension, k_density, kernel, radius)
    return brute_force_cut(density, distances, n_clusters)


def brute_force_density(
    distances: NDArray[np.float64], dimension: float, k_density: int, kernel: str, radius: float
) -> NDArray[np.float64]:
    """The logarithm of the density."""
    n_points = len(distances)
    volume = math.pi ** (dimension / 2) / math.gamma(dimension / 2 + 1)
    if kernel == "cutoff":
        counts = np.array([(row < radius).sum() for row in distances])  # the point itself included
        return np.log(counts / (n_points * volume * radius**dimension))
    if kernel == "gaussian":
        weights = np.array([math.log(np.exp(-((row / radius) ** 2)).sum()) for row in distances])
        norm = n_points * (math.pi * radius**2) ** (dimension / 2)
        return weights.astype(np.float32).astype(np.float64) - math.log(norm)
    reach = np.array([np.sort(np.delete(row, i))[k_density - 1] for i, row in enumerate(distances)])
    if not reach.any():
        return np.zeros(n_points)
    reach = np.maximum(reach, reach[reach > 0].min())
    return np.log(k_density / (n_points * volume * reach**dimension))


def brute_force_cut(
    density: NDArray[np.float64], distances: NDArray[np.float64], n_clusters: int
) -> dict[str, NDArray[np.generic]]:
    """Decision graph and cut of given densities."""
    n_points = len(density)
    delta = np.empty(n_points)
    nearest_denser = np.empty(n_points, dtype=np.int64)
    for i in range(n_points):
        denser = [j for j in range(n_points) if (-density[j], j) < (-density[i], i)]
        if denser:
            nearest_denser[i] = min(denser, key=lambda j: (distances[i, j], j))
            delta[i] = distances[i, nearest_denser[i]]
        else:
            nearest_denser[i], delta[i] = -1, distances[i].max()

    gamma = (density - density.min()) * delta
    centers = sorted(range(n_points), key=lambda i: (nearest_denser[i] >= 0, -gamma[i], -delta[i], i))
    centers = centers[:n_clusters]
    labels = np.empty(n_points, dtype=np.int32)
    for i in range(n_points):
        point = i
        while point not in centers:
            point = int(nearest_denser[point])
        labels[i] = centers.index(point)
    return {
        "density": density,
        "delta": delta,
        "nearest_denser": nearest_denser,
        "centers": np.array(centers),
        "labels": labels,
    }
