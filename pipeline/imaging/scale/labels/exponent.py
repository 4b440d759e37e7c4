"""A raised ``-1`` after a label: it states a spatial frequency, of a diffraction pattern, and no length."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.gray_levels import near_level
from pipeline.imaging.scale.ink_pieces import piece_boxes

_REACH: Final = 2.0
_TOLERANCE: Final = 60
_GAP: Final = 0.45
_DASH: Final = (0.15, 0.9)
_DIGIT: Final = (0.3, 0.9)


def has_exponent(gray: NDArray[np.uint8], box: tuple[int, int, int, int], level: int) -> bool:
    """Whether a dash and a digit, both raised, follow a label.

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
    raised = y + 0.75 * height - top
    for dash_x, dash_y, dash_width, dash_height, _ in pieces:
        is_dash = dash_width >= 2 * dash_height and _DASH[0] * height <= dash_width <= _DASH[1] * height
        if not is_dash or dash_x > _GAP * height or dash_y + dash_height > raised:
            continue
        for digit_x, digit_y, digit_width, digit_height, _ in pieces:
            apart = digit_x - dash_x - dash_width
            is_digit = _DIGIT[0] * height <= digit_height <= _DIGIT[1] * height and digit_width <= digit_height
            if is_digit and -1 <= apart <= _GAP * height and digit_y + digit_height <= raised:
                return bool(digit_y <= dash_y + dash_height)
    return False
