"""The rows of smallest lower bound for every row, by matrix products in symmetric tiles.

What is promised of the lists is little and enough: a row that is not in the list of row i has a bound of at least
``limits[i]``. Which of several equal bounds are kept, and in which order the tiles came, is not defined.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled
from pipeline.kernels.lower_bounds import LowerBounds

TILE_ROWS = 2048

_DIAGONAL_ROWS = 512
_CHUNK = 128  # columns tested at a time; their lists stay in a core's cache
_PART = 16
_SPARE = 64

Tile = tuple[slice, slice]


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

    def part(self, queries: slice) -> "Candidates":
        """The lists of some queries, not copied."""
        return Candidates(self.rows[queries], self.bounds[queries], self.counts[queries], self.limits[queries])


def candidates_within(bounds: LowerBounds, length: int, *, threads: int = 1) -> Candidates:
    """List for every row at least the ``length`` other rows of smallest bound, computing each pair once.

    Tiles that share no rows are worked on by ``threads`` threads at a time, tiles on the diagonal first: they give
    limits that most of the others' pairs exceed. Memory beyond the lists: ``threads`` tiles of 16 MiB and
    ``threads * 2048`` short rows.
    """
    tiles = _tiles(0, len(bounds.rows))
    diagonal = [(tile, tile) for tile in tiles]
    rounds = ([(tiles[i], tiles[j]) for i, j in pairs] for pairs in _tournament(len(tiles)))
    return _search(bounds, length, [diagonal, *rounds], threads)


def candidates_between(bounds: LowerBounds, split: int, length: int, *, threads: int = 1) -> Candidates:
    """The same where rows before ``split`` look for rows from ``split`` on, and those for these."""
    ones, others = _tiles(0, split), _tiles(split, len(bounds.rows))
    seats = max(len(ones), len(others))
    rounds = (
        [(ones[i], others[(i + turn) % seats]) for i in range(len(ones)) if (i + turn) % seats < len(others)]
        for turn in range(seats)
    )
    return _search(bounds, length, rounds, threads)


def _tiles(start: int, stop: int) -> list[slice]:
    return [slice(first, min(first + TILE_ROWS, stop)) for first in range(start, stop, TILE_ROWS)]


def _search(bounds: LowerBounds, length: int, rounds: Iterable[list[Tile]], threads: int) -> Candidates:
    """Work through rounds of tiles; no two tiles of a round share rows."""
    lists = Candidates.empty(len(bounds.rows), length)
    # New memory for every product would cost as much time as the product of short rows.
    rooms = [np.empty(TILE_ROWS**2, dtype=np.float32) for _ in range(threads)]

    def work(tiles: list[Tile], room: NDArray[np.float32]) -> None:
        for one, other in tiles:
            _search_tile(bounds, lists, length, one, other, room)

    if threads == 1:
        for tiles in rounds:
            work(tiles, rooms[0])
    else:
        with ThreadPoolExecutor(threads) as pool:
            for tiles in rounds:
                list(pool.map(work, [tiles[i::threads] for i in range(threads)], rooms))
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
    bounds: LowerBounds, lists: Candidates, length: int, one: slice, other: slice, room: NDArray[np.float32]
) -> None:
    """Offer the rows of one tile to those of another; a tile with itself in parts, so that pairs come once."""
    if one != other:
        _search_part(bounds, lists, length, one, other, room)
        return
    parts = [slice(i, min(i + _DIAGONAL_ROWS, one.stop)) for i in range(one.start, one.stop, _DIAGONAL_ROWS)]
    for i, part in enumerate(parts):
        for later in parts[i:]:
            _search_part(bounds, lists, length, part, later, room)


def _search_part(
    bounds: LowerBounds, lists: Candidates, length: int, one: slice, other: slice, room: NDArray[np.float32]
) -> None:
    rows, norms = bounds.rows, bounds.norms
    shape = (one.stop - one.start, other.stop - other.start)
    products = np.matmul(-2 * rows[one], rows[other].T, out=room[: shape[0] * shape[1]].reshape(shape))
    mine, theirs = lists.part(one), lists.part(other)
    # A part with itself holds every pair twice: the rows' side sees them all, and no column may be offered anything.
    limits = theirs.limits if one != other else np.full(shape[1], -np.inf, dtype=np.float32)
    _scan(
        products,
        norms[one],
        norms[other],
        one.start,
        other.start,
        length,
        mine.rows,
        mine.bounds,
        mine.counts,
        mine.limits,
        theirs.rows,
        theirs.bounds,
        theirs.counts,
        limits,
    )


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
def _scan(
    products: NDArray[np.float32],
    row_norms: NDArray[np.float32],
    column_norms: NDArray[np.float32],
    first_row: int,
    first_column: int,
    length: int,
    rows: NDArray[np.int32],
    bounds: NDArray[np.float32],
    counts: NDArray[np.int64],
    limits: NDArray[np.float32],
    column_rows: NDArray[np.int32],
    column_bounds: NDArray[np.float32],
    column_counts: NDArray[np.int64],
    column_limits: NDArray[np.float32],
) -> None:
    """Offer the columns of a tile to its rows and its rows to the columns; ``products`` are times -2.

    The two loops that count have no branch, so that they are vectorised: nearly all of a tile is passed over there.
    """
    for begin in range(0, products.shape[1], _CHUNK):
        end = min(begin + _CHUNK, products.shape[1])
        for row in range(products.shape[0]):
            norm, limit, line = row_norms[row], limits[row], products[row]
            hits = np.int32(0)
            for column in range(begin, end):
                hits += np.int32((norm + column_norms[column]) + line[column] < max(limit, column_limits[column]))
            if hits == 0:
                continue
            for start in range(begin, end, _PART):
                stop = min(start + _PART, end)
                hits = np.int32(0)
                for column in range(start, stop):
                    hits += np.int32((norm + column_norms[column]) + line[column] < max(limit, column_limits[column]))
                if hits == 0:
                    continue
                for column in range(start, stop):
                    bound = (norm + column_norms[column]) + line[column]
                    if bound < limit and first_column + column != first_row + row:
                        count = counts[row]
                        rows[row, count] = first_column + column
                        bounds[row, count] = bound
                        counts[row] = count + 1
                        if count + 1 == rows.shape[1]:
                            limit = _select(rows[row], bounds[row], count + 1, length)
                            limits[row], counts[row] = limit, length
                    if bound < column_limits[column]:
                        count = column_counts[column]
                        column_rows[column, count] = first_row + row
                        column_bounds[column, count] = bound
                        column_counts[column] = count + 1
                        if count + 1 == rows.shape[1]:
                            column_limits[column] = _select(
                                column_rows[column], column_bounds[column], count + 1, length
                            )
                            column_counts[column] = length


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
