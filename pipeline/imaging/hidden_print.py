"""Print that a crop from a specimen lost: is there a paler point or letter between two letters that it kept?"""

from itertools import pairwise
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.gray_levels import median_level
from pipeline.imaging.ink_pieces import piece_boxes

Hidden = Literal["", "point", "letter"]

_TALL: Final = 0.6
_FOOT: Final = 0.3
_WIDEST_GAP: Final = 0.75
_LETTER_WIDTH: Final = 0.3
_LETTER_SHARE: Final = 0.2
_TOWARDS_INK: Final = 0.6
_POINT_SHARE: Final = 0.5
_CLEAR_SHARE: Final = 0.12
_LEAST_CONTRAST: Final = 20


def hidden_print(gray: NDArray[np.uint8], ink: NDArray[np.uint8], level: int, *, letters: int | None = None) -> Hidden:
    """Look between neighbouring letters for print that is paler than theirs.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
        The picture in the tight box of a label.
    ink : uint8 ndarray, [height, width]
        1 where the label's crop has ink.
    level : int
        The ink's gray level.
    letters : int, optional
        How many letters from the left are looked at: the digits. Default: all.

    Returns
    -------
    str
        ``point`` where some gap between two letters is clear above and has something of two pixels or more at its foot
        that is nearer to the ink's level than to the ground's; ``letter`` where a gap is wide enough for a letter and
        a fifth of it is so, as a specimen behind the label may be too; else empty, also where the ground hardly
        differs from the ink.
    """
    tall = [piece for piece in piece_boxes(ink).tolist() if piece[3] >= _TALL * ink.shape[0]]
    tall = sorted(tall)[:letters]
    around = gray[cv2.dilate(ink, np.ones((3, 3), np.uint8)) == 0]
    contrast = abs(level - median_level(around))
    if len(tall) < 2 or contrast < _LEAST_CONTRAST:
        return ""
    distance = cv2.absdiff(gray, np.full_like(gray, level))
    pale = (distance <= _TOWARDS_INK * contrast) & (ink == 0)
    found = [_between(pale, left, right) for left, right in pairwise(tall)]
    return "point" if "point" in found else "letter" if "letter" in found else ""


def _between(pale: NDArray[np.bool_], left: list[int], right: list[int]) -> Hidden:
    """What the gap between two letters may hide: it is clear but for its foot, or a good part of it is pale."""
    baseline, height = left[1] + left[3], left[3]
    # The letters' own blurred edges are a pixel wide.
    gap = slice(left[0] + left[2] + 1, right[0] - 1)
    foot = baseline - max(2, round(_FOOT * height))
    width = gap.stop - gap.start
    if width >= _LETTER_WIDTH * height and float(pale[left[1] : baseline, gap].mean()) >= _LETTER_SHARE:
        return "letter"
    if not 1 <= width <= _WIDEST_GAP * height:
        return ""
    above, below = pale[left[1] : foot, gap], pale[foot:baseline, gap]
    if not above.size or not below.size or float(above.mean()) > _CLEAR_SHARE:
        return ""
    tallest = int(below.sum(axis=0).max())
    return "point" if tallest >= max(2, _POINT_SHARE * min(below.shape[0], below.shape[1] + 1)) else ""
