"""Bars of any gray level, anywhere in the lower half of a picture: straight strokes of one level with sharp edges.

The brightest and the darkest level of a picture's foot are looked at first (`databar.overlay_regions`). What that
misses is print of another level, such as light gray letters on a specimen with white spots, and print further up.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.foreground_pieces import long_pieces
from pipeline.imaging.scale.gray_levels import median_level, near_level
from pipeline.imaging.scale.loops.strokes import is_edged
from pipeline.imaging.scale.regions.databar import DataBar

_SEARCHED_FRACTION: Final = 0.5
_EVEN: Final = 5
_EDGE: Final = 28
_SHORTEST_PX: Final = 21
_LONGEST_SHARE: Final = 0.8
_THICKEST_SHARE: Final = 0.25
_CONTRAST: Final = 35
_APART_PX: Final = 3
_EDGED_SHARE: Final = 0.8
_MOST_TRIED: Final = 60
_MOST_STROKES: Final = 4
_GOES_ON: Final = 30
_SAME_PX: Final = 8
_TOLERANCES: Final = (12, 30, 60)
_AROUND: Final = (0.18, 0.1)


def flat_stroke_regions(gray: NDArray[np.uint8]) -> list[DataBar]:
    """Find straight, level strokes of one gray level that end at once above and below.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]

    Returns
    -------
    list of DataBar
        Windows around at most four strokes, the longest first, with growing tolerance; ``background`` is ``picture``,
        ``level`` that of the stroke. Empty for a picture smaller than 32 px to a side.
    """
    height, width = gray.shape
    if height < 32 or width < 32:
        return []
    top = int(height * (1 - _SEARCHED_FRACTION))
    lower = gray[top:]
    whole = _once(_as_a_whole(lower, *stroke) for stroke in _strokes(lower))
    strokes = [(x, y + top, w, h) for x, y, w, h in islice(whole, _MOST_STROKES)]
    return [_window(gray, stroke, tolerance) for stroke in strokes for tolerance in _TOLERANCES]


def _strokes(gray: NDArray[np.uint8]) -> Iterator[tuple[int, int, int, int]]:
    """Boxes of the strokes, the longest first."""
    even = near_level(np.asarray(cv2.absdiff(gray[:, 1:], gray[:, :-1]), np.uint8), 0, _EVEN)
    # A row belongs to what is below it: a stroke on smooth ground would be one piece with it.
    step = near_level(np.asarray(cv2.absdiff(gray[1:], gray[:-1]), np.uint8), 0, _EDGE)
    even[1:] &= step[:, 1:]
    pieces = long_pieces(even, _SHORTEST_PX)
    width, height = pieces[:, 2], pieces[:, 3]
    flat = (width <= _LONGEST_SHARE * gray.shape[1]) & (height <= np.maximum(2, _THICKEST_SHARE * width))
    flat &= pieces[:, 4] >= 0.85 * width * height
    for x, y, w, h, _ in pieces[flat][np.argsort(-width[flat], kind="stable")][:_MOST_TRIED].tolist():
        if is_edged(gray, (x, y, w, h), _APART_PX, _CONTRAST, _EDGED_SHARE):
            yield x, y, w, h


def _as_a_whole(gray: NDArray[np.uint8], x: int, y: int, width: int, height: int) -> tuple[int, int, int, int]:
    """The stroke with what goes on beside it at about its level: JPEG coding breaks a long even one to pieces."""
    level = median_level(gray[y : y + height, x : x + width])
    other = np.flatnonzero(near_level(gray[y + height // 2], level, _GOES_ON) == 0)
    before, after = other[other < x], other[other >= x + width]
    left = int(before[-1]) + 1 if before.size else 0
    right = int(after[0]) if after.size else gray.shape[1]
    is_longer = right - left > width + _SAME_PX and right - left <= _LONGEST_SHARE * gray.shape[1]
    return (left, y, right - left, height) if is_longer else (x, y, width, height)


def _once(strokes: Iterable[tuple[int, int, int, int]]) -> Iterator[tuple[int, int, int, int]]:
    """Those that are not a part of one before them."""
    seen: list[tuple[int, int, int, int]] = []
    for x, y, width, height in strokes:
        is_part = (abs(y - one[1]) <= 1 and x >= one[0] and x + width <= one[0] + one[2] for one in seen)
        if not any(is_part):
            seen.append((x, y, width, height))
            yield x, y, width, height


def _window(gray: NDArray[np.uint8], stroke: tuple[int, int, int, int], tolerance: int) -> DataBar:
    x, y, width, height = stroke
    reach_x, reach_y = max(60, int(_AROUND[0] * gray.shape[1])), max(40, int(_AROUND[1] * gray.shape[1]))
    level = median_level(gray[y : y + height, x : x + width])
    top, bottom = max(0, y - reach_y), min(gray.shape[0], y + height + reach_y)
    left, right = max(0, x - reach_x), min(gray.shape[1], x + width + reach_x)
    return DataBar(top, bottom, left, right, "picture", level, tolerance)
