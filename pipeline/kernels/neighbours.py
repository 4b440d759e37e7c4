"""Exact k-nearest neighbours of every row, or of new rows, in blocks and bounded memory.

Float32 matrix products with a proven error bound choose the candidates, float64 differences decide
(`pipeline.kernels.exact_search`); products of short rows do where the data allow, and what they cannot prove is
searched in full (`pipeline.kernels.certified_search`). Duplicates come out at exactly 0 and ties go to the lower row
number. The bits are the same however the rows are cut into blocks, whatever way is taken, with any threads.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import as_vectors, require_count
from pipeline.kernels.certified_search import PreparedSearch, certified_neighbours, prepare_search
from pipeline.kernels.exact_search import QUERY_TILE_ROWS, exact_search, find_frame

__all__ = [
    "BLOCK_ROWS",
    "PreparedSearch",
    "nearest_neighbours",
    "neighbours_of_block",
    "prepare_blocks",
    "query_neighbours",
]

BLOCK_ROWS = QUERY_TILE_ROWS
"""Blocks of a multiple of this many rows waste no partial tiles; any other size gives the same answer."""


def nearest_neighbours(
    vectors: ArrayLike, k: int, *, threads: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the ``k`` nearest other rows of every row, exactly (Euclidean).

    Parameters
    ----------
    vectors : array_like, [N, D]
        Real numbers; float32 and float64 are used as they are.
    k : int
        At least 1; at most ``N - 1`` columns come back.
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
        A NaN or an infinity (the row is named), or distances that do not fit into float32.

    Notes
    -----
    No row gives ``[0, 0]``, one row ``[1, 0]``. Memory beyond the input: at most
    `pipeline.kernels.certified_search.memory_bytes`, the output included. Time: each pair once, ``N^2 D`` float32
    operations, or ``N^2 (p + 1)`` with p of 16 to 128 where the distances between p principal components and the
    length of the remainder tell near from far; rows that this leaves open ``2 N D`` each, all of them where more
    than k neighbours are equally far (copies, grids).

    Examples
    --------
    >>> indices, distances = nearest_neighbours([[0.0], [1.0], [3.0]], k=2)
    >>> indices.tolist(), distances.tolist()
    ([[1, 2], [0, 2], [1, 0]], [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]])
    """
    array = as_vectors(vectors)
    require_count(k, None, "k")
    require_count(threads, None, "threads")
    columns = min(k, max(len(array) - 1, 0))
    prepared = prepare_search(array, columns, pairs_once=True)
    if columns == 0:
        return _empty_table(len(array))
    return _table(*certified_neighbours(array, columns, prepared, threads=threads))


def prepare_blocks(vectors: ArrayLike, k: int) -> PreparedSearch:
    """What all calls of `neighbours_of_block` on these rows share: checked values, and short rows where they help.

    Raises
    ------
    UsageError, InvalidDataError
        As `nearest_neighbours`.

    Notes
    -----
    Time about ``600 N D`` operations; memory of the result ``4 N (p + 2)`` bytes, p at most 128.
    """
    array = as_vectors(vectors)
    require_count(k, None, "k")
    return prepare_search(array, min(k, max(len(array) - 1, 0)), pairs_once=False)


def neighbours_of_block(
    vectors: ArrayLike, start: int, stop: int, k: int, *, prepared: PreparedSearch | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the nearest other rows of the rows ``start`` to ``stop - 1``: one task of a large search.

    Rows are the same bits for every choice of blocks: ``nearest_neighbours(v, k)[0][start:stop]``.

    Parameters
    ----------
    vectors : array_like, [N, D]
        All rows, not only the block's; a memory map is read in tiles.
    start, stop : int
        ``0 <= start <= stop <= N``. Multiples of `BLOCK_ROWS` waste no partial tiles.
    k : int
        At least 1; at most ``N - 1`` columns come back.
    prepared : PreparedSearch, optional
        ``prepare_blocks(vectors, k)``, to spare each task doing it again. It changes no result.

    Returns
    -------
    indices : int64 [stop - start, min(k, N - 1)]
    distances : float32 [stop - start, min(k, N - 1)]

    Raises
    ------
    UsageError, InvalidDataError
        As `nearest_neighbours`; also for a block outside the rows. With ``prepared`` given the
        values are taken as checked.
    """
    array = as_vectors(vectors)
    require_count(k, None, "k")
    n_rows = len(array)
    if not 0 <= start <= stop <= n_rows:
        raise UsageError(f"the block {start}:{stop} does not lie within the {n_rows} rows")
    columns = min(k, max(n_rows - 1, 0))
    prepared = prepare_blocks(array, k) if prepared is None else prepared
    if columns == 0:
        return _empty_table(stop - start)
    return _table(*certified_neighbours(array, columns, prepared, start=start, stop=stop))


def query_neighbours(queries: ArrayLike, vectors: ArrayLike, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the ``k`` nearest rows of ``vectors`` for new points; nothing is left out.

    Parameters
    ----------
    queries : array_like, [Q, D]
    vectors : array_like, [N, D]
    k : int
        At least 1; at most ``N`` columns come back.

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
    frame = find_frame(array, query_array)
    columns = min(k, len(array))
    if columns == 0:
        return _empty_table(len(query_array))
    return _table(*exact_search(query_array, array, columns, frame=frame))


def _table(
    indices: NDArray[np.int64], distances_sq: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return indices, np.sqrt(distances_sq, out=distances_sq).astype(np.float32)


def _empty_table(n_rows: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return np.empty((n_rows, 0), dtype=np.int64), np.empty((n_rows, 0), dtype=np.float32)
