"""What a straight stroke looks like: its whole rows, the ticks at its ends, the picture right above and below it."""

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.loops.level_counts import count_near, median_level
from pipeline.kernels.compiled import compiled

_TICK_SHARE = 0.6
_TICK_IN_PX = 2


@compiled
def whole_rows(
    foreground: NDArray[np.uint8], x: int, y: int, width: int, height: int, share: float
) -> tuple[int, int, int]:
    """How many rows of a box are covered in a share of their length, the first of them, and the last; -1 for none."""
    count, first, last = 0, -1, -1
    for row in range(y, y + height):
        covered = 0
        for column in range(x, x + width):
            covered += foreground[row, column] != 0
        if covered >= share * width:
            first = row if first < 0 else first
            last = row
            count += 1
    return count, first, last


@compiled
def _rise(foreground: NDArray[np.uint8], column: int, y: int, thickness: int) -> tuple[int, int]:
    """How far foreground goes on above and below a stroke in a column where the stroke is covered."""
    top = bottom = y + thickness // 2
    while top > 0 and foreground[top - 1, column] != 0:
        top -= 1
    while bottom < foreground.shape[0] and foreground[bottom, column] != 0:
        bottom += 1
    return max(0, y - top), max(0, bottom - y - thickness)


@compiled
def foreground_heights(
    foreground: NDArray[np.uint8], row: int, end: int, outwards: int, reach: int
) -> NDArray[np.int64]:
    """How high the foreground is that hangs together with a row, column by column from inside a line to beyond its end.

    Parameters
    ----------
    foreground : uint8 ndarray, [rows, columns]
    row, end : int
        The line's row, and the column that it ends in.
    outwards : int
        1 for a right end, -1 for a left one.
    reach : int
        How many columns before the end are looked at, and at most beyond it.

    Returns
    -------
    int64 ndarray
        Up to the last covered column beyond the end; 0 where a column is not covered in that row.
    """
    heights = np.zeros(2 * reach, np.int64)
    count = 0
    for step in range(-reach, reach):
        column = end + step * outwards
        if 0 <= column < foreground.shape[1] and foreground[row, column] != 0:
            above, below = _rise(foreground, column, row, 1)
            heights[count] = above + 1 + below
        elif step > 0:
            break
        count += 1
    return heights[:count]


@compiled
def tick_at_end(
    foreground: NDArray[np.uint8], column: int, y: int, thickness: int, inward: int, lowest: int, widest: int
) -> tuple[int, int, int, int]:
    """The tick at an end of a stroke.

    Parameters
    ----------
    foreground : uint8 ndarray, [height, width]
    column : int
        The stroke's last column at this end.
    y, thickness : int
        The stroke's first row, and how many it has.
    inward : int
        1 or -1: the direction along the stroke.
    lowest : int
        The least that a tick rises over the stroke, above and below together, in pixels.
    widest : int
        A tick is at least two pixels narrower than that.

    Returns
    -------
    outer, width, up, down : int
        Its outermost column, its width, and how far it rises; ``column, 0, 0, 0`` where there is none.
    """
    middle = y + thickness // 2
    up, down = np.zeros(widest + 2, np.int64), np.zeros(widest + 2, np.int64)
    tallest = 0
    reach = min(widest, foreground.shape[1])
    for step in range(reach + 2):
        at = column + (step - 2) * inward
        if 0 <= at < foreground.shape[1] and foreground[middle, at] != 0:
            up[step], down[step] = _rise(foreground, at, y, thickness)
            tallest = max(tallest, up[step] + down[step])
    if tallest < lowest:
        return column, 0, 0, 0
    first, last, count = -1, -1, 0
    highest, deepest = 0, 0
    for step in range(reach + 2):
        if up[step] + down[step] >= _TICK_SHARE * tallest:
            first = step if first < 0 else first
            last = step
            count += 1
            highest, deepest = max(highest, up[step]), max(deepest, down[step])
    # A tick is at the very end; what rises further in is a letter that touches the line.
    if first - 2 > _TICK_IN_PX or count > widest - 2 or last - first >= count:
        return column, 0, 0, 0
    return column + (first - 2) * inward, count, highest, deepest


@compiled
def is_edged(
    gray: NDArray[np.uint8],
    stroke: tuple[int, int, int, int],
    apart: int,
    contrast: int,
    share: float,
) -> bool:
    """Whether a picture has another level than a stroke's ``apart`` rows above and below it, in a share of its length.

    ``stroke`` is x, y, width and height; its outer twelfths, which may carry ticks, are left out. False at the edge of
    the picture.
    """
    x, y, width, height = stroke
    rows = (y - apart, y + height - 1 + apart)
    if rows[0] < 0 or rows[1] >= gray.shape[0]:
        return False
    level = median_level(gray[y : y + height, x : x + width])
    left, right = x + width // 12, x + width - width // 12
    for row in rows:
        near = count_near(gray[row : row + 1, left:right], level, contrast - 1)
        if 1.0 - near / max(1, right - left) < share:
            return False
    return True
