"""Candidate pairs of look-alike pictures from their small signatures, without comparing all with all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled

_GRID_PIXELS: Final = 3
_PROBED_PIXELS: Final = 16
_SAMPLE_ROWS: Final = 2048
_LEVELS: Final = 256
_NEIGHBOURS: Final = 9  # runs of neighbouring cells: 3 x 3, the third coordinate being contiguous


@dataclass(frozen=True, slots=True)
class NearPairs:
    """What `near_signature_pairs` found.

    Attributes
    ----------
    pairs : ndarray of int64, [pairs, 2]
        Rows (a < b), sorted by first, then second row.
    crowded : ndarray of int64
        Rows that look like so many others that their signatures do not tell them apart; ascending.
    """

    pairs: NDArray[np.int64]
    crowded: NDArray[np.int64]


def near_signature_pairs(
    signatures: NDArray[np.uint8], *, tolerance: int, crowd: int, new: NDArray[np.bool_] | None = None
) -> NearPairs:
    """Pairs (a < b) whose signatures differ by at most ``tolerance`` gray levels anywhere.

    Exact but for the crowds: no such pair is missed unless both rows have at least ``crowd`` partners. Rows are laid
    into a grid by three of their pixels, in cells so wide that the two of a pair lie in neighbouring cells; within them
    further pixels are compared one by one until one differs too much, and whole signatures only where none does. The
    pixels are those by which a sample of the rows differs most, each given those before it.

    Parameters
    ----------
    signatures : ndarray of uint8, [n, pixels]
    tolerance : int
        Gray levels.
    crowd : int
        A row with so many partners is crowded, and a pair of two crowded rows is left out: the pairs are at most
        ``n * crowd``.
    new : ndarray of bool, [n], optional
        Only pairs with a row of these; all pairs by default. Crowded rows are told among these and their partners.

    Returns
    -------
    NearPairs
        Pictures of one gray level throughout are never paired: their signature says nothing.

    Notes
    -----
    Memory O(n * crowd) at worst. Time O(n log n) for sorting, and then the (new) rows times the rows in the 27 cells
    around each, until a crowd is met: some thousandths of all where pictures differ.

    Examples
    --------
    >>> signatures = np.array([[0, 9], [50, 50], [1, 8], [9, 9]], np.uint8)
    >>> near_signature_pairs(signatures, tolerance=1, crowd=64).pairs.tolist()
    [[0, 2]]
    """
    rows = _telling_rows(signatures)
    wanted = np.ones(len(rows), bool) if new is None else new[rows]
    if len(rows) < 2 or not wanted.any():
        return NearPairs(np.empty((0, 2), np.int64), np.empty(0, np.int64))
    pixels = _telling_pixels(signatures, rows)
    keys = _cells(signatures, rows, pixels[:_GRID_PIXELS], tolerance)
    order = np.argsort(keys, kind="stable")
    probed = np.ascontiguousarray(signatures[:, pixels][rows[order]])
    found, crowded = _search(keys[order], probed, wanted[order], rows[order], signatures, tolerance, crowd)
    pairs = np.unique(np.sort(found, axis=1), axis=0)
    return NearPairs(pairs, np.sort(rows[order][crowded]))


def shared_value_pairs(values: NDArray[np.uint64], *, most: int, least: int = 1) -> NDArray[np.int64]:
    """Pairs (a < b) of rows that have values other than 0 in common, at the same places.

    Parameters
    ----------
    values : ndarray of uint64, [n, places]
        Zeros say nothing.
    most : int
        A value that more rows share says nothing either: so each row has at most ``places * most`` partners.
    least : int
        Places at which the two must agree; all that say something, where one of the two has fewer.

    Returns
    -------
    ndarray of int64, [pairs, 2]
        Sorted by first, then second row.

    Examples
    --------
    >>> shared_value_pairs(np.array([[7, 0], [7, 5], [0, 5], [0, 7]], np.uint64), most=10).tolist()
    [[0, 1], [1, 2]]
    """
    found = [pair for column in values.T for pair in _sharing(column, most)] if len(values) else []
    if not found:
        return np.empty((0, 2), np.int64)
    pairs, agreeing = np.unique(np.concatenate(found), axis=0, return_counts=True)
    telling = np.count_nonzero(values, axis=1)
    needed = np.minimum(least, np.minimum(telling[pairs[:, 0]], telling[pairs[:, 1]]))
    kept: NDArray[np.int64] = pairs[agreeing >= needed]
    return kept


def _sharing(column: NDArray[np.uint64], most: int) -> Iterator[NDArray[np.int64]]:
    """Pairs of rows with the same value, a group of equal values at a time."""
    order = np.argsort(column, kind="stable")
    starts = np.flatnonzero(np.diff(column[order], prepend=~column[order[:1]]) != 0)
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(order)], strict=True):
        if 2 <= stop - start <= most and column[order[start]]:
            first, second = np.triu_indices(stop - start, 1)
            members = order[start:stop].astype(np.int64)
            yield np.stack([members[first], members[second]], axis=1)


def _telling_rows(signatures: NDArray[np.uint8]) -> NDArray[np.int64]:
    if not signatures.size:
        return np.empty(0, np.int64)
    return np.flatnonzero(signatures.max(axis=1) > signatures.min(axis=1)).astype(np.int64)


def _telling_pixels(signatures: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The pixels of largest variance given those before them (a pivoted Gram-Schmidt process on a sample)."""
    values = signatures[rows[:: -(-len(rows) // _SAMPLE_ROWS)]].astype(np.float64)
    values -= values.mean(axis=0)
    chosen: list[int] = []
    for _ in range(min(_PROBED_PIXELS, values.shape[1])):
        variances = np.einsum("ij,ij->j", values, values)
        variances[chosen] = -1.0
        best = int(np.argmax(variances))
        chosen.append(best)
        if variances[best] > 0:
            direction = values[:, best] / np.sqrt(variances[best])
            values -= np.outer(direction, direction @ values)
    return np.array(chosen, np.int64)


def _cells(
    signatures: NDArray[np.uint8], rows: NDArray[np.int64], pixels: NDArray[np.int64], tolerance: int
) -> NDArray[np.int64]:
    """A number for the cell of each row; with fewer than three pixels the missing coordinates are 0."""
    keys = np.zeros(len(rows), np.int64)
    for axis in range(_GRID_PIXELS):
        keys *= _LEVELS
        if axis < len(pixels):
            keys += signatures[rows, pixels[axis]].astype(np.int64) // (tolerance + 1)
    return keys


@compiled
def _search(
    keys: NDArray[np.int64],
    probed: NDArray[np.uint8],
    wanted: NDArray[np.bool_],
    rows: NDArray[np.int64],
    signatures: NDArray[np.uint8],
    tolerance: int,
    crowd: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Pairs of ``rows``, some twice, and who is crowded; all arrays but ``signatures`` are in the order of ``keys``."""
    found = np.empty((1024, 2), np.int64)
    count = 0
    runs = np.empty((_NEIGHBOURS, 2), np.int64)
    partners = np.empty(len(keys), np.int64)
    crowded = np.zeros(len(keys), np.bool_)
    asked = wanted.copy()
    all_wanted = wanted.all()
    for late in range(2):  # the second time those who look like a crowded new row: they may be in no crowd themselves
        cell = -1
        for query in range(len(keys)):
            if wanted[query] == (late == 1) or not asked[query]:
                continue
            if keys[query] != cell:
                cell = keys[query]
                _neighbouring_runs(keys, cell, runs)
            n = _partners(query, runs, probed, rows, signatures, tolerance, crowd, partners)
            if n >= crowd:
                crowded[query] = True
                if late == 0 and not all_wanted:
                    n = _partners(query, runs, probed, rows, signatures, tolerance, len(keys), partners)
                    asked[partners[:n]] = True
                continue
            for place in range(n):
                other = partners[place]
                if late == 1 and not wanted[other]:
                    continue
                if count == len(found):
                    larger = np.empty((2 * count, 2), np.int64)
                    larger[:count] = found
                    found = larger
                found[count, 0], found[count, 1] = rows[query], rows[other]
                count += 1
    return found[:count].copy(), crowded


@compiled
def _partners(
    query: int,
    runs: NDArray[np.int64],
    probed: NDArray[np.uint8],
    rows: NDArray[np.int64],
    signatures: NDArray[np.uint8],
    tolerance: int,
    most: int,
    partners: NDArray[np.int64],
) -> int:
    """How many rows are close to ``query``, and which: at most ``most`` are looked for."""
    n = 0
    for run in range(_NEIGHBOURS):
        for other in range(runs[run, 0], runs[run, 1]):
            if (
                other != query
                and _close(probed[query], probed[other], tolerance)
                and _close(signatures[rows[query]], signatures[rows[other]], tolerance)
            ):
                partners[n] = other
                n += 1
                if n == most:
                    return n
    return n


@compiled
def _neighbouring_runs(keys: NDArray[np.int64], cell: int, runs: NDArray[np.int64]) -> None:
    """Where the rows of a cell and its neighbours stand: [start, stop) for each of 3 x 3 rows of three cells."""
    x, y, z = cell // (_LEVELS * _LEVELS), cell // _LEVELS % _LEVELS, cell % _LEVELS
    number = 0
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            runs[number] = 0
            if 0 <= x + dx < _LEVELS and 0 <= y + dy < _LEVELS:
                base = ((x + dx) * _LEVELS + y + dy) * _LEVELS
                runs[number, 0] = np.searchsorted(keys, base + max(z - 1, 0), side="left")
                runs[number, 1] = np.searchsorted(keys, base + min(z + 1, _LEVELS - 1), side="right")
            number += 1


@compiled
def _close(a: NDArray[np.uint8], b: NDArray[np.uint8], tolerance: int) -> bool:
    for i in range(len(a)):  # noqa: SIM110 - Numba compiles no generators
        if abs(np.int64(a[i]) - np.int64(b[i])) > tolerance:
            return False
    return True
