"""What the shape of a single letter shows: its enclosed areas, its upright strokes, the sides it is open to."""

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.loops.foreground_runs import owners
from pipeline.kernels.compiled import compiled

_FEET = 0.85


@compiled
def drawn_pieces(runs: NDArray[np.int32], shape: tuple[int, int]) -> NDArray[np.int32]:
    """Draw the 8-connected pieces that runs make up.

    Parameters
    ----------
    runs : int32 ndarray, [runs, 3]
        As `pipeline.imaging.scale.loops.foreground_runs.runs` gives them.
    shape : (height, width)

    Returns
    -------
    int32 ndarray, [height, width]
        The number of the piece that a pixel belongs to, in the order of
        `pipeline.imaging.scale.loops.foreground_runs.pieces`; -1 where there is none.
    """
    drawn = np.full(shape, -1, np.int32)
    owner, _ = owners(runs)
    for run in range(len(runs)):
        row, first, end = runs[run]
        for column in range(first, end):
            drawn[row, column] = owner[run]
    return drawn


@compiled
def enclosed_areas(mask: NDArray[np.uint8], smallest: float) -> int:
    """Number of 4-connected areas without foreground that no way leads out of, of at least so many pixels.

    ``mask``, [height, width], is not 0 where there is foreground.
    """
    height, width = mask.shape
    is_done = mask != 0
    waiting = np.empty((height * width, 2), np.int64)
    areas = 0
    for row in range(height):
        for column in range(width):
            if is_done[row, column]:
                continue
            is_done[row, column] = True
            waiting[0, 0], waiting[0, 1] = row, column
            size, count, is_open = 0, 1, False
            while size < count:
                y, x = waiting[size]
                size += 1
                is_open = is_open or y == 0 or x == 0 or y == height - 1 or x == width - 1
                for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                    at_y, at_x = y + down, x + right
                    if 0 <= at_y < height and 0 <= at_x < width and not is_done[at_y, at_x]:
                        is_done[at_y, at_x] = True
                        waiting[count, 0], waiting[count, 1] = at_y, at_x
                        count += 1
            if not is_open and size >= smallest:
                areas += 1
    return areas


@compiled
def stems(mask: NDArray[np.uint8]) -> int:
    """Number of upright strokes: the most frequent count of runs in the rows of the lower half, its feet left out.

    The least of several that are as frequent. ``mask``, [height, width], is not 0 where there is foreground.
    """
    height, width = mask.shape
    first = height // 2
    rows_with = np.zeros(width + 2, np.int64)
    for row in range(first, max(first + 1, int(_FEET * height))):
        count = 0
        for column in range(width):
            count += mask[row, column] != 0 and (column == 0 or mask[row, column - 1] == 0)
        rows_with[count] += 1
    return int(np.argmax(rows_with))


@compiled
def open_sides(mask: NDArray[np.uint8]) -> tuple[bool, bool]:
    """Whether a column in the middle third of a letter is free from above, and from below, down to half its height.

    ``mask``, [height, width], is not 0 where there is foreground.
    """
    height, width = mask.shape
    third, half = max(1, width // 3), max(1, height // 2)
    is_open_above = is_open_below = False
    for column in range(third, min(width, max(third + 1, width - third))):
        is_free_above = is_free_below = True
        for row in range(half):
            is_free_above = is_free_above and mask[row, column] == 0
            is_free_below = is_free_below and mask[height - 1 - row, column] == 0
        is_open_above, is_open_below = is_open_above or is_free_above, is_open_below or is_free_below
    return is_open_above, is_open_below
