"""Exact k-nearest neighbours of every row, or of new rows, in blocks and bounded memory.

Float32 matrix products with a proven error bound choose the candidates, float64 differences decide
(`pipeline.kernels.neighbours.exact_search`); products of short rows do where the data allow, and what they cannot prove
is searched in full (`pipeline.kernels.neighbours.certified_search`). Duplicates come out at exactly 0 and ties go to
the lower row number. The bits are the same whatever way is taken, with any threads.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import Vectors, as_vectors, require_count
from pipeline.kernels.neighbours.certified_search import certified_neighbours, prepare_search
from pipeline.kernels.neighbours.directions import unit_rows
from pipeline.kernels.neighbours.exact_search import exact_search, find_frame

Metric = Literal["euclidean", "cosine"]

__all__ = [
    "Metric",
    "nearest_neighbours",
    "query_neighbours",
]


def nearest_neighbours(
    vectors: ArrayLike, k: int, *, metric: Metric = "euclidean", threads: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the ``k`` nearest other rows of every row, exactly.

    Parameters
    ----------
    vectors : array_like, [N, D]
        Real numbers; float32 and float64 are used as they are.
    k : int
        At least 1; at most ``N - 1`` columns come back.
    metric : {"euclidean", "cosine"}
        The cosine distance is ``1 - cos``; rows are scaled to length 1
        (`pipeline.kernels.neighbours.directions.unit_rows`).
    threads : int
        Tiles worked on at a time; the matrix library's own threads are best set to 1 then. No result depends on it.

    Returns
    -------
    indices : int64 [N, min(k, N - 1)]
        Nearest first, the row itself left out; equal distances in the order of row numbers.
    distances : float32 [N, min(k, N - 1)]
        Evaluated in float64 from differences, then rounded; exactly 0 for duplicates.

    Raises
    ------
    UsageError
        ``k < 1``, or ``vectors`` is no real matrix.
    InvalidDataError
        A NaN or an infinity (the row is named), or distances that do not fit into float32; with the cosine also a
        row of zeros.

    Notes
    -----
    No row gives ``[0, 0]``, one row ``[1, 0]``. Memory beyond the input: at most
    `pipeline.kernels.neighbours.certified_search.memory_bytes`, the output included. Time: each pair once, ``N^2 D``
    float32 operations, or ``N^2 (p + 1)`` with p of 16 to 128 where the distances between p principal components and
    the length of the remainder tell near from far; rows that this leaves open ``2 N D`` each, all of them where more
    than k neighbours are equally far (copies, grids).

    Examples
    --------
    >>> indices, distances = nearest_neighbours([[0.0], [1.0], [3.0]], k=2)
    >>> indices.tolist(), distances.tolist()
    ([[1, 2], [0, 2], [1, 0]], [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]])
    """
    array = _in_metric(as_vectors(vectors), metric, "vectors")
    require_count(k, None, "k")
    require_count(threads, None, "threads")
    columns = min(k, max(len(array) - 1, 0))
    prepared = prepare_search(array, max(columns, 1))
    if columns == 0:
        return _empty_table(len(array))
    return _table(*certified_neighbours(array, columns, prepared, threads=threads), metric)


def query_neighbours(
    queries: ArrayLike, vectors: ArrayLike, k: int, *, metric: Metric = "euclidean"
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the ``k`` nearest rows of ``vectors`` for new points; nothing is left out.

    Parameters
    ----------
    queries : array_like, [Q, D]
    vectors : array_like, [N, D]
    k : int
        At least 1; at most ``N`` columns come back.
    metric : {"euclidean", "cosine"}

    Returns
    -------
    indices : int64 [Q, min(k, N)]
        Rows of ``vectors``, nearest first, ties by row number.
    distances : float32 [Q, min(k, N)]
        0 for a query that equals a row.

    Raises
    ------
    UsageError, InvalidDataError
        As `nearest_neighbours`; also where the numbers of features differ.
    """
    query_array, array = as_vectors(queries, "queries"), as_vectors(vectors)
    require_count(k, None, "k")
    if query_array.shape[1] != array.shape[1]:
        raise UsageError(
            f"queries have {query_array.shape[1]} features and vectors {array.shape[1]}; expected the same"
        )
    query_array, array = _in_metric(query_array, metric, "queries"), _in_metric(array, metric, "vectors")
    frame = find_frame(array, query_array)
    columns = min(k, len(array))
    if columns == 0:
        return _empty_table(len(query_array))
    return _table(*exact_search(query_array, array, columns, frame=frame), metric)


def _in_metric(vectors: Vectors, metric: Metric, name: str) -> Vectors:
    if metric not in get_args(Metric):
        raise UsageError(f"metric is {metric!r}; expected one of {', '.join(get_args(Metric))}")
    return unit_rows(vectors, name) if metric == "cosine" else vectors


def _table(
    indices: NDArray[np.int64], distances_sq: NDArray[np.float64], metric: Metric
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    if metric == "cosine":
        distances_sq /= 2
        return indices, distances_sq.astype(np.float32)
    return indices, np.sqrt(distances_sq, out=distances_sq).astype(np.float32)


def _empty_table(n_rows: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return np.empty((n_rows, 0), dtype=np.int64), np.empty((n_rows, 0), dtype=np.float32)
