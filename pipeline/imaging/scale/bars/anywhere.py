"""The marks near a text that may be the bar it labels: in any level, of any maker, wherever on the picture.

Straight strokes and blocks, with ticks or arrows or without; two halves of a line that its label parts; rulers of
eleven ticks. What a mark is worth beside its label is told by `pipeline.imaging.scale.decision.pairs`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.bars.segment import Segment, SegmentKind, edge_blur, half_way_after
from pipeline.imaging.scale.foreground_pieces import long_pieces, piece_boxes
from pipeline.imaging.scale.gray_levels import median_level, near_level, share_near
from pipeline.imaging.scale.loops.strokes import tick_at_end

Box = tuple[int, int, int, int]

_REACH: Final = 3.2
"""Rows above and below a text, in its heights."""

_SHORTEST_PX: Final = 10
_SHORTEST_SHARE: Final = 0.012
_LONGEST_SHARE: Final = 0.85
_THICKEST: Final = 0.5
_FILLED: Final = 0.8
_TOLERANCES: Final = (6, 25, 70)
_CONTRAST: Final = 22
_CLEAR_SHARE: Final = 0.75
_WIDEST_TICK_PX: Final = 8
_RULER_TICKS: Final = 11
_PROFILE_PX: Final = 6
_LEAST_PROFILE_PX: Final = 3
_SAME_SHARE: Final = 0.85
_SAME_LEVEL: Final = 30
_CLEARER: Final = 1.3
_HALF_FOREGROUND: Final = 0.4
_SAME_BACKGROUND: Final = 12
_BACKGROUND_SHARE: Final = 0.3
_EVERY: Final = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark that may be a scale bar, and how clearly it stands out.

    Attributes
    ----------
    segment : Segment
        In pixels of the picture; ``length_px`` is measured to a fraction of a pixel.
    contrast : int
        How far its level is from its ground's.
    level, ground : int
        Gray levels of the mark, and of what is above and below it.
    blur_px : float
        How much longer or shorter than its mask it was measured.
    """

    segment: Segment
    contrast: int
    level: int
    ground: int
    blur_px: float = 0.0


def marks_near(gray: NDArray[np.uint8], text: Box, *, foreground: int, background: int) -> list[Mark]:
    """Propose the marks in the rows around a text.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    text : (x, y, width, height)
    foreground, background : int
        Gray levels of the letters and of their ground. Most bars have the letters' level; what differs from the ground,
        and what is lightest and darkest there, is looked at as well.

    Returns
    -------
    list of Mark
        Each once, by its most exact mask unless it is much clearer in another; in no order of merit.
    """
    _, y, _, tall = text
    reach = round(_REACH * tall) + 4
    top, bottom = max(0, y - reach), min(gray.shape[0], y + tall + reach)
    window = np.ascontiguousarray(gray[top:bottom])
    label = (text[0], y - top, text[2], tall)
    found: list[Mark] = []
    stripe = _rows_of_stripe(window, label, background)
    for mask in _masks(window, foreground, background):
        mask[: stripe.start], mask[stripe.stop :] = 0, 0
        for mark in _marks(window, mask, label):
            moved = _moved(mark, top)
            same = [other for other in found if _is_same(moved, other)]
            # The blurred edges of a bar may be in an exact mask of the letters' level, the bar itself in a later one.
            if all(moved.contrast > _CLEARER * other.contrast for other in same):
                found = [*(other for other in found if other not in same), moved]
    return found


def _rows_of_stripe(gray: NDArray[np.uint8], label: Box, background: int) -> slice:
    """The rows around a label with the label's ground in a good part of them; all where the label's own have not."""
    levels = np.array([share_near(row, background, _SAME_BACKGROUND) >= _BACKGROUND_SHARE for row in gray[:, ::_EVERY]])
    if not levels[label[1] : label[1] + label[3]].all():
        return slice(0, len(gray))
    other = np.flatnonzero(~levels)
    before, after = other[other < label[1]], other[other >= label[1] + label[3]]
    return slice(int(before[-1]) + 1 if before.size else 0, int(after[0]) if after.size else len(gray))


def _masks(gray: NDArray[np.uint8], foreground: int, background: int) -> Iterator[NDArray[np.uint8]]:
    """Masks of 0 and 1 of what may be print: exact ones before loose ones."""
    levels = [foreground]
    for level in (int(gray.max()), int(gray.min())):
        if all(abs(level - other) > _SAME_LEVEL for other in levels):
            levels.append(level)
    for level in levels:
        for tolerance in _TOLERANCES:
            yield np.asarray(near_level(gray, level, tolerance) & 1, np.uint8)
    apart = cv2.absdiff(gray, np.full_like(gray, background))
    yield np.asarray(apart > _HALF_FOREGROUND * abs(foreground - background), dtype=np.uint8)


def _marks(gray: NDArray[np.uint8], mask: NDArray[np.uint8], label: Box) -> Iterator[Mark]:
    strokes = [stroke for stroke in _strokes(gray, mask) if not _is_frame(stroke, gray.shape, label[3])]
    yield from _broken(gray, strokes, label)
    for stroke in strokes:
        mark = stroke.as_mark(gray)
        if mark is not None:
            yield mark
    yield from _rulers(mask)


@dataclass(frozen=True, slots=True)
class _Stroke:
    """A straight stroke, and the ticks at its ends: outer column, width, rise above, rise below.

    ``is_closed`` says that the ticks are the sides of a frame: its bar measures from outer edge to outer edge.
    """

    box: Box
    left: tuple[int, int, int, int]
    right: tuple[int, int, int, int]
    contrast: int
    level: int
    ground: int
    is_closed: bool

    def as_mark(self, gray: NDArray[np.uint8]) -> Mark | None:
        """The stroke as a bar: from tick to tick, or between its ends; None where the ground goes on beyond one."""
        width, height = self.box[2:]
        if self.left[1] and self.right[1] and abs(self.left[1] - self.right[1]) <= 2:
            return _ticked(self, self, None)
        measured = _exact_length(gray, self.box, self.contrast)
        if measured is None:
            return None
        length, spread = measured
        kind: SegmentKind = "solid" if height > 2 else "line"
        segment = Segment(kind, self.box, round(length, 2), self.box, spread_px=spread)
        return Mark(segment, self.contrast, self.level, self.ground, length - width)


def _strokes(gray: NDArray[np.uint8], mask: NDArray[np.uint8]) -> list[_Stroke]:
    shortest = max(_SHORTEST_PX, round(_SHORTEST_SHARE * gray.shape[1]))
    found = []
    for x, y, width, height, area in long_pieces(mask, shortest).tolist():
        if width > _LONGEST_SHARE * gray.shape[1] or area < _FILLED * width * height:
            continue
        y, height = _core(mask, (x, y, width, height))
        if height > max(2, _THICKEST * width) or not height:
            continue
        contrast, level, ground = _stands_out(gray, (x, y, width, height))
        if contrast >= _CONTRAST:
            ends = [
                tick_at_end(mask, column, y, height, inward, max(3, height), _WIDEST_TICK_PX)
                for column, inward in ((x, 1), (x + width - 1, -1))
            ]
            is_closed = _is_closed(mask, (x, y, width, height), ends[0], ends[1])
            found.append(_Stroke((x, y, width, height), ends[0], ends[1], contrast, level, ground, is_closed))
    return found


def _is_closed(
    mask: NDArray[np.uint8], box: Box, left: tuple[int, int, int, int], right: tuple[int, int, int, int]
) -> bool:
    """Whether a second stroke joins the far ends of a stroke's ticks."""
    x, y, width, height = box
    above, below = y - max(left[2], right[2]), y + height - 1 + max(left[3], right[3])
    far = [row for row in (above, below) if not y <= row < y + height]
    near = (slice(max(0, row - 1), row + 2) for row in far)
    return bool(left[1] and right[1]) and any(
        mask[rows, x : x + width].max(axis=0).mean() >= _CLEAR_SHARE for rows in near
    )


def _core(mask: NDArray[np.uint8], box: Box) -> tuple[int, int]:
    """First and number of the rows that are covered in most of their length: without a blurred edge or its ticks."""
    x, y, width, height = box
    full = np.flatnonzero(mask[y : y + height, x : x + width].mean(axis=1) >= _CLEAR_SHARE)
    return (y + int(full[0]), int(full[-1] - full[0]) + 1) if full.size else (y, 0)


def _stands_out(gray: NDArray[np.uint8], box: Box) -> tuple[int, int, int]:
    """How far a stroke's level is from the rows above and below it in most of its length, its level, and theirs."""
    x, y, width, height = box
    inner = slice(x + width // 12 + 1, x + width - width // 12 - 1)
    apart = 2 if height <= 3 else 3
    # A bar may lie on the picture's lower edge, or a stripe's upper one.
    rows = [row for row in (y - apart, y + height - 1 + apart) if 0 <= row < gray.shape[0]]
    level = median_level(gray[y : y + height, inner]) if inner.stop > inner.start else 0
    if not rows or inner.stop <= inner.start:
        return 0, level, level
    sides = [np.abs(gray[row, inner].astype(np.int16) - level) for row in rows]
    contrast = min(int(np.percentile(side, 100 * (1 - _CLEAR_SHARE))) for side in sides)
    return contrast, level, median_level(gray[rows][:, inner])


def _is_frame(stroke: _Stroke, shape: tuple[int, ...], letter_px: int) -> bool:
    """Whether a stroke is the side of a frame: from edge to edge of the picture, or between walls higher than text."""
    x, _, width, _ = stroke.box
    if x <= 1 and x + width >= shape[1] - 1:
        return True
    heights = [end[2] + end[3] for end in (stroke.left, stroke.right)]
    return min(heights) > 2.5 * letter_px


def _ticked(first: _Stroke, last: _Stroke, gap: tuple[int, int] | None) -> Mark:
    left, right = first.left, last.right
    outer = right[0] - left[0] + 1
    top = min(first.box[1] - left[2], last.box[1] - right[2])
    bottom = max(first.box[1] + first.box[3] + left[3], last.box[1] + last.box[3] + right[3])
    length = float(outer) if first.is_closed else outer - (left[1] + right[1]) / 2
    line = (left[0], min(first.box[1], last.box[1]), outer, max(first.box[3], last.box[3]))
    segment = Segment("broken" if gap else "ticked", (left[0], top, outer, bottom - top), float(length), line, gap)
    return Mark(segment, min(first.contrast, last.contrast), first.level, first.ground)


def _broken(gray: NDArray[np.uint8], strokes: list[_Stroke], label: Box) -> Iterator[Mark]:
    """Two strokes in one row, alike in length and thickness, with the whole label in the gap between them."""
    margin = label[3] / 2
    first_letter, last_letter = label[0] + margin, label[0] + label[2] - margin
    strokes = [one for one in strokes if label[1] <= one.box[1] + one.box[3] / 2 <= label[1] + label[3]]
    for first in strokes:
        for last in strokes:
            x, y, width, height = first.box
            other_x, other_y, other_width, other_height = last.box
            gap = (x + width, other_x - 1)
            is_level = abs(y - other_y) <= 1 and abs(height - other_height) <= 1
            is_alike = abs(width - other_width) <= max(4, 0.3 * max(width, other_width))
            is_around = gap[0] <= first_letter and last_letter <= gap[1] <= gap[0] + 2 * label[2]
            if not is_level or not is_alike or not is_around:
                continue
            if first.left[1] and last.right[1]:
                yield _ticked(first, last, gap)
            elif not first.right[1] and not last.left[1]:
                box = (x, min(y, other_y), other_x + other_width - x, max(height, other_height))
                # Half of what each half is longer than its mask is at its outer end.
                lengths = [_exact_length(gray, half.box, half.contrast) for half in (first, last)]
                if lengths[0] is None or lengths[1] is None:
                    continue
                longer = (lengths[0][0] + lengths[1][0] - width - other_width) / 2
                segment = Segment("broken", box, round(box[2] + longer, 2), box, gap)
                yield Mark(segment, min(first.contrast, last.contrast), first.level, first.ground, longer)


def _rulers(mask: NDArray[np.uint8]) -> Iterator[Mark]:
    """Eleven even ticks that begin, end or have their middle in one row; some may be longer than others."""
    pieces = piece_boxes(mask)
    _, _, width, height, area = pieces.T
    is_mark = (height >= 3) & (height <= 60) & (width >= 1) & (width <= 0.8 * height) & (area >= 0.6 * width * height)
    marks = pieces[is_mark]
    seen: set[tuple[int, int]] = set()
    for place in (marks[:, 1], marks[:, 1] + marks[:, 3], marks[:, 1] + marks[:, 3] // 2):
        for row in sorted(set(place.tolist())):
            ticks = marks[np.abs(place - row) <= 1]
            ruler = _ruler(ticks[np.argsort(ticks[:, 0])]) if len(ticks) >= _RULER_TICKS else None
            if ruler is not None and (ruler.box[0], ruler.box[2]) not in seen:
                seen.add((ruler.box[0], ruler.box[2]))
                yield Mark(ruler, 255, 255, 0)


def _ruler(ticks: NDArray[np.int32]) -> Segment | None:
    """Eleven ticks in a row that are evenly spaced, and no twelfth at their pitch."""
    centres = ticks[:, 0] + (ticks[:, 2] - 1) / 2
    for first in range(len(ticks) - _RULER_TICKS + 1):
        for last in range(first + _RULER_TICKS - 1, min(len(ticks), first + 2 * _RULER_TICKS)):
            span = float(centres[last] - centres[first])
            pitch = span / (_RULER_TICKS - 1)
            expected = centres[first] + pitch * np.arange(-1, _RULER_TICKS + 1)
            apart = np.abs(centres[None] - expected[:, None]).min(axis=1)
            if pitch < 4 or apart[1:-1].max() > max(1.0, 0.06 * pitch) or min(apart[0], apart[-1]) < 0.2 * pitch:
                continue
            row = ticks[first : last + 1]
            x, y = int(row[0, 0]), int(row[:, 1].min())
            box = (x, y, int(row[-1, 0] + row[-1, 2]) - x, int((row[:, 1] + row[:, 3]).max()) - y)
            return Segment("ruler", box, span, box)
    return None


def _exact_length(gray: NDArray[np.uint8], box: Box, contrast: int) -> tuple[float, float] | None:
    """The width of a stroke between the points where its profile is half way to the ground beside its ends.

    And how much wider it is at a quarter of the way than at three quarters.

    None where what is beside an end differs by less than half as much as what is above and below the stroke, so that
    it may go on, and where the picture ends.
    """
    x, y, width, height = box
    inner = slice(y + height // 4, y + height - height // 4)
    reach = min(_PROFILE_PX, x, gray.shape[1] - x - width)
    if reach < _LEAST_PROFILE_PX:
        return None
    profile = gray[inner, x - reach : x + width + reach].mean(axis=0, dtype=np.float64)
    inside = float(np.median(profile[reach:-reach]))
    left, right = (_edge(part, inside, reach, contrast) for part in (profile, profile[::-1]))
    if left is None or right is None:
        return None
    return profile.size - left[0] - right[0], round(left[1] + right[1], 2)


def _edge(profile: NDArray[np.float64], inside: float, reach: int, contrast: int) -> tuple[float, float] | None:
    """Where a stroke begins in a profile that begins ``reach`` before its mask, and how blurred it is there.

    None where it may begin before.
    """
    near = profile[: reach - 1]
    farthest = float(near[np.abs(near - inside).argmax()])
    least = max(_CONTRAST, contrast / 2)
    if abs(inside - farthest) < least:
        return None
    nearest = float(near[-3:][np.abs(near[-3:] - inside).argmax()])
    ground = nearest if abs(inside - nearest) >= least else farthest
    rise = (profile[: 2 * reach] - ground) / (inside - ground)
    before = np.flatnonzero(rise < 0.5)
    if not before.size or before[-1] >= rise.size - 1:
        return None
    return half_way_after(rise, int(before[-1])), edge_blur(rise)


def _moved(mark: Mark, rows: int) -> Mark:
    segment = mark.segment
    (x, y, width, height), (line_x, line_y, line_width, line_height) = segment.box, segment.line_box
    moved = replace(
        segment, box=(x, y + rows, width, height), line_box=(line_x, line_y + rows, line_width, line_height)
    )
    return replace(mark, segment=moved)


def _is_same(one: Mark, other: Mark) -> bool:
    """Whether two marks are one, seen in two masks."""
    (x, y, width, height), (other_x, other_y, other_width, other_height) = one.segment.box, other.segment.box
    is_kind = (one.segment.kind in ("broken", "ruler")) == (other.segment.kind in ("broken", "ruler"))
    common = min(x + width, other_x + other_width) - max(x, other_x)
    is_alike = common >= _SAME_SHARE * max(width, other_width)
    return is_kind and is_alike and y <= other_y + other_height and other_y <= y + height
