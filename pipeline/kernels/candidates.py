"""The rows of smallest lower bound for every row, by matrix products in symmetric tiles.

What is promised of the lists is little and enough: a row that is not in the list of row i has a bound of at least
``limits[i]``. Which of several equal bounds are kept, and in which order the tiles came, is not defined.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled
from pipeline.kernels.lower_bounds import LowerBounds

TILE_ROWS = 2048

_CHUNK = 64
_PART = 8
_SPARE = 64


@dataclass(frozen=True, slots=True)
class Candidates:
    """Lists of candidates, one a query.

    Attributes
    ----------
    rows : int32 [Q, capacity]
        The first ``counts[i]`` are valid, in no order.
    bounds : float32 [Q, capacity]
        Their lower bounds.
    counts : int64 [Q]
    limits : float32 [Q]
        A row not listed has a bound of at least this.
    """

    rows: NDArray[np.int32]
    bounds: NDArray[np.float32]
    counts: NDArray[np.int64]
    limits: NDArray[np.float32]

    @classmethod
    def empty(cls, n_queries: int, length: int) -> "Candidates":
        """Room for ``2 length + 64`` candidates a query: ``16 length + 528`` bytes each."""
        shape = (n_queries, 2 * length + _SPARE)
        return cls(
            rows=np.empty(shape, dtype=np.int32),
            bounds=np.empty(shape, dtype=np.float32),
            counts=np.zeros(n_queries, dtype=np.int64),
            limits=np.full(n_queries, np.inf, dtype=np.float32),
        )


def candidates_of_all(bounds: LowerBounds, length: int, *, threads: int = 1) -> Candidates:
    """List for every row at least the ``length`` other rows of smallest bound, computing each pair once.

    Tiles that share no rows are worked on by ``threads`` threads at a time, tiles on the diagonal first: they give
    limits that most of the others' pairs exceed. Memory beyond the lists: ``threads`` tiles of 16 MiB and
    ``threads * 2048`` short rows.
    """
    lists = Candidates.empty(len(bounds.rows), length)
    n_blocks = -(-len(bounds.rows) // TILE_ROWS)
    rounds = [[(block, block) for block in range(n_blocks)], *_tournament(n_blocks)]
    # New memory for every product would cost as much time as the product of short rows.
    rooms = [np.empty(TILE_ROWS**2, dtype=np.float32) for _ in range(threads)]

    def work(pairs: list[tuple[int, int]], room: NDArray[np.float32]) -> None:
        for first, second in pairs:
            _search_tile(bounds, lists, length, first, second, room)

    if threads == 1:
        for pairs in rounds:
            work(pairs, rooms[0])
    else:
        with ThreadPoolExecutor(threads) as pool:
            for pairs in rounds:
                list(pool.map(work, [pairs[i::threads] for i in range(threads)], rooms))
    _shorten(lists.rows, lists.bounds, lists.counts, lists.limits, length)
    return lists


def candidates_of_block(bounds: LowerBounds, start: int, stop: int, length: int) -> Candidates:
    """List for the rows ``start`` to ``stop - 1`` at least the ``length`` other rows of smallest bound."""
    lists = Candidates.empty(stop - start, length)
    rows, norms = bounds.rows, bounds.norms
    queries = -2 * rows[start:stop]
    own = np.arange(start, stop, dtype=np.int64)
    room = np.empty((stop - start) * TILE_ROWS, dtype=np.float32)
    for first in range(0, len(rows), TILE_ROWS):
        last = min(first + TILE_ROWS, len(rows))
        products = _product(queries, rows[first:last], room)
        state = (lists.rows, lists.bounds, lists.counts, lists.limits)
        _scan_rows(products, norms[start:stop], norms[first:last], own, first, length, *state)
    _shorten(lists.rows, lists.bounds, lists.counts, lists.limits, length)
    return lists


def _tournament(n_blocks: int) -> Iterator[list[tuple[int, int]]]:
    """Every pair of blocks once, in rounds within which no block comes twice (the circle method)."""
    seats = list(range(n_blocks + n_blocks % 2))
    for _ in range(len(seats) - 1):
        pairs = [(seats[i], seats[-1 - i]) for i in range(len(seats) // 2)]
        yield [(min(pair), max(pair)) for pair in pairs if max(pair) < n_blocks]
        seats = [seats[0], seats[-1], *seats[1:-1]]


def _search_tile(
    bounds: LowerBounds, lists: Candidates, length: int, first: int, second: int, room: NDArray[np.float32]
) -> None:
    rows, norms = bounds.rows, bounds.norms
    one = slice(first * TILE_ROWS, min((first + 1) * TILE_ROWS, len(rows)))
    other = slice(second * TILE_ROWS, min((second + 1) * TILE_ROWS, len(rows)))
    products = _product(-2 * rows[one], rows[other], room)
    mine = (lists.rows[one], lists.bounds[one], lists.counts[one], lists.limits[one])
    if first == second:
        own = np.arange(one.start, one.stop, dtype=np.int64)
        _scan_rows(products, norms[one], norms[one], own, one.start, length, *mine)
        return
    theirs = (lists.rows[other], lists.bounds[other], lists.counts[other], lists.limits[other])
    nobody = np.full(one.stop - one.start, -1, dtype=np.int64)
    _scan_rows(products, norms[one], norms[other], nobody, other.start, length, *mine)
    _scan_columns(products, norms[one], norms[other], one.start, length, *theirs)


def _product(a: NDArray[np.float32], b: NDArray[np.float32], room: NDArray[np.float32]) -> NDArray[np.float32]:
    shape = (len(a), len(b))
    product: NDArray[np.float32] = np.matmul(a, b.T, out=room[: shape[0] * shape[1]].reshape(shape))
    return product


@compiled
def _select(rows: NDArray[np.int32], bounds: NDArray[np.float32], count: int, length: int) -> np.float32:
    """Bring the ``length`` smallest bounds to the front (Hoare) and give the largest of them."""
    low, high = 0, count - 1
    while low < high:
        pivot = bounds[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while bounds[i] < pivot:
                i += 1
            while bounds[j] > pivot:
                j -= 1
            if i <= j:
                bounds[i], bounds[j] = bounds[j], bounds[i]
                rows[i], rows[j] = rows[j], rows[i]
                i += 1
                j -= 1
        if length - 1 <= j:
            high = j
        elif length - 1 >= i:
            low = i
        else:
            break
    largest: np.float32 = bounds[length - 1]
    return largest


@compiled
def _scan_rows(
    products: NDArray[np.float32],
    row_norms: NDArray[np.float32],
    column_norms: NDArray[np.float32],
    own: NDArray[np.int64],
    first_column: int,
    length: int,
    rows: NDArray[np.int32],
    bounds: NDArray[np.float32],
    counts: NDArray[np.int64],
    limits: NDArray[np.float32],
) -> None:
    """Offer the columns of a tile to its rows; ``products`` are times -2, ``own`` is the row not to find."""
    n_columns, capacity = products.shape[1], rows.shape[1]
    for query in range(products.shape[0]):
        norm, limit, count = row_norms[query], limits[query], counts[query]
        line, found, lengths = products[query], rows[query], bounds[query]
        for begin in range(0, n_columns, _CHUNK):
            end = min(begin + _CHUNK, n_columns)
            hits = np.int32(0)
            for column in range(begin, end):
                hits += np.int32((norm + column_norms[column]) + line[column] < limit)
            if hits == 0:
                continue
            for column in range(begin, end):
                bound = (norm + column_norms[column]) + line[column]
                if bound < limit and first_column + column != own[query]:
                    found[count] = first_column + column
                    lengths[count] = bound
                    count += 1
                    if count == capacity:
                        limit = _select(found, lengths, count, length)
                        count = length
        limits[query], counts[query] = limit, count


@compiled
def _scan_columns(
    products: NDArray[np.float32],
    row_norms: NDArray[np.float32],
    column_norms: NDArray[np.float32],
    first_row: int,
    length: int,
    rows: NDArray[np.int32],
    bounds: NDArray[np.float32],
    counts: NDArray[np.int64],
    limits: NDArray[np.float32],
) -> None:
    """Offer the rows of a tile to its columns, in strips whose lists fit into a core's cache."""
    capacity = rows.shape[1]
    for begin in range(0, products.shape[1], _CHUNK):
        end = min(begin + _CHUNK, products.shape[1])
        norms, nearest = column_norms[begin:end], limits[begin:end]
        for row in range(products.shape[0]):
            norm, line = row_norms[row], products[row, begin:end]
            hits = np.int32(0)
            for column in range(end - begin):
                hits += np.int32((norm + norms[column]) + line[column] < nearest[column])
            if hits == 0:
                continue
            for column in range(end - begin):
                bound = (norm + norms[column]) + line[column]
                if bound < nearest[column]:
                    query = begin + column
                    count = counts[query]
                    rows[query, count] = first_row + row
                    bounds[query, count] = bound
                    count += 1
                    if count == capacity:
                        nearest[column] = _select(rows[query], bounds[query], count, length)
                        count = length
                    counts[query] = count


@compiled
def _shorten(
    rows: NDArray[np.int32],
    bounds: NDArray[np.float32],
    counts: NDArray[np.int64],
    limits: NDArray[np.float32],
    length: int,
) -> None:
    for query in range(rows.shape[0]):
        if counts[query] > length:
            limits[query] = _select(rows[query], bounds[query], counts[query], length)
            counts[query] = length
