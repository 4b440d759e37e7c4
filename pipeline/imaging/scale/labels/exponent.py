"""A ``-1`` or ``^-1`` after a label: it states a spatial frequency, of a diffraction pattern, and no length."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.foreground_pieces import piece_boxes
from pipeline.imaging.scale.gray_levels import near_level

_REACH: Final = 3.5
_TOLERANCE: Final = 60
_GAP: Final = 0.45
_LEANS: Final = 0.3
_FLAT: Final = 1.3
_DASH: Final = (0.12, 1.2)
_DIGIT: Final = (0.3, 1.15)
_CARET: Final = 0.7


def has_exponent(gray: NDArray[np.uint8], box: tuple[int, int, int, int], level: int) -> bool:
    """Whether a dash and a digit follow a label, raised or after a caret.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    box : (x, y, width, height)
        The label's letters.
    level : int
        Their gray level.

    Returns
    -------
    bool
        False for a raised asterisk, as Zeiss prints it, and where the picture ends.
    """
    x, y, width, height = box
    top, left = max(0, y - height), x + width
    window = gray[top : y + height, left : left + round(_REACH * height)]
    if not window.size:
        return False
    pieces = sorted(piece_boxes(np.asarray(near_level(window, level, _TOLERANCE) & 1, np.uint8)).tolist())
    raised, foot = y + 0.75 * height - top, y + 1.1 * height - top
    for dash_x, dash_y, dash_width, dash_height, _ in pieces:
        is_dash = dash_width >= _FLAT * dash_height and _DASH[0] * height <= dash_width <= _DASH[1] * height
        has_caret = any(_is_caret(piece, dash_x, dash_y, height, raised) for piece in pieces)
        lowest = foot if has_caret else raised
        if not is_dash or (dash_x > _GAP * height and not has_caret) or dash_y + dash_height > lowest:
            continue
        for digit_x, digit_y, digit_width, digit_height, _ in pieces:
            apart = digit_x - dash_x - dash_width
            is_digit = _DIGIT[0] * height <= digit_height <= _DIGIT[1] * height and digit_width <= digit_height
            is_next = -_LEANS * height <= apart <= _GAP * height
            if is_digit and is_next and digit_y <= dash_y + dash_height and digit_y + digit_height <= lowest:
                return True
    return False


def _is_caret(piece: list[int], dash_x: int, dash_y: int, height: int, raised: float) -> bool:
    """Whether a raised piece stands right after the label and right before a dash, above which it begins."""
    x, y, width, tall, _ = piece
    is_near = x <= _GAP * height and -_LEANS * height <= dash_x - x - width <= 0.6 * height
    return is_near and width <= 1.2 * height and tall <= _CARET * height and y < dash_y and y + tall <= raised
