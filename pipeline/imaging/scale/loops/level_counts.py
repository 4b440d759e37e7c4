"""Counts of gray levels in small parts of a picture, where a NumPy call costs more than the counting itself."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled

_LEVELS = 256


@compiled
def level_of_rank(counts: NDArray[np.int32], rank: int) -> int:
    """The level that the value of a rank, counted from 0, has."""
    below = 0
    for level in range(_LEVELS):
        below += counts[level]
        if below > rank:
            return level
    return 0


@compiled
def median_of_counts(counts: NDArray[np.int32]) -> float:
    """The median of gray levels of which there are so many each [256]; 0 for none."""
    total = counts.sum()
    return (level_of_rank(counts, (total - 1) // 2) + level_of_rank(counts, total // 2)) / 2


@compiled
def median_level(values: NDArray[np.uint8]) -> int:
    """The median of gray levels [rows, columns], rounded down; 0 for none."""
    counts = np.zeros(_LEVELS, np.int32)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            counts[values[row, column]] += 1
    return int(median_of_counts(counts))


@compiled
def count_near(values: NDArray[np.uint8], level: int, tolerance: int) -> int:
    """How many of some gray levels [rows, columns] are no further than ``tolerance`` from a level."""
    found = 0
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            found += abs(int(values[row, column]) - level) <= tolerance
    return found


@compiled
def row_levels(rows: NDArray[np.uint8], tolerance: int) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """The median of each row, the upper one of two, and the share of the row that is near it.

    Parameters
    ----------
    rows : uint8 ndarray, [rows, columns]
        At least one column.
    tolerance : int
        What is no further than this from the median is near it.

    Returns
    -------
    int16 ndarray [rows], float64 ndarray [rows]
    """
    height, width = rows.shape
    medians, shares = np.empty(height, np.int16), np.empty(height)
    counts = np.zeros(_LEVELS, np.int32)
    for row in range(height):
        for column in range(width):
            counts[rows[row, column]] += 1
        median = level_of_rank(counts, width // 2)
        near = counts[max(0, median - tolerance) : median + tolerance + 1]
        medians[row], shares[row] = median, near.sum() / width
        for column in range(width):
            counts[rows[row, column]] = 0
    return medians, shares


@compiled
def even_rows(rows: NDArray[np.uint8], darkest: int, brightest: int) -> NDArray[np.bool_]:
    """Which rows are all no brighter than ``darkest``, or all no darker than ``brightest``.

    Parameters
    ----------
    rows : uint8 ndarray, [rows, columns]
    darkest, brightest : int

    Returns
    -------
    bool ndarray [rows]
    """
    height, width = rows.shape
    even = np.zeros(height, np.bool_)
    for row in range(height):
        column = 0
        while column < width and rows[row, column] <= darkest:
            column += 1
        if column == 0:
            while column < width and rows[row, column] >= brightest:
                column += 1
        even[row] = column == width
    return even
