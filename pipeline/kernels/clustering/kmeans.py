"""Minibatch k-means (scikit-learn's) with every cluster filled, and exact assignment to centres.

References
----------
D. Sculley, "Web-scale k-means clustering", WWW 2010, doi 10.1145/1772690.1772862.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import MiniBatchKMeans

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError, Vectors, as_vectors, require_count
from pipeline.kernels.neighbours.exact_search import exact_search, find_frame


@dataclass(frozen=True, slots=True)
class KMeansResult:
    """A k-means clustering.

    Attributes
    ----------
    labels : int32 [N]
        Nearest centre of each row, ties to the lowest; every cluster has at least one row.
    centers : float32 or float64 [k, D]
        Of the vectors' type.
    inertia : float
        Sum of squared distances of the rows to their centres, from ``(x - c)^2`` in float64.
    n_iterations : int
        Minibatches that the best start took.
    """

    labels: NDArray[np.int32]
    centers: Vectors
    inertia: float
    n_iterations: int


def minibatch_kmeans(
    vectors: ArrayLike,
    k: int,
    *,
    seed: int,
    batch_size: int = 1024,
    max_epochs: int = 100,
    n_init: int = 3,
) -> KMeansResult:
    """Cluster rows into ``k`` clusters, none of them empty.

    scikit-learn's ``MiniBatchKMeans`` (k-means++ starts, early stopping) runs on the vectors less their mean,
    so that a common offset costs no digits. A centre that ends without rows is moved onto the row farthest
    from its centre (the lowest row number of equals), which lowers the inertia, until none is empty.

    Parameters
    ----------
    vectors : array_like, [N, D]
    k : int
        1 to the number of distinct rows.
    seed : int
        0 to 2**32 - 1.
    batch_size : int
        Rows in a minibatch.
    max_epochs : int
        At most so many passes over the rows.
    n_init : int
        Starts, of which the best on a sample is run.

    Returns
    -------
    KMeansResult

    Raises
    ------
    UsageError
        ``k`` larger than the number of rows, or an option below 1.
    InvalidDataError
        Fewer than ``k`` distinct rows (the number is given), or a NaN or an infinity.

    Notes
    -----
    Memory: a copy of the vectors.
    """
    array = as_vectors(vectors)
    require_count(k, len(array), "k")
    for value, name in ((batch_size, "batch_size"), (max_epochs, "max_epochs"), (n_init, "n_init")):
        require_count(value, None, name)
    frame = find_frame(array)
    _require_distinct(array, k)
    origin = frame.origin.astype(array.dtype)
    model = MiniBatchKMeans(
        n_clusters=k, batch_size=batch_size, max_iter=max_epochs, n_init=n_init, random_state=seed
    ).fit(array - origin)
    centers = np.ascontiguousarray(model.cluster_centers_ + origin, dtype=array.dtype)
    labels, distances_sq = _fill_empty(array, centers)
    return KMeansResult(labels, centers, float(distances_sq.sum()), int(model.n_steps_))


def _require_distinct(vectors: Vectors, k: int) -> None:
    # Adding zero turns -0.0 into 0.0: rows are compared as bytes.
    rows = np.ascontiguousarray(vectors + vectors.dtype.type(0))
    n_distinct = len(np.unique(rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))))
    if n_distinct < k:
        raise InvalidDataError(
            f"{k} clusters were asked of {len(vectors)} rows, of which only {n_distinct} are distinct; "
            f"ask for at most {n_distinct}"
        )


def _fill_empty(vectors: Vectors, centers: Vectors) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Move empty centres in place; every move puts a row onto its own centre, so it comes to an end."""
    while True:
        labels, distances_sq = assign_to_centers(vectors, centers)
        empty = np.flatnonzero(np.bincount(labels, minlength=len(centers)) == 0)
        if not len(empty):
            return labels, distances_sq
        for center in empty:
            farthest = int(np.argmax(distances_sq))
            centers[center] = vectors[farthest]
            _, to_moved = assign_to_centers(vectors, centers[center : center + 1])
            distances_sq = np.minimum(distances_sq, to_moved)


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
        A NaN or an infinity.
    """
    array, center_array = as_vectors(vectors), as_vectors(centers, "centers")
    if len(center_array) == 0:
        raise UsageError("there are no centers; expected at least one")
    if center_array.shape[1] != array.shape[1]:
        raise UsageError(f"vectors have {array.shape[1]} features and centers {center_array.shape[1]}")
    frame = find_frame(center_array, array)
    labels, distances_sq = exact_search(array, center_array, 1, frame=frame)
    return labels[:, 0].astype(np.int32), distances_sq[:, 0]
