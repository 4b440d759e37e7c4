"""Rows within a tolerance of each other everywhere, by a grid of the features that tell them best.

A feature of a row moves by at most one level where all of the row's values do, as each value itself, the largest of
some of them, or the third of several such largest ones. Rows within the tolerance therefore lie in neighbouring cells
of a grid whose cells are wider than it. Where too many rows share a neighbourhood, they get a grid of their own, by the
features that tell these rows: frames with a bright particle each are alike in every value but a few, and differ by
their maxima.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled

_AXES: Final = 3
_PROBED: Final = 16
_SAMPLE_ROWS: Final = 1024
_LEVELS: Final = 256
_INTERVALS: Final = 10  # 3 x 3 runs of neighbouring cells, the third coordinate being contiguous; the own one in two

_SIGNS: Final = np.uint64(0x8000_8000_8000_8000)
_EVEN: Final = np.uint64(0x00FF_00FF_00FF_00FF)
_BYTE: Final = np.uint64(8)
_WORDS_AT_ONCE: Final = 8

_GROUPS: Final = 32
_BLOCK_ROWS: Final = 4096

# A query looks at so many rows around it; then it is cheaper to tell the rows of its neighbourhood by other features.
_DENSE: Final = 512
_LITTLE_WORK: Final = 1 << 18  # pairs
_HARDLY_FEWER: Final = 0.7
_DEEPEST: Final = 6

Found = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Pairs, int64 [pairs, 2], of a row that was asked and is not crowded with its partner; and the crowded rows."""


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for.

    Attributes
    ----------
    signatures : ndarray of uint8, [n, values]
    words : ndarray of uint64
        The same: `as_words`.
    tolerance : int
    crowd : int
        A row with so many partners is crowded, and none of them is noted.
    noted : ndarray of bool, [n]
        Partners that count for a pair; for a crowd all do.
    """

    signatures: NDArray[np.uint8]
    words: NDArray[np.uint64]
    tolerance: int
    crowd: int
    noted: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Grid:
    """Rows in the order of their cells, and the features of each that are compared first."""

    keys: NDArray[np.int64]
    rows: NDArray[np.int64]
    order: NDArray[np.int64]
    probed: NDArray[np.uint64]


def find_partners(search: Search, rows: NDArray[np.int64], asked: NDArray[np.bool_]) -> Iterator[Found]:
    """The partners among ``rows`` of those that are ``asked``.

    Parameters
    ----------
    search : Search
    rows : ndarray of int64, [m]
    asked : ndarray of bool, [m]

    Yields
    ------
    Found
        Each row that was asked is dealt with in one of these parts.

    Notes
    -----
    Time O(m log m), and for each row that is asked what lies in the cells around it, some hundred rows: where more do,
    and it is in no crowd, they are told apart anew, at most six times. Rows that no feature tells apart and that are
    not alike either (noise in every value, beyond the tolerance) are compared all with all in the end.
    """
    return _find(search, rows, asked, np.empty((len(rows), 0), np.uint8), 0)


def _find(
    search: Search, rows: NDArray[np.int64], asked: NDArray[np.bool_], extremes: NDArray[np.uint8], depth: int
) -> Iterator[Found]:
    """`find_partners`; the ``extremes`` of the rows are features too, and are calculated when they are needed first."""
    grid = _make_grid(search, rows, extremes)
    limit = _DENSE if depth < _DEEPEST else len(rows)
    pairs, crowded, left = _search(grid, search, asked[grid.order], limit)
    yield pairs, grid.rows[crowded]
    direct = np.zeros(len(rows), bool)
    for queries, near in _neighbourhoods(grid, np.flatnonzero(left)):
        little = len(queries) * len(near) <= _LITTLE_WORK
        if little or (depth and len(near) > _HARDLY_FEWER * len(rows)):
            direct[queries] = True
            continue
        extremes = extremes if extremes.size else _extremes(search.signatures, rows)
        here = np.zeros(len(rows), bool)
        here[queries] = True
        yield from _find(search, grid.rows[near], here[near], extremes[grid.order[near]], depth + 1)
    if direct.any():
        pairs, crowded, _ = _search(grid, search, direct, len(rows))
        yield pairs, grid.rows[crowded]


def rows_around(search: Search, rows: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of ``rows`` may be partners of the ``chosen`` among them: those that lie in the cells around."""
    grid = _make_grid(search, rows, np.empty((len(rows), 0), np.uint8))
    found = np.zeros(len(rows), bool)
    for _, near in _neighbourhoods(grid, np.flatnonzero(chosen[grid.order])):
        found[grid.order[near]] = True
    return found


def _neighbourhoods(grid: _Grid, queries: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Places in the grid by cell: some queries, and all rows in the cells around them."""
    if not len(queries):
        return
    starts = np.flatnonzero(np.diff(grid.keys[queries], prepend=-1))
    intervals = np.empty((_INTERVALS, 2), np.int64)
    for part in np.split(queries, starts[1:]):
        _set_intervals(grid.keys, int(grid.keys[part[0]]), intervals)
        yield part, np.concatenate([np.arange(start, stop) for start, stop in intervals[1:].tolist()])


def _make_grid(search: Search, rows: NDArray[np.int64], extremes: NDArray[np.uint8]) -> _Grid:
    """Lay rows into a grid by the best of their values and ``extremes`` (uint8 [m, features])."""
    values = search.signatures
    step = -(-len(rows) // _SAMPLE_ROWS)
    columns = _telling(np.concatenate([values[rows[::step]], extremes[::step]], axis=1).astype(np.float32))
    probed = np.empty((len(rows), len(columns)), np.uint8)
    for place, column in enumerate(columns.tolist()):
        beyond = column - values.shape[1]
        probed[:, place] = values[rows, column] if beyond < 0 else extremes[:, beyond]
    keys = np.zeros(len(rows), np.int64)
    for axis in range(_AXES):  # with fewer than three values the missing coordinates are 0
        keys *= _LEVELS
        if axis < probed.shape[1]:
            keys += probed[:, axis].astype(np.int64) // (search.tolerance + 1)
    order = np.argsort(keys, kind="stable")
    return _Grid(keys[order], rows[order], order, as_words(probed[order]))


def _extremes(signatures: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The largest and smallest of groups of values, as they stand and by size."""
    width = signatures.shape[1]
    starts = np.unique(np.linspace(0, width, min(_GROUPS, width), endpoint=False).astype(np.int64))
    found = np.empty((len(rows), 4 * len(starts)), np.uint8)
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = signatures[rows[start : start + _BLOCK_ROWS]]
        parts = [np.maximum.reduceat(block, starts, axis=1), np.minimum.reduceat(block, starts, axis=1)]
        parts += [np.sort(part, axis=1) for part in parts]
        found[start : start + _BLOCK_ROWS] = np.concatenate(parts, axis=1)
    return found


def _telling(sample: NDArray[np.float32]) -> NDArray[np.int64]:
    """The features of largest variance given those before them (a pivoted Gram-Schmidt process)."""
    sample -= sample.mean(axis=0)
    chosen: list[int] = []
    for _ in range(min(_PROBED, sample.shape[1])):
        variances = np.einsum("ij,ij->j", sample, sample)
        variances[chosen] = -1.0
        best = int(np.argmax(variances))
        chosen.append(best)
        if variances[best] > 0:
            direction = sample[:, best] / np.sqrt(variances[best])
            sample -= np.outer(direction, direction @ sample)
    return np.array(chosen, np.int64)


def _search(
    grid: _Grid, search: Search, asked: NDArray[np.bool_], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Pairs of rows; and by place in the grid who is crowded, and who has more than ``limit`` rows around it."""
    return _search_compiled(
        grid.keys,
        grid.probed,
        grid.rows,
        asked,
        search.words,
        search.noted,
        _bias(search.tolerance),
        search.crowd,
        limit,
    )


@compiled
def _search_compiled(
    keys: NDArray[np.int64],
    probed: NDArray[np.uint64],
    rows: NDArray[np.int64],
    asked: NDArray[np.bool_],
    words: NDArray[np.uint64],
    noted: NDArray[np.bool_],
    bias: np.uint64,
    crowd: int,
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    found = np.empty((1024, 2), np.int64)
    count = 0
    intervals = np.empty((_INTERVALS, 2), np.int64)
    partners = np.empty(crowd, np.int64)
    crowded = np.zeros(len(keys), np.bool_)
    left = np.zeros(len(keys), np.bool_)
    cell = -1
    for query in range(len(keys)):
        if not asked[query]:
            continue
        if keys[query] != cell:
            cell = keys[query]
            _set_intervals(keys, cell, intervals)
        n = _partners(query, intervals, probed, rows, words, bias, limit, partners)
        crowded[query] = n == crowd
        left[query] = n < 0
        if n == crowd:
            continue
        for place in range(n):
            other = rows[partners[place]]
            if not noted[other]:
                continue
            if count == len(found):
                larger = np.empty((2 * count, 2), np.int64)
                larger[:count] = found
                found = larger
            found[count, 0], found[count, 1] = rows[query], other
            count += 1
    return found[:count].copy(), crowded, left


@compiled
def _partners(
    query: int,
    intervals: NDArray[np.int64],
    probed: NDArray[np.uint64],
    rows: NDArray[np.int64],
    words: NDArray[np.uint64],
    bias: np.uint64,
    limit: int,
    partners: NDArray[np.int64],
) -> int:
    """How many rows are close to ``query``, until ``partners`` is full; -1 where more than ``limit`` are to be seen.

    Those behind it in its own run of cells come first: in a crowd they are partners already.
    """
    n = seen = 0
    for number in range(_INTERVALS):
        start, stop = intervals[number, 0], intervals[number, 1]
        if number == 0:
            start = query + 1
        elif number == 1:
            stop = query
        for other in range(start, stop):
            if seen == limit:
                return -1
            seen += 1
            if _close(probed, query, other, bias) and _close(words, rows[query], rows[other], bias):
                partners[n] = other
                n += 1
                if n == len(partners):
                    return n
    return n


@compiled
def _set_intervals(keys: NDArray[np.int64], cell: int, intervals: NDArray[np.int64]) -> None:
    """Where the rows of a cell and its neighbours stand: [start, stop) of each run of three cells, the own one first.

    The own run comes twice, for a query within it to take what follows it from one and what precedes it from the other.
    """
    x, y, z = cell // (_LEVELS * _LEVELS), cell // _LEVELS % _LEVELS, cell % _LEVELS
    for number in range(1, _INTERVALS):
        dx, dy = ((number - 1) // 3 + 1) % 3 - 1, number % 3 - 1  # 0, 1, -1
        intervals[number] = 0
        if 0 <= x + dx < _LEVELS and 0 <= y + dy < _LEVELS:
            base = ((x + dx) * _LEVELS + y + dy) * _LEVELS
            intervals[number, 0] = np.searchsorted(keys, base + max(z - 1, 0), side="left")
            intervals[number, 1] = np.searchsorted(keys, base + min(z + 1, _LEVELS - 1), side="right")
    intervals[0] = intervals[1]


@compiled
def _close(rows: NDArray[np.uint64], i: int, j: int, bias: np.uint64) -> bool:
    """Whether all bytes of two rows of words are within the tolerance that is in ``bias``: `_bias`."""
    words = rows.shape[1]
    for start in range(0, words, _WORDS_AT_ONCE):
        fits = _SIGNS
        for place in range(start, min(start + _WORDS_AT_ONCE, words)):
            x, y = rows[i, place], rows[j, place]
            x_even, y_even = x & _EVEN, y & _EVEN
            x_odd, y_odd = (x >> _BYTE) & _EVEN, (y >> _BYTE) & _EVEN
            fits &= (x_even + bias - y_even) & (y_even + bias - x_even)
            fits &= (x_odd + bias - y_odd) & (y_odd + bias - x_odd)
        if fits != _SIGNS:
            return False
    return True


def _bias(tolerance: int) -> np.uint64:
    """What makes the top bit of a lane of 16 bits say whether x - y + tolerance is at least 0.

    Four bytes at a time are subtracted as lanes of one word, which is ten times faster than byte by byte.
    """
    return np.uint64(int(_SIGNS) + min(tolerance, _LEVELS - 1) * 0x0001_0001_0001_0001)


def as_words(values: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Rows of bytes as rows of words, with zeros behind where they do not fill the last word."""
    missing = -values.shape[1] % 8
    filled = np.pad(values, ((0, 0), (0, missing))) if missing else np.ascontiguousarray(values)
    return filled.view(np.uint64)
