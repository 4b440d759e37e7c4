"""Density Peaks the slow and obvious way: all distances, one point at a time, recursion-free labels."""

import math

import numpy as np
from numpy.typing import NDArray


def brute_force_density_peaks(
    vectors: NDArray[np.generic], n_clusters: int, dimension: float, k_density: int
) -> dict[str, NDArray[np.generic]]:
    """density (log), delta, nearest_denser, centers and labels, by the definitions."""
    points = np.asarray(vectors, dtype=np.float64)
    n_points = len(points)
    distances = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))
    radius = np.array([np.sort(np.delete(row, i))[k_density - 1] for i, row in enumerate(distances)])
    radius = np.maximum(radius, radius[radius > 0].min())
    volume = math.pi ** (dimension / 2) / math.gamma(dimension / 2 + 1)
    density = np.log(k_density / (n_points * volume * radius**dimension))

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
