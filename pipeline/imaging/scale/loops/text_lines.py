"""Pieces of foreground in rows: letters that stand in one line of text, marks that stand in one row."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled
from pipeline.kernels.union_find import find_root


@compiled
def lines_of_text(letters: NDArray[np.int32], word_gap: float) -> NDArray[np.int32]:
    """Group letters to lines of text: neighbours overlap by half of the lower one's height and stand near each other.

    Parameters
    ----------
    letters : int32 ndarray, [letters, 5]
        x, y, width, height and area of each.
    word_gap : float
        The widest gap between neighbours, in heights of the taller one.

    Returns
    -------
    int32 ndarray, [lines, 4]
        x, y, width and height of each, in the order of their first letters.
    """
    n = len(letters)
    first = np.arange(n)
    for one in range(n):
        x, y, width, height, _ = letters[one]
        for other in range(one + 1, n):
            x2, y2, width2, height2, _ = letters[other]
            shorter, taller = min(height, height2), max(height, height2)
            gap = max(x, x2) - min(x + width, x2 + width2)
            overlap = min(y + height, y2 + height2) - max(y, y2)
            if gap > word_gap * taller or 2 * overlap < shorter or taller > 12 * shorter:
                continue
            low, high = find_root(first, one), find_root(first, other)
            first[max(low, high)] = min(low, high)
    boxes = np.empty((n, 4), np.int32)
    line = np.empty(n, np.int64)
    count = 0
    for one in range(n):
        x, y, width, height, _ = letters[one]
        if first[one] == one:
            box = boxes[count]
            box[0], box[1], box[2], box[3] = x, y, x + width, y + height
            line[one] = count
            count += 1
            continue
        line[one] = line[first[one]]
        box = boxes[line[one]]
        box[0], box[1] = min(box[0], x), min(box[1], y)
        box[2], box[3] = max(box[2], x + width), max(box[3], y + height)
    for box in boxes[:count]:
        box[2] -= box[0]
        box[3] -= box[1]
    return boxes[:count]


@compiled
def count_in_row(
    marks: NDArray[np.int32], height_px: int, width_px: int, offset_px: float, slope: float
) -> NDArray[np.int64]:
    """How many marks of about its size stand in one row with each mark, at its place or right of it, itself included.

    Parameters
    ----------
    marks : int32 ndarray, [marks, 5]
        x, y, width, height and area of each.
    height_px, width_px : int
        How much their sizes may differ.
    offset_px, slope : float
        How much their tops may differ, and by how much more for each pixel between them.

    Returns
    -------
    int64 ndarray [marks]
    """
    found = np.zeros(len(marks), np.int64)
    for one in range(len(marks)):
        x, y, width, height, _ = marks[one]
        for other in range(len(marks)):
            x2, y2, width2, height2, _ = marks[other]
            alike = abs(height2 - height) <= height_px and abs(width2 - width) <= width_px
            found[one] += x2 >= x and alike and abs(y2 - y) <= slope * (x2 - x) + offset_px
    return found


@compiled
def window_of_whole_pieces(
    pieces: NDArray[np.int32], window: tuple[int, int, int, int]
) -> tuple[NDArray[np.bool_], tuple[int, int, int, int]]:
    """Widen a window until it cuts no piece that lies in it in part.

    Parameters
    ----------
    pieces : int32 ndarray, [pieces, 5]
        x, y, width, height and area of each.
    window : (left, top, right, bottom)

    Returns
    -------
    bool ndarray [pieces], (left, top, right, bottom)
        Which pieces lie in the window, and the window.
    """
    left, top, right, bottom = window
    inside = np.zeros(len(pieces), np.bool_)
    is_wider = True
    while is_wider:
        is_wider = False
        for piece in range(len(pieces)):
            x, y, width, height, _ = pieces[piece]
            if not inside[piece] and x < right and x + width > left and y < bottom and y + height > top:
                inside[piece] = True
                is_wider = is_wider or x < left or y < top or x + width > right or y + height > bottom
                left, top = min(left, x), min(top, y)
                right, bottom = max(right, x + width), max(bottom, y + height)
    return inside, (left, top, right, bottom)


@compiled
def like_labels(
    lines: NDArray[np.int32], lowest: int, proportions: tuple[float, float], longest: float
) -> NDArray[np.int32]:
    """Keep the lines of text that have the size and shape of a label.

    Parameters
    ----------
    lines : int32 ndarray, [lines, 4]
        x, y, width and height of each.
    lowest : int
        The least height in pixels.
    proportions : (float, float)
        The least and the greatest width, in heights.
    longest : float
        The greatest width in pixels.

    Returns
    -------
    int32 ndarray, [lines, 4]
        Those that are, in their order.
    """
    kept = np.empty_like(lines)
    count = 0
    for x, y, width, height in lines:
        if height >= lowest and proportions[0] * height <= width <= proportions[1] * height and width <= longest:
            kept[count, 0], kept[count, 1], kept[count, 2], kept[count, 3] = x, y, width, height
            count += 1
    return kept[:count]
