"""One step of minibatch k-means: a batch pulls its centres, each with a weight of one over the rows it has seen.

References
----------
D. Sculley, "Web-scale k-means clustering", WWW 2010, doi 10.1145/1772690.1772862.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.kernels.arrays import Vectors, as_vectors, require_count
from pipeline.kernels.clustering.assignment import assign_to_centers
from pipeline.kernels.clustering.blockwise_kmeans import k_means
from pipeline.kernels.clustering.lloyd import ArrayReader


@dataclass(frozen=True, slots=True)
class StreamState:
    """Centres of rows that came in batches.

    Attributes
    ----------
    centers : float32 or float64 [k, D]
    counts : int64 [k]
        Rows that each centre is the mean of.
    """

    centers: Vectors
    counts: NDArray[np.int64]


def begin_stream(batch: ArrayLike, k: int, *, seed: int) -> StreamState:
    """Cluster the first batch: it must have at least k distinct rows; errors and cost as `k_means`."""
    rows = as_vectors(batch)
    require_count(k, len(rows), "k (of the first batch)")
    found = k_means(ArrayReader(rows), len(rows), [k], seed=seed)[0]
    return StreamState(found.centers, np.bincount(found.labels, minlength=k))


def minibatch_step(state: StreamState, batch: ArrayLike) -> tuple[StreamState, NDArray[np.int32]]:
    """Assign a batch and move its centres: each becomes the mean of all rows that were given to it so far.

    Sums of the batch are of float64, in the order of its rows, so that a step depends on the batch alone. An empty
    batch changes nothing.

    Parameters
    ----------
    state : StreamState
    batch : array_like, [n, D]

    Returns
    -------
    state : StreamState
    labels : int32 [n]
        Before the move, ties to the lowest centre.

    Raises
    ------
    UsageError
        Another number of features.
    InvalidDataError
        A NaN or an infinity.

    Notes
    -----
    Time ``2 n k D`` operations; memory ``16 k D`` bytes beside the batch.
    """
    rows = as_vectors(batch)
    labels, _ = assign_to_centers(rows, state.centers)
    counts = state.counts + np.bincount(labels, minlength=len(state.centers))
    pulls = np.zeros(state.centers.shape)
    np.add.at(pulls, labels, rows - state.centers[labels].astype(np.float64))
    centers = state.centers + pulls / np.maximum(counts, 1)[:, None]
    return StreamState(centers.astype(state.centers.dtype), counts), labels
