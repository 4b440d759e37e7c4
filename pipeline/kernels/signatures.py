"""Candidate pairs of look-alike pictures from their small signatures, without comparing all with all."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled

_GRID_PIXELS: Final = 3
_PROBED_PIXELS: Final = 16
_SAMPLE_ROWS: Final = 2048
_LEVELS: Final = 256
_NEIGHBOURS: Final = 9  # runs of neighbouring cells: 3 x 3, the third coordinate being contiguous


def near_signature_pairs(
    signatures: NDArray[np.uint8], *, tolerance: int, new: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Pairs (a < b) whose signatures differ by at most ``tolerance`` gray levels anywhere.

    Exact: no such pair is missed. Rows are laid into a grid by three of their pixels, in cells so wide that the two of
    a pair lie in neighbouring cells; within them further pixels are compared one by one until one differs too much, and
    whole signatures only where none does. The pixels are those by which a sample of the rows differs most, each given
    those before it.

    Parameters
    ----------
    signatures : ndarray of uint8, [n, pixels]
    tolerance : int
        Gray levels.
    new : ndarray of bool, [n], optional
        Only pairs with a row of these; all pairs by default.

    Returns
    -------
    ndarray of int64, [pairs, 2]
        Sorted by first, then second row. Pictures of one gray level throughout are never paired: their signature says
        nothing.

    Notes
    -----
    Memory O(n + pairs). Time O(n log n) for sorting, and then the (new) rows times the rows in the 27 cells around
    each: some thousandths of all where pictures differ, up to half of them where they are all dark or all empty.

    Examples
    --------
    >>> near_signature_pairs(np.array([[0, 9], [50, 50], [1, 8], [9, 9]], np.uint8), tolerance=1).tolist()
    [[0, 2]]
    """
    rows = _telling_rows(signatures)
    wanted = np.ones(len(rows), bool) if new is None else new[rows]
    if len(rows) < 2 or not wanted.any():
        return np.empty((0, 2), np.int64)
    pixels = _telling_pixels(signatures, rows)
    keys = _cells(signatures, rows, pixels[:_GRID_PIXELS], tolerance)
    order = np.argsort(keys, kind="stable")
    probed = np.ascontiguousarray(signatures[:, pixels][rows[order]])
    found = _search(keys[order], probed, wanted[order], rows[order], signatures, tolerance, bool(wanted.all()))
    pairs = np.sort(found, axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


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
    all_wanted: bool,
) -> NDArray[np.int64]:
    """Pairs of ``rows``; all other arrays but ``signatures`` are in the order of the cells ``keys``."""
    found = np.empty((1024, 2), np.int64)
    count = 0
    runs = np.empty((_NEIGHBOURS, 2), np.int64)
    cell = -1
    for query in range(len(keys)):
        if not wanted[query]:
            continue
        if keys[query] != cell:
            cell = keys[query]
            _neighbouring_runs(keys, cell, runs)
        for run in range(_NEIGHBOURS):
            first = max(runs[run, 0], query + 1) if all_wanted else runs[run, 0]
            for other in range(first, runs[run, 1]):
                # A pair of two wanted rows is found from the earlier of them.
                if wanted[other] and other <= query:
                    continue
                if _close(probed[query], probed[other], tolerance) and _close(
                    signatures[rows[query]], signatures[rows[other]], tolerance
                ):
                    if count == len(found):
                        larger = np.empty((2 * count, 2), np.int64)
                        larger[:count] = found
                        found = larger
                    found[count, 0], found[count, 1] = rows[query], rows[other]
                    count += 1
    return found[:count].copy()


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
