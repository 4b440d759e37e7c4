"""One step of minibatch k-means: a batch pulls its centres, each with a weight of one over the rows it has seen.

References
----------
D. Sculley, "Web-scale k-means clustering", WWW 2010, doi 10.1145/1772690.1772862.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.kernels.arrays import Vectors, as_vectors
from pipeline.kernels.clustering.assignment import assign_to_centers


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


def minibatch_step(state: StreamState, batch: ArrayLike) -> tuple[StreamState, NDArray[np.int32], NDArray[np.float64]]:
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
    distances_sq : float64 [n]
        To these centres: both before the move, ties to the lowest.

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
    labels, distances_sq = assign_to_centers(rows, state.centers)
    counts = state.counts + np.bincount(labels, minlength=len(state.centers))
    pulls = np.zeros(state.centers.shape)
    np.add.at(pulls, labels, rows - state.centers[labels].astype(np.float64))
    centers = state.centers + pulls / np.maximum(counts, 1)[:, None]
    return StreamState(centers.astype(state.centers.dtype), counts), labels, distances_sq
