"""Trees of merges by five linkages (Euclidean), and their cuts: the one entry to `pipeline.kernels.clustering`'s."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.clustering.centroid import centroid_linkage
from pipeline.kernels.clustering.complete_average import condensed_linkage
from pipeline.kernels.clustering.condensed import MEMORY_LIMIT_BYTES, Condensed
from pipeline.kernels.clustering.cuts import count_inversions, cut_tree, cut_tree_at
from pipeline.kernels.clustering.single import single_linkage
from pipeline.kernels.clustering.ward import ward_linkage

LinkageMethod = Literal["ward", "single", "complete", "average", "centroid"]

__all__ = [
    "MEMORY_LIMIT_BYTES",
    "LinkageMethod",
    "count_inversions",
    "cut_tree",
    "cut_tree_at",
    "linkage_matrix",
    "single_linkage",
    "ward_linkage",
]


def linkage_matrix(
    vectors: ArrayLike,
    method: LinkageMethod,
    *,
    neighbours: ArrayLike | None = None,
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    storage: Condensed | None = None,
) -> NDArray[np.float64]:
    """Build the tree of merges by one of the linkages.

    Parameters
    ----------
    vectors : array_like, [N, D]
        At least 1 row.
    method : {"ward", "single", "complete", "average", "centroid"}
        Ward and single take memory linear in N, the others the N (N - 1) / 2 distances.
    neighbours : array_like of int, [N, K], optional
        Exact neighbours, for single linkage: they spare its search. The others do without.
    memory_limit_bytes : int
        The most that distances may take.
    storage : float32 or float64 array, optional
        Where distances are kept instead, a memory map for example.

    Returns
    -------
    float64 [N - 1, 4]
        SciPy's format. Centroid trees may have inversions (a merge lower than one before it; `count_inversions`): cut
        them with `cut_tree`, which counts merges, not by height.

    Raises
    ------
    UsageError
        Another method, no rows, or neighbours or a storage that do not fit.
    InvalidDataError
        A NaN or an infinity, or distances beyond float64.
    StageError
        The distances would need more than ``memory_limit_bytes``.
    """
    if method == "ward":
        return ward_linkage(vectors)
    if method == "single":
        return single_linkage(vectors, neighbours=neighbours)
    if method == "centroid":
        return centroid_linkage(vectors, memory_limit_bytes=memory_limit_bytes, storage=storage)
    if method in ("complete", "average"):
        return condensed_linkage(vectors, method, memory_limit_bytes=memory_limit_bytes, storage=storage)
    raise UsageError(f"the linkage is {method!r}; expected one of {', '.join(get_args(LinkageMethod))}")
