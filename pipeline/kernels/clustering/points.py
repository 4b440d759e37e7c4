"""The distinct points of a set, where squares neither overflow nor cancel: what every tree of merges begins with."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError, Vectors, as_vectors, require_finite
from pipeline.kernels.compiled import compiled

_BLOCK_ROWS = 4096
_ORIGIN_BITS = 20


@dataclass(frozen=True, slots=True)
class DistinctPoints:
    """Rows that differ, moved near the origin and scaled by a power of two into [-2, 2].

    Attributes
    ----------
    rows : float64 [n, D]
        In the order of their first copies.
    copies : int64 [n]
        How many rows each stands for.
    first : int64 [n]
        The lowest of these rows, ascending.
    of_row : int64 [N]
        The point of every row given.
    exponent : int
        A distance of the vectors given is one of ``rows`` times ``2**exponent``.
    """

    rows: NDArray[np.float64]
    copies: NDArray[np.int64]
    first: NDArray[np.int64]
    of_row: NDArray[np.int64]
    exponent: int

    def lengths(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn distances between ``rows`` into those of the vectors given.

        Raises
        ------
        InvalidDataError
            One that does not fit into float64.
        """
        with np.errstate(over="ignore"):
            found: NDArray[np.float64] = np.ldexp(scaled, self.exponent)
        if not np.isfinite(found).all():
            raise InvalidDataError("distances do not fit into float64; rescale the vectors")
        return found


def distinct_points(vectors: ArrayLike) -> DistinctPoints:
    """Find the points of a set that differ.

    The origin is the mean, rounded so coarsely that moving integers and float32 numbers of like size is exact: what
    tied stays tied. Distances below ``2**-537`` of the extent are 0, as their squares are. ``-0.0`` equals ``0.0``.

    Parameters
    ----------
    vectors : array_like, [N, D]
        At least 1 row.

    Raises
    ------
    UsageError
        No rows, or no matrix of real numbers.
    InvalidDataError
        A NaN or an infinity.

    Notes
    -----
    Time ``N D``; ``8 N D`` bytes, and as many again where there are copies.
    """
    array = as_vectors(vectors)
    if len(array) == 0:
        raise UsageError("clustering needs at least one row; found none")
    require_finite(array)
    rows, exponent, _ = scaled_rows(array)
    of_row, first = group_equal_rows(rows)
    copies = np.bincount(of_row)
    return DistinctPoints(rows if len(first) == len(rows) else rows[first], copies, first, of_row, exponent)


def group_equal_rows(rows: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number equal rows alike, in the order in which they first appear.

    Parameters
    ----------
    rows : float32 or float64 [N, D]

    Returns
    -------
    of_row : int64 [N]
        The group of every row.
    first : int64 [n]
        The lowest row of each group, ascending.
    """
    rows = np.ascontiguousarray(rows)
    hashes = _hash_rows(rows, rows.view(np.uint32 if rows.itemsize == 4 else np.uint64))
    lowest = _lowest_equal(rows, hashes, np.argsort(hashes, kind="stable"))
    first, of_row = np.unique(lowest, return_inverse=True)
    return of_row.astype(np.int64), first


def centred_rows(array: Vectors) -> Vectors:
    """A copy about the origin and within [-2, 2], in its own type: for scores that have no unit.

    Parameters
    ----------
    array : float32 or float64 [N, D]
        Finite.
    """
    if len(array) == 0:
        raise UsageError("clustering needs at least one row; found none")
    if array.dtype == np.float64:
        return scaled_rows(array)[0]
    rows = np.empty_like(array)
    origin = array.mean(axis=0, dtype=np.float64)
    largest = 0.0
    for start in range(0, len(array), _BLOCK_ROWS):
        part = array[start : start + _BLOCK_ROWS] - origin
        largest = max(largest, float(np.abs(part).max()))
    exponent = math.frexp(largest)[1]
    for start in range(0, len(array), _BLOCK_ROWS):
        rows[start : start + _BLOCK_ROWS] = np.ldexp(array[start : start + _BLOCK_ROWS] - origin, -exponent)
    return rows


def scaled_rows(array: Vectors) -> tuple[NDArray[np.float64], int, NDArray[np.float64]]:
    """A float64 copy near the origin and within [-2, 2].

    Parameters
    ----------
    array : float32 or float64 [N, D]
        Finite, at least 1 row.

    Returns
    -------
    rows : float64 [N, D]
    exponent : int
        ``array`` is ``rows * 2**exponent + origin`` but for rounding.
    origin : float64 [D]
    """
    blocks = range(0, len(array), _BLOCK_ROWS)
    exponent = math.frexp(max(float(np.abs(array[start : start + _BLOCK_ROWS]).max()) for start in blocks))[1]
    rows = array.astype(np.float64)
    np.ldexp(rows, -exponent, out=rows)
    origin = np.round(np.ldexp(rows.mean(axis=0), _ORIGIN_BITS)) * 2.0**-_ORIGIN_BITS
    rows -= origin
    origin = np.ldexp(origin, exponent)
    extent = math.frexp(float(max(rows.max(), -rows.min())))[1]
    if extent < 0:
        np.ldexp(rows, -extent, out=rows)
        exponent += extent
    rows += 0.0
    return rows, exponent, origin


@compiled
def _hash_rows(rows: Vectors, words: NDArray[np.unsignedinteger]) -> NDArray[np.uint64]:
    hashes = np.empty(rows.shape[0], dtype=np.uint64)
    for row in range(rows.shape[0]):
        value = np.uint64(14695981039346656037)
        for column in range(rows.shape[1]):
            word = np.uint64(words[row, column]) if rows[row, column] != 0 else np.uint64(0)
            value = (value ^ word) * np.uint64(1099511628211)
            value ^= value >> np.uint64(29)
        hashes[row] = value
    return hashes


@compiled
def _lowest_equal(rows: Vectors, hashes: NDArray[np.uint64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of every row the lowest one that equals it; rows come by hash and then row."""
    lowest = np.arange(rows.shape[0])
    begin = 0
    for place in range(1, order.shape[0]):
        row = order[place]
        if hashes[row] != hashes[order[begin]]:
            begin = place
            continue
        for earlier in range(begin, place):
            other = order[earlier]
            if lowest[other] == other and np.array_equal(rows[other], rows[row]):
                lowest[row] = other
                break
    return lowest
