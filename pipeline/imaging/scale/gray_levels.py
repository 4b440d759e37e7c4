"""Medians and shares of gray levels: compiled loops for small parts, OpenCV for large ones, whichever is faster."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.loops import level_counts as kernels

_FEW: Final = 20_000
"""Up to here a compiled loop is faster than OpenCV, whose calls cost more than they do."""


def median_level(values: NDArray[np.uint8]) -> int:
    """The median of gray levels, rounded down; 0 for none.

    Examples
    --------
    >>> median_level(np.array([9, 1, 4, 6], np.uint8))
    5
    """
    if values.size <= _FEW:
        return kernels.median_level(_as_rows(values))
    first, last = (values.size - 1) // 2, values.size // 2
    below = np.cumsum(level_counts(values), dtype=np.float64)
    lower, upper = np.searchsorted(below, (first + 0.5, last + 0.5))
    return int(lower + upper) // 2


def _as_rows(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return values if values.ndim == 2 else values.reshape(1, -1)


def level_counts(values: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How many pixels have each of the 256 levels."""
    counts = cv2.calcHist([np.ascontiguousarray(values)], [0], None, [256], [0, 256])
    return np.asarray(counts, dtype=np.float32).ravel()


def share_near(values: NDArray[np.uint8], level: int, tolerance: int) -> float:
    """The share of pixels no further than ``tolerance`` from a level; 0 for none."""
    if values.size <= _FEW:
        return kernels.count_near(_as_rows(values), level, tolerance) / max(1, values.size)
    return cv2.countNonZero(near_level(values, level, tolerance)) / values.size


def near_level(values: NDArray[np.uint8], level: int, tolerance: int) -> NDArray[np.uint8]:
    """255 where a pixel is no further than ``tolerance`` from a level, else 0."""
    if not values.size:
        return np.zeros_like(values)
    return np.asarray(cv2.inRange(values, max(0, level - tolerance), min(255, level + tolerance)), dtype=np.uint8)


def distance_from(values: NDArray[np.uint8], level: int) -> NDArray[np.uint8]:
    """How far each pixel is from a level."""
    return np.asarray(cv2.absdiff(values, np.full_like(values, level)), dtype=np.uint8)


def row_shares(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The share of each row of a mask of 0 and 255 that is 255."""
    sums = cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
    return np.asarray(sums / (255.0 * mask.shape[1]), dtype=np.float64)
