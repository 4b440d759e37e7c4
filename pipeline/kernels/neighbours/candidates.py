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
from pipeline.kernels.neighbours.lower_bounds import LowerBounds

TILE_ROWS = 2048

_DIAGONAL_ROWS = 512
_SPARE = 64
_GROUP = 8  # bytes of a mask tested as one word, and words tested together

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


@dataclass(frozen=True, slots=True)
class _Lists:
    """Lists being filled: a candidate's bound (float32) and row (int32) lie side by side, in one line of the cache."""

    entries: NDArray[np.int64]
    counts: NDArray[np.int64]
    limits: NDArray[np.float32]

    @classmethod
    def empty(cls, n_queries: int, length: int, limits: NDArray[np.float32] | None = None) -> "_Lists":
        """Room for ``2 length + 64`` candidates a query: ``16 length + 528`` bytes each."""
        return cls(
            entries=np.empty((n_queries, 2 * length + _SPARE), dtype=np.int64),
            counts=np.zeros(n_queries, dtype=np.int64),
            limits=np.full(n_queries, np.inf, dtype=np.float32) if limits is None else limits.copy(),
        )

    def part(self, queries: slice) -> "_Lists":
        """The lists of some queries, not copied."""
        return _Lists(self.entries[queries], self.counts[queries], self.limits[queries])

    def finished(self, length: int) -> Candidates:
        """At most ``length`` candidates each, not copied."""
        _shorten(self.entries, self.counts, self.limits, length)
        bounds, rows = self.entries.view(np.float32)[:, ::2], self.entries.view(np.int32)[:, 1::2]
        return Candidates(rows, bounds, self.counts, self.limits)


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


def candidates_between(
    bounds: LowerBounds, split: int, length: int, *, limits: NDArray[np.float32] | None = None, threads: int = 1
) -> Candidates:
    """The same where rows before ``split`` look for rows from ``split`` on, and those for these.

    Rows whose bound is not below a query's ``limits`` (float32 [N]) are not listed, so that a list may be shorter.
    """
    ones, others = _tiles(0, split), _tiles(split, len(bounds.rows))
    seats = max(len(ones), len(others))
    rounds = (
        [(ones[i], others[(i + turn) % seats]) for i in range(len(ones)) if (i + turn) % seats < len(others)]
        for turn in range(seats)
    )
    return _search(bounds, length, rounds, threads, limits)


def _tiles(start: int, stop: int) -> list[slice]:
    return [slice(first, min(first + TILE_ROWS, stop)) for first in range(start, stop, TILE_ROWS)]


def _search(
    bounds: LowerBounds,
    length: int,
    rounds: Iterable[list[Tile]],
    threads: int,
    limits: NDArray[np.float32] | None = None,
) -> Candidates:
    """Work through rounds of tiles; no two tiles of a round share rows."""
    lists = _Lists.empty(len(bounds.rows), length, limits)
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
    return lists.finished(length)


def _tournament(n_blocks: int) -> Iterator[list[tuple[int, int]]]:
    """Every pair of blocks once, in rounds within which no block comes twice (the circle method)."""
    seats = list(range(n_blocks + n_blocks % 2))
    for _ in range(len(seats) - 1):
        pairs = [(seats[i], seats[-1 - i]) for i in range(len(seats) // 2)]
        yield [(min(pair), max(pair)) for pair in pairs if max(pair) < n_blocks]
        seats = [seats[0], seats[-1], *seats[1:-1]]


def _search_tile(
    bounds: LowerBounds, lists: _Lists, length: int, one: slice, other: slice, room: NDArray[np.float32]
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
    bounds: LowerBounds, lists: _Lists, length: int, one: slice, other: slice, room: NDArray[np.float32]
) -> None:
    rows, norms = bounds.rows, bounds.norms
    shape = (one.stop - one.start, other.stop - other.start)
    products = np.matmul(rows[one], rows[other].T, out=room[: shape[0] * shape[1]].reshape(shape))
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
        mine.entries,
        mine.counts,
        mine.limits,
        theirs.entries,
        theirs.counts,
        limits,
    )


@compiled
def _scan(
    products: NDArray[np.float32],
    row_norms: NDArray[np.float32],
    column_norms: NDArray[np.float32],
    first_row: int,
    first_column: int,
    length: int,
    entries: NDArray[np.int64],
    counts: NDArray[np.int64],
    limits: NDArray[np.float32],
    column_entries: NDArray[np.int64],
    column_counts: NDArray[np.int64],
    column_limits: NDArray[np.float32],
) -> None:
    """Offer the columns of a tile to its rows and its rows to the columns.

    Nearly all of a tile is passed over by `_mark`, whose mask is read eight words of eight columns at a time.
    """
    n_columns = products.shape[1]
    words = np.zeros(-(-n_columns // _GROUP**2) * _GROUP, dtype=np.uint64)
    mask = words.view(np.uint8)
    rows, bounds = entries.view(np.int32), entries.view(np.float32)
    column_rows, column_bounds = column_entries.view(np.int32), column_entries.view(np.float32)
    for row in range(products.shape[0]):
        line, norm, limit = products[row], row_norms[row], limits[row]
        _mark(line, norm, column_norms, limit, column_limits, mask)
        for first in range(0, words.shape[0], _GROUP):
            marked = np.uint64(0)
            for word in range(first, first + _GROUP):
                marked |= words[word]
            if marked == 0:
                continue
            for column in range(first * _GROUP, min((first + _GROUP) * _GROUP, n_columns)):
                if mask[column] == 0:
                    continue
                bound = _bound(line[column], norm, column_norms[column])
                if bound < limit and first_column + column != first_row + row:
                    count = counts[row]
                    bounds[row, 2 * count], rows[row, 2 * count + 1] = bound, first_column + column
                    counts[row] = count + 1
                    if count + 1 == entries.shape[1]:
                        limit = _select(entries[row], count + 1, length)
                        limits[row], counts[row] = limit, length
                if bound < column_limits[column]:
                    count = column_counts[column]
                    column_bounds[column, 2 * count], column_rows[column, 2 * count + 1] = bound, first_row + row
                    column_counts[column] = count + 1
                    if count + 1 == entries.shape[1]:
                        column_limits[column] = _select(column_entries[column], count + 1, length)
                        column_counts[column] = length


@compiled
def _bound(product: np.float32, norm: np.float32, column_norm: np.float32) -> np.float32:
    bound: np.float32 = (norm + column_norm) - np.float32(2) * product
    return bound


@compiled
def _mark(
    products: NDArray[np.float32],
    norm: np.float32,
    column_norms: NDArray[np.float32],
    limit: np.float32,
    column_limits: NDArray[np.float32],
    mask: NDArray[np.uint8],
) -> None:
    """Mark the columns that a row or that the row may concern: a loop without a branch, so that it is vectorised."""
    for column in range(products.shape[0]):
        bound = _bound(products[column], norm, column_norms[column])
        mask[column] = np.uint8(bound < limit) | np.uint8(bound < column_limits[column])


@compiled
def _select(entries: NDArray[np.int64], count: int, length: int) -> np.float32:
    """Bring the ``length`` entries of smallest bound to the front and give the largest of these bounds.

    Quickselect by Lomuto's partition, which swaps always and counts: no branch depends on an entry, so that none is
    mispredicted (2.4 times as fast as Hoare's here).
    """
    bounds = entries.view(np.float32)
    low, high = 0, count
    while True:
        one, other, third = bounds[2 * low], bounds[low + high - (low + high) % 2], bounds[2 * high - 2]
        pivot = max(min(one, other), min(max(one, other), third))
        smaller = low
        for i in range(low, high):
            entry, is_smaller = entries[i], bounds[2 * i] < pivot
            entries[i], entries[smaller] = entries[smaller], entry
            smaller += is_smaller
        if length <= smaller:
            high = smaller
            continue
        equal = smaller
        for i in range(smaller, high):
            entry, is_equal = entries[i], bounds[2 * i] <= pivot
            entries[i], entries[equal] = entries[equal], entry
            equal += is_equal
        if length <= equal:
            largest: np.float32 = pivot
            return largest
        low = equal


@compiled
def _shorten(entries: NDArray[np.int64], counts: NDArray[np.int64], limits: NDArray[np.float32], length: int) -> None:
    for query in range(entries.shape[0]):
        if counts[query] > length:
            limits[query] = _select(entries[query], counts[query], length)
            counts[query] = length
