"""Where the label of a scale segment is: the lines of text beside, above, below or within the segment."""

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.bars.segment import Segment
from pipeline.imaging.scale.foreground_pieces import piece_boxes
from pipeline.imaging.scale.loops.text_lines import like_labels, lines_of_text, window_of_whole_pieces
from pipeline.imaging.scale.regions.databar import DataBar

Place = Literal["gap", "inside", "above", "below", "right", "left"]

SMALLEST_TEXT_PX: Final = 7
"""Below this height of the digits no reader is right often enough to be believed."""

_TALLEST_TEXT_PX: Final = 120
_NARROWEST: Final = 1.2
_WIDEST: Final = 14.0
"""No label of one number and one unit is wider than so many of its heights."""

_WORD_GAP: Final = 1.2
_NEAR_VERTICALLY: Final = 2.6
_NEAR_SIDEWAYS: Final = 2.2
_TOUCHING: Final = 0.3
_ASIDE: Final = 0.6
_SHORTEST_FOR_TEXT: Final = 0.35
"""Microscopes choose a bar that is not much shorter than its label; dashes and underscores are."""

_WIDEST_LETTER_PX: Final = 3 * _TALLEST_TEXT_PX
_MOST_COMPONENTS: Final = 400


@dataclass(frozen=True, slots=True)
class LabelBox:
    """A line of text near a segment.

    Attributes
    ----------
    box : (x, y, width, height)
        Tight box of the foreground in pixels of the picture.
    place : str
        Where it lies as seen from the segment.
    distance : float
        From the segment, in heights of the text; 0 within a broken line.
    """

    box: tuple[int, int, int, int]
    place: Place
    distance: float


def find_label_boxes(
    foreground: NDArray[np.uint8], bar: DataBar, segment: Segment, *, pieces: NDArray[np.int32] | None = None
) -> list[LabelBox]:
    """Find the texts that may be the label of a segment.

    Parameters
    ----------
    foreground : uint8 ndarray, [bar height, bar width]
        1 where there is foreground, as `pipeline.imaging.scale.regions.databar.foreground_mask` has it; left as it is.
    bar : DataBar
        The region.
    segment : Segment
    pieces : int32 ndarray, [pieces, 5], optional
        `pipeline.imaging.scale.foreground_pieces.piece_boxes` of the foreground, where the caller has them already.

    Returns
    -------
    list of LabelBox
        Nearest first. Letters belong to one text when the gap between them is under 1.2 of their height and
        they overlap vertically. Texts under `SMALLEST_TEXT_PX` are left out.
    """
    if segment.kind == "inside":
        return _inside(foreground, bar, segment)
    letters = _without_segment(foreground, piece_boxes(foreground) if pieces is None else pieces, _erased(segment, bar))
    longest = segment.length_px / _SHORTEST_FOR_TEXT
    lines = like_labels(_lines_of_text(letters), SMALLEST_TEXT_PX, (_NARROWEST, _WIDEST), longest)
    boxes = [(x + bar.left, y + bar.top, width, height) for x, y, width, height in lines.tolist()]
    labels = [label for box in boxes if (label := _as_label(box, segment)) is not None]
    labels = [label for label in labels if not stroke_goes_on(foreground, bar, segment, label)]
    return sorted(labels, key=lambda label: (label.distance, label.box))


def label_foreground(foreground: NDArray[np.uint8], bar: DataBar, label: LabelBox) -> NDArray[np.uint8]:
    """Cut a label's foreground out of a region's: what is *not* covered where the letters are left out of a bar."""
    x, y, width, height = label.box
    cut = foreground[y - bar.top : y - bar.top + height, x - bar.left : x - bar.left + width]
    return np.asarray(1 - cut, dtype=np.uint8) if label.place == "inside" else cut


def _inside(foreground: NDArray[np.uint8], bar: DataBar, segment: Segment) -> list[LabelBox]:
    """The text left out of a solid bar: a single line in its middle, and nothing else.

    A box on the picture with bar and label in it looks like that too, but for the bar.
    """
    x, y, width, height = segment.box
    x0, y0 = x + 2, y + 2
    block = foreground[y0 - bar.top : y0 - bar.top + height - 4, x0 - bar.left : x0 - bar.left + width - 4]
    letters = np.asarray(1 - block, dtype=np.uint8)
    boxes = text_boxes(letters)
    if len(boxes) != 1 or _has_dash(letters, boxes[0][3]):
        return []
    text_x, text_y, text_width, text_height = boxes[0]
    above, below = text_y, block.shape[0] - text_y - text_height
    beside = text_x, block.shape[1] - text_x - text_width
    centred = abs(above - below) <= 0.3 * height and abs(beside[0] - beside[1]) <= 0.1 * width
    if not centred or text_height < SMALLEST_TEXT_PX or text_width <= text_height:
        return []
    return [LabelBox((text_x + x0, text_y + y0, text_width, text_height), "inside", 0.0)]


def _has_dash(letters: NDArray[np.uint8], text_height: int) -> bool:
    """Whether a flat piece, such as a bar, stands among letters, or something wider than letters are."""
    _, _, width, height, _ = piece_boxes(letters).T
    is_flat = (width >= 0.8 * text_height) & (height < 0.45 * text_height)
    return bool((is_flat | (width > _WIDEST_LETTER_PX)).any())


def text_boxes(foreground: NDArray[np.uint8]) -> list[tuple[int, int, int, int]]:
    """Group the components of an foreground mask to lines of text.

    Parameters
    ----------
    foreground : uint8 ndarray, [height, width]
        1 where there is foreground.

    Returns
    -------
    list of (x, y, width, height)
        Tight boxes; at most the 400 largest components are looked at.
    """
    return [(x, y, width, height) for x, y, width, height in _lines_of_text(piece_boxes(foreground)).tolist()]


def _lines_of_text(pieces: NDArray[np.int32]) -> NDArray[np.int32]:
    _, _, width, height, area = pieces.T
    letters = pieces[(height <= _TALLEST_TEXT_PX) & (width <= _WIDEST_LETTER_PX) & (area >= 2)]
    letters = letters[np.argsort(-letters[:, 4], kind="stable")][:_MOST_COMPONENTS]
    return lines_of_text(letters, _WORD_GAP)


def _without_segment(
    foreground: NDArray[np.uint8], pieces: NDArray[np.int32], erased: list[tuple[int, int, int, int]]
) -> NDArray[np.int32]:
    """The pieces of the foreground with the segment taken off it, so that no tick joins the text.

    Only the window of those pieces that the segment touches is counted again.
    """
    left, top = min(box[0] for box in erased), min(box[1] for box in erased)
    right, bottom = max(box[2] for box in erased), max(box[3] for box in erased)
    # What lies in the window must lie there as a whole.
    touched, (left, top, right, bottom) = window_of_whole_pieces(pieces, (left, top, right, bottom))
    if not touched.any():
        return pieces
    left, top = max(0, left), max(0, top)
    window = foreground[top:bottom, left:right].copy()
    for first_x, first_y, last_x, last_y in erased:
        window[max(0, first_y - top) : max(0, last_y - top), max(0, first_x - left) : max(0, last_x - left)] = 0
    again = piece_boxes(window)
    again[:, :2] += (left, top)
    return np.concatenate([pieces[~touched], again])


def _erased(segment: Segment, bar: DataBar) -> list[tuple[int, int, int, int]]:
    """The rectangles that a segment covers in its region: left, top, right, bottom."""
    x, y, width, height = segment.box
    x, y = x - bar.left, y - bar.top
    if segment.kind == "ruler":
        return [(x, y, x + width, y + height)]
    line_y, thickness = segment.line_box[1] - bar.top, segment.line_box[3]
    top, bottom = max(0, line_y - 1), line_y + thickness + 1
    if segment.gap is None:
        erased = [(x, top, x + width, bottom)]
    else:
        erased = [
            (first, top, last + 1, bottom)
            for first, last in ((x, segment.gap[0] - bar.left), (segment.gap[1] - bar.left, x + width))
        ]
    tick = max(1, round(width - segment.length_px)) + 1
    for column in (x, x + width - tick):
        erased.append((max(0, column - 1), y, column + tick + 1, y + height))
    return erased


def stroke_goes_on(foreground: NDArray[np.uint8], bar: DataBar, segment: Segment, label: LabelBox) -> bool:
    """Whether the stroke goes on behind a label beside it: half a bar, broken by its label.

    ``foreground`` is that of the region ``bar``, [bar height, bar width].
    """
    if label.place not in ("left", "right") or segment.kind not in ("solid", "line"):
        return False
    _, y, width, height = segment.line_box
    first = label.box[0] + label.box[2] if label.place == "right" else label.box[0] - round(1.3 * width)
    left, right = max(0, first - bar.left), max(0, first - bar.left + round(1.3 * width))
    beyond = foreground[max(0, y - 1 - bar.top) : y + height + 1 - bar.top, left:right]
    return bool(beyond.size) and max(cv2.countNonZero(row) for row in beyond) >= 0.5 * beyond.shape[1]


def _as_label(box: tuple[int, int, int, int], segment: Segment) -> LabelBox | None:
    """The text as a label of the segment; None if it is too far away."""
    x, y, width, height = box
    seg_x, seg_y, seg_width, seg_height = segment.line_box
    seg_right, seg_bottom = seg_x + seg_width, seg_y + seg_height
    if segment.gap is not None:
        centred = abs(y + height / 2 - (seg_y + seg_height / 2)) <= 0.6 * height
        inside = x >= segment.gap[0] - 2 and x + width <= segment.gap[1] + 2
        return LabelBox(box, "gap", 0.0) if centred and inside else None
    beside = min(y + height, seg_bottom) - max(y, seg_y) >= 0.3 * min(height, seg_height)
    aside = max(0, x - seg_right, seg_x - x - width)
    if not beside and aside <= _ASIDE * height:
        distance = (aside + (seg_y - y - height if y < seg_y else y - seg_bottom)) / height
        place: Place = "above" if y < seg_y else "below"
        return LabelBox(box, place, max(0.0, distance)) if distance <= _NEAR_VERTICALLY else None
    distance = (x - seg_right if x >= seg_right else seg_x - x - width) / height
    side: Place = "right" if x >= seg_right else "left"
    # What reaches into the segment is no text beside it: the segment is a part of the text.
    return LabelBox(box, side, distance) if beside and -_TOUCHING <= distance <= _NEAR_SIDEWAYS else None
