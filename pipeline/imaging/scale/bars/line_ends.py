"""What stands at a line's ends: arrow heads, whose tips a mask loses, its other half behind its label, more fields."""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.gray_levels import median_level
from pipeline.imaging.scale.loops.level_counts import row_levels
from pipeline.imaging.scale.loops.strokes import foreground_heights

_REACH_PX: Final = 24
_HEAD_PX: Final = 3
_TIP_SHARE: Final = 0.5
_TALLEST_PX: Final = 20
_BESIDE_PX: Final = 2
_AROUND_PX: Final = 3
_LEAST_BESIDE_PX: Final = 20
_AS_CLEAR: Final = 0.55
"""Beside the fields of drawn chequered bars it is 0.57 and more, in 3 of some 90 other bars on texture up to 0.61."""

Box = tuple[int, int, int, int]


def has_arrow_head(gray: NDArray[np.uint8], line: Box) -> bool:
    """Whether a line ends in an arrow head at either end: it rises over the line, and falls off to a tip outwards.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    line : (x, y, width, height)
        The stroke alone, with its tips or without.

    Returns
    -------
    bool
        False for ticks, which are as high at their outer edge as further in, and for bars thicker than 12 pixels.
    """
    x, y, width, height = line
    if height > 12:
        return False
    top, bottom = max(0, y - _TALLEST_PX), min(gray.shape[0], y + height + _TALLEST_PX)
    inner = gray[:, x + width // 4 : x + width - width // 4]
    level = median_level(inner[y : y + height])
    around = [median_level(inner[row]) for row in (y - 3, y + height + 2) if 0 <= row < gray.shape[0]]
    ground = min(around, key=lambda one: abs(level - one), default=level)
    if ground == level:
        return False
    # A head is thicker than its line, and so may be further from the ground where a blur made that paler.
    rise = (gray[top:bottom].astype(np.int16) - ground) * (1 if level > ground else -1)
    covered = np.asarray(rise >= abs(level - ground) // 2, np.uint8)
    middle = y + height // 2 - top
    ends = ((x + width - 1, 1), (x, -1))
    heights = (foreground_heights(covered, middle, at, outwards, _REACH_PX) for at, outwards in ends)
    return any(_is_head(found.tolist(), height) for found in heights)


def _is_head(heights: list[int], thickness: int) -> bool:
    """Whether heights rise to a head well before the end, and fall step by step to half of it or less at the end."""
    if len(heights) < 2 * _HEAD_PX:
        return False
    tallest = max(heights)
    peak = len(heights) - 1 - heights[::-1].index(tallest)
    outer = heights[peak:]
    falls = all(later <= before for before, later in pairwise(outer))
    is_high = thickness + _HEAD_PX <= tallest < 2 * _TALLEST_PX
    return is_high and falls and len(outer) > _HEAD_PX and outer[-1] <= _TIP_SHARE * tallest


def has_other_half(gray: NDArray[np.uint8], line: Box, label: Box) -> bool:
    """Whether a stroke goes on behind the label beside it, as one of its level and thickness in its rows."""
    x, y, width, height = line
    label_x, _, label_width, label_height = label
    start, step = (label_x - 1, -1) if x > label_x else (label_x + label_width, 1)
    reach = 2 * label_height
    columns = slice(max(0, start - reach), start) if step < 0 else slice(start, start + reach)
    level = median_level(gray[y : y + height, x : x + width])
    around = [row for row in (y - 3, y + height + 2) if 0 <= row < gray.shape[0]]
    beside = gray[around, columns].astype(np.int16)
    if not beside.size:
        return False
    contrast = min(abs(level - median_level(gray[row, x : x + width])) for row in around)
    stroke = np.abs(gray[y : y + height, columns].astype(np.int16) - level).mean(axis=0) <= contrast // 2
    ground = np.abs(beside - level).min(axis=0) > contrast // 2
    return int((stroke & ground).sum()) >= max(8, label_height // 2)


def stands_in_a_row(gray: NDArray[np.uint8], line: Box, label: Box) -> bool:
    """Whether something about as clear as a bar follows it in its rows: another field of a chequered bar, or a line.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    line : (x, y, width, height)
        The bar, without ticks.
    label : (x, y, width, height)
        An end that its label stands at is not looked at.
    """
    x, y, width, height = line
    rows = slice(max(0, y - _AROUND_PX), y + height + _AROUND_PX)
    own = _across(gray[rows, x + width // 4 : x + width - width // 4])
    reach = max(_LEAST_BESIDE_PX, height)
    for left, right in (
        (x - _BESIDE_PX - reach, x - _BESIDE_PX),
        (x + width + _BESIDE_PX, x + width + _BESIDE_PX + reach),
    ):
        left, right = max(0, left), min(gray.shape[1], right)
        is_at_label = _crosses(left, right, label[0], label[2]) and _crosses(y, y + height, label[1], label[3])
        if right - left >= reach // 2 and not is_at_label and _across(gray[rows, left:right]) > _AS_CLEAR * own:
            return True
    return False


def _crosses(first: int, end: int, start: int, length: int) -> bool:
    return start < end and first < start + length


def _across(part: NDArray[np.uint8]) -> int:
    """How far the levels of a part's rows, the median of each, are from each other."""
    if not part.size:
        return 0
    levels, _ = row_levels(part, 0)
    return int(levels.max()) - int(levels.min())
