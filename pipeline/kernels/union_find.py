"""Union-find on an array of parents: each member points to another one of its set, the root to itself."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled


@compiled
def find_root(parents: NDArray[np.int64], member: int) -> int:
    """The root of a member's set; halves the way to it on the way."""
    while parents[member] != member:
        parents[member] = parents[parents[member]]
        member = parents[member]
    return member


def connected_components(n: int, edges: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """The smallest member of the connected component of each of ``n`` nodes."""
    parents = np.arange(n, dtype=np.int64)
    for a, b in edges:
        low, high = sorted((find_root(parents, a), find_root(parents, b)))
        parents[high] = low
    return np.array([find_root(parents, node) for node in range(n)], np.int64)
