"""Rows to their nearest centres."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import as_vectors
from pipeline.kernels.clustering.nearest_center import ProductFrame, nearest_centers, own_distances_sq, prepare_centers
from pipeline.kernels.neighbours.exact_search import find_frame


def assign_to_centers(vectors: ArrayLike, centers: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Find the nearest centre of every row, exactly; bit-identical however the rows are cut into blocks.

    Parameters
    ----------
    vectors : array_like, [N, D]
    centers : array_like, [k, D]
        At least one.

    Returns
    -------
    labels : int32 [N]
        Ties to the lowest centre.
    distances_sq : float64 [N]
        Squared distance to that centre, from differences.

    Raises
    ------
    UsageError
        No centres, or another number of features.
    InvalidDataError
        A NaN or an infinity, or distances that do not fit into float32.

    Notes
    -----
    Time ``2 N k D`` float32 operations, memory ``4 * 2048 (k + D)`` bytes beside input and output.
    """
    array, center_array = as_vectors(vectors), as_vectors(centers, "centers")
    if len(center_array) == 0:
        raise UsageError("there are no centers; expected at least one")
    if center_array.shape[1] != array.shape[1]:
        raise UsageError(f"vectors have {array.shape[1]} features and centers {center_array.shape[1]}")
    frame = find_frame(center_array, array)
    prepared = prepare_centers(center_array, ProductFrame(frame.origin, frame.scale, plain=False))
    labels, _, _ = nearest_centers(array, prepared)
    return labels, own_distances_sq(array, center_array, labels, np.arange(len(array)))
