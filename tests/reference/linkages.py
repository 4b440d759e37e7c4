"""Agglomerative clustering as its definition says: all distances between clusters, at every merge."""

import numpy as np
from numpy.typing import NDArray


def cluster_distances(
    vectors: NDArray[np.float64], members: list[NDArray[np.int64]], method: str
) -> NDArray[np.float64]:
    """Of all pairs of clusters the height at which SciPy would merge them; infinite on the diagonal."""
    between = np.sqrt(((vectors[:, None] - vectors[None]) ** 2).sum(axis=2))
    found = np.full((len(members), len(members)), np.inf)
    for i, one in enumerate(members):
        for j, other in enumerate(members[:i]):
            found[i, j] = found[j, i] = _distance(vectors, between, one, other, method)
    return found


def _distance(
    vectors: NDArray[np.float64],
    between: NDArray[np.float64],
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    method: str,
) -> float:
    pairs = between[np.ix_(one, other)]
    if method in ("single", "complete", "average"):
        return float({"single": np.min, "complete": np.max, "average": np.mean}[method](pairs))
    apart = float(np.linalg.norm(vectors[one].mean(axis=0) - vectors[other].mean(axis=0)))
    return apart * np.sqrt(2 * len(one) * len(other) / (len(one) + len(other))) if method == "ward" else apart


def worst_merge(vectors: NDArray[np.float64], tree: NDArray[np.float64], method: str) -> float:
    """Follow a tree: by how much a height or a choice is off, relative to the largest distance.

    At every merge the pair must be a closest one and the height its distance, whatever was chosen among ties.
    """
    members = {row: np.array([row]) for row in range(len(vectors))}
    scale = max(float(np.ptp(vectors, axis=0).max()), 1e-300)
    worst = 0.0
    for merge, (one, other, height, size) in enumerate(tree):
        names = list(members)
        distances = cluster_distances(vectors, [members[name] for name in names], method)
        chosen = distances[names.index(int(one)), names.index(int(other))]
        worst = max(worst, abs(chosen - height) / scale, (chosen - distances.min()) / scale)
        members[len(vectors) + merge] = np.concatenate([members.pop(int(one)), members.pop(int(other))])
        assert len(members[len(vectors) + merge]) == size
    return worst
