"""What the two networks that find a label's bar see: the surroundings of a label, and the surroundings of a bar's end.

Both are scaled by the height of the label's letters and by its two gray levels, so that one network serves pictures of
any size, white print on black and black on white.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

WIDE: Final = (80, 512)
"""Rows and columns of the surroundings of a label; its letters are `LETTER_PX` high in them."""

LETTER_PX: Final = 10
CELL_PX: Final = 2
"""Each value of the first network's maps stands for so many rows and columns."""

CLOSE: Final = (48, 96)
"""Rows and columns of the surroundings of an end; letters are at most `CLOSE_LETTER_PX` high in them."""

CLOSE_LETTER_PX: Final = 20
PARTS: Final = 2
"""The second network tells the column of an end to so many parts of a pixel."""

_DARKEST, _LIGHTEST = -1.0, 2.0

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class View:
    """A window of a picture in a network's size.

    Attributes
    ----------
    page : float32 ndarray, [channels, rows, columns]
        Level of each pixel (0 background, 1 foreground, -1 to 2), whether it is of the label (the first network only),
        whether it is of the picture.
    left, top : float
        Where the window begins in the picture, in pixels.
    scale : float
        Pixels of the window for one of the picture.
    """

    page: NDArray[np.float32]
    left: float
    top: float
    scale: float


def view_of_label(gray: NDArray[np.uint8], label: Box, foreground: int, background: int) -> View:
    """Cut out the surroundings of a label.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    label : (x, y, width, height)
        Tight around the letters, in pixels.
    foreground, background : int
        Gray levels of the letters and of their ground.
    """
    x, y, wide, tall = label
    scale = LETTER_PX / max(4.0, tall)
    level, inside, left, top = _cut(gray, (x + wide / 2, y + tall / 2), scale, WIDE)
    page = np.zeros((3, *WIDE), np.float32)
    page[0] = _levels(level, foreground, background) * inside
    rows = slice(round((y - top) * scale), round((y + tall - top) * scale))
    page[1, max(0, rows.start) : max(0, rows.stop), _columns(x, wide, left, scale)] = 1.0
    page[2] = inside
    return View(page, left, top, scale)


def view_of_end(
    gray: NDArray[np.uint8],
    end: tuple[float, float],
    letters_px: float,
    foreground: int,
    background: int,
    *,
    is_left: bool,
) -> View:
    """Cut out the surroundings of a bar's end; right ones are turned round into left ones."""
    scale = min(1.0, CLOSE_LETTER_PX / letters_px)
    level, inside, left, top = _cut(gray, end, scale, CLOSE)
    page = np.stack([_levels(level, foreground, background) * inside, inside]).astype(np.float32)
    return View(page if is_left else np.ascontiguousarray(page[:, :, ::-1]), left, top, scale)


def _columns(x: float, wide: float, left: float, scale: float) -> slice:
    return slice(max(0, round((x - left) * scale)), max(0, round((x + wide - left) * scale)))


def _levels(gray: NDArray[np.float32], foreground: int, background: int) -> NDArray[np.float32]:
    contrast = foreground - background if abs(foreground - background) >= 8 else (8 if foreground >= background else -8)
    return np.clip((gray - background) / contrast, _DARKEST, _LIGHTEST).astype(np.float32)


def _cut(
    gray: NDArray[np.uint8], middle: tuple[float, float], scale: float, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], float, float]:
    """A window around a point: its levels, 1 where there is a picture, and where it begins in the picture.

    It begins at a whole pixel of the picture, and is scaled by areas where it is made smaller.
    """
    rows, columns = (round(side / scale) for side in size)
    left, top = round(middle[0] - columns / 2), round(middle[1] - rows / 2)
    window = np.zeros((rows, columns), np.float32)
    there = np.zeros((rows, columns), np.float32)
    from_row, to_row = max(0, top), min(gray.shape[0], top + rows)
    from_column, to_column = max(0, left), min(gray.shape[1], left + columns)
    if to_row > from_row and to_column > from_column:
        place = slice(from_row - top, to_row - top), slice(from_column - left, to_column - left)
        window[place] = gray[from_row:to_row, from_column:to_column]
        there[place] = 1.0
    if window.shape != size:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        window = np.asarray(cv2.resize(window, size[::-1], interpolation=how), np.float32)
        there = np.asarray(cv2.resize(there, size[::-1], interpolation=how), np.float32)
    return window, there, float(left), float(top)
