"""Union-find on an array of parents: each member points to another one of its set, the root to itself."""

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
