"""Print that a crop from a specimen lost: a paler point or letter between two letters, or a point before the first."""

from itertools import pairwise
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.foreground_pieces import piece_boxes
from pipeline.imaging.scale.gray_levels import median_level, near_level, share_near

Hidden = Literal["", "point", "letter", "first point"]

_TALL: Final = 0.6
_FOOT: Final = 0.3
_WIDEST_GAP: Final = 0.75
_LETTER_WIDTH: Final = 0.3
_LETTER_SHARE: Final = 0.2
_TOWARDS_FOREGROUND: Final = 0.6
_POINT_SHARE: Final = 0.5
_CLEAR_SHARE: Final = 0.12
_LEAST_CONTRAST: Final = 20
_SMALLEST_POINT: Final = 0.08
_LARGEST_POINT: Final = 0.3
_SOLID_SHARE: Final = 0.7
_LETTER_OF_BOX: Final = 0.25
_LEAST_LETTERS: Final = 3
_HIGHER_THAN_LETTERS: Final = 1.8
_BESIDE_LETTERS: Final = 0.2
_LETTER_REACH: Final = 2.5
_LETTER_GAP: Final = 0.45
_THINNEST_LETTER: Final = 0.12
_WIDEST_LETTER: Final = 2.2
_CORE: Final = 12
_CORE_SHARE: Final = 0.2
_UNLIKE_FOREGROUND: Final = 0.33
_EVEN_SHARE: Final = 0.97


def hidden_print(
    gray: NDArray[np.uint8], foreground: NDArray[np.uint8], level: int, *, letters: int | None = None, before: int = 0
) -> Hidden:
    """Look between neighbouring letters, and before the first, for print that is paler than theirs.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
        The picture in the tight box of a label, and ``before`` columns left of it.
    foreground : uint8 ndarray, [height, width]
        1 where the label's crop has foreground.
    level : int
        The foreground's gray level.
    letters : int, optional
        How many letters from the left are looked at: the digits. Default: all.
    before : int, optional
        Columns of the picture left of the label. Default: none, and no point is looked for there.

    Returns
    -------
    str
        ``point`` where some gap between two letters is clear above and has something of two pixels or more at its
        foot that is nearer to the foreground's level than to the ground's; ``letter`` where a gap is wide enough for
        a letter and a fifth of it is so, as a specimen behind the label may be too; ``first point`` where a small and
        solid one stands alone before the first letter; else empty, also where the ground hardly differs from the
        foreground.
    """
    tall = [piece for piece in piece_boxes(foreground).tolist() if piece[3] >= _TALL * foreground.shape[0]]
    tall = sorted(tall)[:letters]
    contrast = _contrast(gray, foreground, level)
    if not tall or contrast < _LEAST_CONTRAST:
        return ""
    distance = cv2.absdiff(gray, np.full_like(gray, level))
    pale = (distance <= _TOWARDS_FOREGROUND * contrast) & (foreground == 0)
    found = [_between(pale, left, right) for left, right in pairwise(tall)]
    if "point" in found or "letter" in found:
        return "point" if "point" in found else "letter"
    return "first point" if before and _is_point_before(pale, tall[0]) else ""


def has_plain_ground(
    gray: NDArray[np.uint8], box: tuple[int, int, int, int], foreground: NDArray[np.uint8], level: int
) -> bool:
    """Whether the ground around a label is so even that whatever stands out from it is print.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
        The picture.
    box : (x, y, width, height)
        The label's.
    foreground : uint8 ndarray, [box height, box width]
        1 where there is foreground.
    level : int
        The foreground's gray level.

    Returns
    -------
    bool
        True where of the pixels four or more from the foreground, half a label's height around the box included, hardly
        any is a third of the way from their median to the foreground.
    """
    x, y, width, height = box
    margin = height // 2
    top, left = max(0, y - margin), max(0, x - margin)
    window = gray[top : y + height + margin, left : x + width + margin]
    covered = np.zeros_like(window)
    covered[y - top : y - top + height, x - left : x - left + width] = foreground
    ground = window[cv2.dilate(covered, np.ones((7, 7), np.uint8)) == 0]
    middle = median_level(ground)
    tolerance = int(_UNLIKE_FOREGROUND * abs(level - middle))
    return tolerance > 0 and share_near(ground, middle, tolerance) >= _EVEN_SHARE


def starts_with_specimen(foreground: NDArray[np.uint8]) -> bool:
    """Whether one of the first pieces of a label is much higher than the others: no letter, but it may hide one.

    Parameters
    ----------
    foreground : uint8 ndarray, [height, width]
        1 where there is foreground.

    Returns
    -------
    bool
        False for fewer than three pieces that may be letters.
    """
    pieces = [piece for piece in piece_boxes(foreground).tolist() if piece[3] >= _LETTER_OF_BOX * foreground.shape[0]]
    heights = [piece[3] for piece in sorted(pieces)]
    if len(heights) < _LEAST_LETTERS:
        return False
    return bool(max(heights[:2]) > _HIGHER_THAN_LETTERS * sorted(heights)[(len(heights) - 1) // 2])


def has_letter_before(
    gray: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    foreground: NDArray[np.uint8],
    level: int,
    mark: tuple[int, int, int, int],
) -> bool:
    """Whether something like a letter stands right before a label: its first digit, of which a mask kept nothing whole.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
        The picture.
    box : (x, y, width, height)
        The label's.
    foreground : uint8 ndarray, [box height, box width]
        1 where there is foreground.
    level : int
        The foreground's gray level.
    mark : (x, y, width, height)
        The scale segment, which is no letter.

    Returns
    -------
    bool
        True for a piece as high as the label, no higher, wider than a blurred edge, no wider than two letters, and no
        further from the label than digits are from each other, that is nearer to the foreground's level than to the
        ground's, and a fifth of it right at the foreground's.
    """
    x, y, width, height = box
    contrast = _contrast(gray[y : y + height, x : x + width], foreground, level)
    if contrast < _LEAST_CONTRAST:
        return False
    margin = max(3, round(_BESIDE_LETTERS * height))
    left, top = max(0, x - round(_LETTER_REACH * height)), max(0, y - margin)
    window = gray[top : y + height + margin, left:x]
    pale = near_level(window, level, int(_TOWARDS_FOREGROUND * contrast)) & 1
    mark_x, mark_y, mark_width, mark_height = mark
    rows = slice(max(0, mark_y - 1 - top), max(0, mark_y + mark_height + 1 - top))
    pale[rows, max(0, mark_x - 1 - left) : max(0, mark_x + mark_width + 1 - left)] = 0
    for at, upper, wide, tall, area in piece_boxes(np.asarray(pale, dtype=np.uint8)).tolist():
        is_whole = at > 0 and upper > 0 and upper + tall < window.shape[0]
        is_letter = _TALL * height <= tall and _THINNEST_LETTER * height <= wide <= _WIDEST_LETTER * height
        if is_whole and is_letter and window.shape[1] - at - wide <= _LETTER_GAP * height:
            piece = window[upper : upper + tall, at : at + wide]
            if share_near(piece, level, _CORE) * piece.size >= _CORE_SHARE * area:
                return True
    return False


def _contrast(gray: NDArray[np.uint8], foreground: NDArray[np.uint8], level: int) -> int:
    """How far the ground's median is from the foreground's level, a pixel around the foreground left out."""
    return abs(level - median_level(gray[cv2.dilate(foreground, np.ones((3, 3), np.uint8)) == 0]))


def _is_point_before(pale: NDArray[np.bool_], first: list[int]) -> bool:
    """Whether a small, solid piece stands at the foot of the first letter's left side, hardly anything beside it."""
    left, top, _, height = first[:4]
    window = pale[top + height // 2 : top + height + 1, max(0, left - round(_WIDEST_GAP * height)) : left - 1]
    around = int(window.sum())
    if not around:
        return False
    for x, y, width, tall, area in piece_boxes(window.astype(np.uint8)).tolist():
        is_small = max(2, _SMALLEST_POINT * height) <= tall <= max(3, _LARGEST_POINT * height) and width <= 1.5 * tall
        is_foot = y + tall >= height - height // 2 - _LARGEST_POINT * height / 2 and x > 0
        if is_small and is_foot and area >= _SOLID_SHARE * width * tall and around <= 2 * area:
            return True
    return False


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
