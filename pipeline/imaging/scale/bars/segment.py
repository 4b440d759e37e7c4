"""The scale segment: which mark in a region has the length that the label states.

Marks that are told apart: a line with end ticks, such a line broken by its label, a solid bar, one with the
label inside, a plain line, and Hitachi's ruler of eleven ticks (its label is the span from the first to the
last). All but the ruler and the bar around its label are found from the long horizontal runs of foreground, which
letters do not have; what the ends look like then decides the kind.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.foreground_pieces import long_pieces, piece_boxes
from pipeline.imaging.scale.gray_levels import median_level, share_near
from pipeline.imaging.scale.loops.strokes import tick_at_end, whole_rows
from pipeline.imaging.scale.loops.text_lines import count_in_row
from pipeline.imaging.scale.regions.databar import DataBar

SegmentKind = Literal["ticked", "broken", "inside", "ruler", "solid", "line", "seen"]

_KIND_ORDER: Final[dict[SegmentKind, int]] = {
    "ticked": 0,
    "broken": 1,
    "inside": 2,
    "ruler": 3,
    "solid": 4,
    "line": 5,
    "seen": 6,
}
_SHORTEST_PX: Final = 19
"""Odd: OpenCV's opening shifts the picture by a pixel for an even width."""

_LONGEST_BLOCK_FRACTION: Final = 0.8
_THICKEST_FRACTION: Final = 0.3
_SOLID_THICKNESS_PX: Final = 3
_LINE_THICKNESS_PX: Final = 2
"""Strokes of one pixel without ticks are dividers."""

_TICK_TALLER_PX: Final = 3
_WIDEST_TICK_PX: Final = 8
_LETTER_PROPORTION: Final = 3
_RULER_TICKS: Final = 11
_RULER_SEEN: Final = 8
_WHOLE_COLUMNS: Final = 0.95
_LOWEST_LETTERED_PX: Final = 11
_LETTERED_SHARE: Final = (0.55, 0.995)
"""Two thin letters in a long bar leave out a hundredth of it."""

_BOX_PROPORTION: Final = 0.8
_BLOCK_PROPORTION: Final = 0.35
_BLOCK_REACH_PX: Final = 9
_SMOOTH_SHARE: Final = 0.9
_SAME_BACKGROUND: Final = 8
_THICKEST_OUTLINE_PX: Final = 3
_THICKEST_INSIDE_PX: Final = 12
_OUTLINE_TOLERANCE: Final = 40
_OUTLINE_CONTRAST: Final = 60
_OUTLINED: Final = 0.8
_FRAME_STEP: Final = 12
_PALE_TOLERANCE: Final = 70
_TICK_SHARE: Final = 0.7
_INNER_SHARE: Final = 0.3
_WHOLE_ROW: Final = 0.97
_THIN_PX: Final = 4
_TOUCHED_SHARE: Final = 0.1
_ROUGH_SHARE: Final = 0.4
_MOST_LINES: Final = 60
_PROFILE_PX: Final = 6
_MOST_BLURRED_PX: Final = 1.5
_BEYOND_PX: Final = 5
_APART_PX: Final = 3
_GOES_ON: Final = 30
_GOES_ON_SHARE: Final = 0.25
_LEAST_BEYOND_PX: Final = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """A candidate for the scale segment, in pixels of the picture.

    Attributes
    ----------
    kind : str
        ``ticked``, ``broken`` (by its label), ``inside`` (a solid bar around its label), ``ruler``, ``solid``,
        ``line``, or ``seen`` (by the networks, a bar of any kind).
    box : (x, y, width, height)
        The mark with its ticks.
    length_px : float
        What the label states: outer width less one tick width for ``ticked`` and ``broken``, first to last
        tick for ``ruler``, outer width for the others.
    line_box : (x, y, width, height)
        The horizontal stroke alone; for a ruler the same as ``box``.
    gap : (first, last) or None
        Columns between the halves of a broken line.
    spread_px : float
        How much longer it is between the points a quarter of the way to the ground than three quarters of the way: what
        its blurred ends leave open. 0 where nothing was measured.
    """

    kind: SegmentKind
    box: tuple[int, int, int, int]
    length_px: float
    line_box: tuple[int, int, int, int]
    gap: tuple[int, int] | None = None
    spread_px: float = 0.0


def overlap(one: Segment, other: Segment) -> bool:
    """Whether two segments cover some of the same rows and columns."""
    (x, y, width, height), (other_x, other_y, other_width, other_height) = one.box, other.box
    is_beside = x < other_x + other_width and other_x < x + width
    return is_beside and y < other_y + other_height and other_y < y + height


class _End(NamedTuple):
    """One end of a line: its outermost column and its tick (height 0 where there is none)."""

    outer: int
    tick_width: int
    up: int
    down: int

    @property
    def height(self) -> int:
        return self.up + self.down


class _Line(NamedTuple):
    x: int
    y: int
    width: int
    thickness: int
    left: _End
    right: _End


def find_segments(
    foreground: NDArray[np.uint8], bar: DataBar, *, pieces: NDArray[np.int32] | None = None
) -> list[Segment]:
    """Find what could be the scale segment in a region.

    Parameters
    ----------
    foreground : uint8 ndarray, [bar height, bar width]
        1 where there is foreground, as `pipeline.imaging.scale.regions.databar.foreground_mask` gives it.
    bar : DataBar
        The region.
    pieces : int32 ndarray, [pieces, 5], optional
        `pipeline.imaging.scale.foreground_pieces.piece_boxes` of the foreground, where the caller has them already.

    Returns
    -------
    list of Segment
        Likeliest kind first, longest first within a kind; empty when there is none.
    """
    lines = _long_lines(foreground, longest=bar.longest_share * foreground.shape[1])
    pieces = piece_boxes(foreground) if pieces is None else pieces
    # A block at the region's edge goes on beyond it: its text may be the label of a bar that cannot be seen here.
    lettered = [block for block in _lettered(foreground, pieces) if block.box[1] > 0]
    found = [*_whole_segments(foreground, lines), *_broken_segments(lines), *lettered, *_rulers(pieces)]
    found.sort(key=lambda segment: (_KIND_ORDER[segment.kind], -segment.length_px, segment.box))
    return [_moved(segment, bar.left, bar.top) for segment in found]


def find_boxes(
    gray: NDArray[np.uint8], foreground: NDArray[np.uint8], bar: DataBar, pieces: NDArray[np.int32]
) -> list[DataBar]:
    """Find blocks of plain ground on a picture that may carry bar and label, as journals' panels have.

    ``pieces`` are the `pipeline.imaging.scale.foreground_pieces.piece_boxes` of the foreground.

    Returns
    -------
    list of DataBar
        Their insides as regions of background ``plain``, the widest first.
    """
    regions = []
    for block in _lettered(foreground, pieces, proportion=_BOX_PROPORTION):
        x, y, width, height = block.box
        x, y = x + bar.left + 2, y + bar.top + 2
        inside = gray[y : y + height - 4, x : x + width - 4]
        regions.append(DataBar(y, y + height - 4, x, x + width - 4, "box", median_level(inside)))
    return sorted(regions, key=lambda region: (region.left - region.right, region.left, region.top))


def with_exact_length(gray: NDArray[np.uint8], segment: Segment) -> Segment:
    """Measure a solid bar or plain line between the points where its profile is half way to the ground.

    A threshold on blurred or resized edges makes a bar longer by a pixel or two. The other kinds need no such
    care: what is added to the outer width is added to the tick's width as well, and drops out.

    Returns
    -------
    Segment
        Unchanged where the ground beside the ends is out of the picture or hardly differs from the bar.
    """
    if segment.kind not in ("solid", "line", "inside"):
        return segment
    if segment.kind != "inside":
        segment = _to_its_ends(gray, segment)
    x, y, width, height = segment.line_box
    inner = slice(y + height // 4, y + height - height // 4)
    if segment.kind == "inside":
        inner = slice(y + 1, y + max(2, height // 6))
    if x < _PROFILE_PX or x + width + _PROFILE_PX > gray.shape[1]:
        return segment
    columns = slice(x - _PROFILE_PX, x + width + _PROFILE_PX)
    profile = gray[inner, columns].mean(axis=0, dtype=np.float64)
    middle = _middle(profile[2 * _PROFILE_PX : -2 * _PROFILE_PX])
    rows = (y - _APART_PX, y + height - 1 + _APART_PX)
    is_within = rows[0] >= 0 and rows[1] < gray.shape[0]
    around = gray[list(rows), columns].mean(axis=0) if is_within else None
    left = _edge(profile, middle, around)
    right = _edge(profile[::-1], middle, None if around is None else around[::-1])
    if left is None or right is None:
        return segment
    spread = sum(_blur(one, middle) for one in (profile, profile[::-1]))
    return replace(segment, length_px=round(profile.size - left - right, 2), spread_px=round(spread, 2))


def _blur(profile: NDArray[np.float64], inside: float) -> float:
    """`edge_blur` of a profile that begins `_PROFILE_PX` before a mask; 0 where it has no clear ground."""
    ground = _middle(profile[:3])
    return 0.0 if abs(inside - ground) < 30 else edge_blur((profile[: 2 * _PROFILE_PX] - ground) / (inside - ground))


def edge_blur(rise: NDArray[np.float64]) -> float:
    """Pixels that an edge takes from a quarter to three quarters of its way, in a profile from 0 to 1; 0 without one.

    Examples
    --------
    >>> edge_blur(np.array([0.0, 0.0, 0.5, 1.0, 1.0]))
    1.0
    """
    before = np.flatnonzero(rise < 0.5)
    last = int(before[-1]) if before.size else -1
    below, above = np.flatnonzero(rise[: last + 1] < 0.25), np.flatnonzero(rise[last + 1 :] >= 0.75)
    if not below.size or not above.size:
        return 0.0
    upper = last + int(above[0])
    return half_way_after(rise, upper, 0.75) - half_way_after(rise, int(below[-1]), 0.25)


def _edge(profile: NDArray[np.float64], inside: float, around: NDArray[np.float64] | None) -> float | None:
    """Where a bar begins in a profile that begins `_PROFILE_PX` before its mask; None where nothing tells.

    Bright specimen that a bright bar ends on falls off like a blurred edge, only slower: what is that far from the mask
    must stand out from the rows ``around`` the bar, too.
    """
    place = _half_way(profile[: 2 * _PROFILE_PX], inside, _middle(profile[:3]))
    if place is None or around is None or place >= _PROFILE_PX - _MOST_BLURRED_PX:
        return place
    nearer = _half_way(profile[: 2 * _PROFILE_PX], inside, around[: 2 * _PROFILE_PX])
    return place if nearer is None else max(place, nearer)


def _to_its_ends(gray: NDArray[np.uint8], segment: Segment) -> Segment:
    """The segment with what goes on beyond its mask, where coding has changed the bar's level by more than that allows.

    There the bar still stands out from the rows above and below it; a bright specimen beside its end does not.
    """
    x, y, width, height = segment.line_box
    rows = (y - _APART_PX, y + height - 1 + _APART_PX)
    if rows[0] < 0 or rows[1] >= gray.shape[0]:
        return segment
    level = median_level(gray[y : y + height, x : x + width])
    farthest = int(_GOES_ON_SHARE * width)

    def beyond(start: int, step: int) -> int:
        """How many columns from ``start`` on belong to the bar."""
        for count in range(farthest + 1):
            column = start + count * step
            if not 0 <= column < gray.shape[1]:
                return 0
            own, *around = median_level(gray[y : y + height, column]), *(int(gray[row, column]) for row in rows)
            if abs(own - level) > _GOES_ON or min(abs(one - level) for one in around) < 2 * _GOES_ON:
                return count
        return 0

    left, right = beyond(x - 1, -1), beyond(x + width, 1)
    if max(left, right) < _LEAST_BEYOND_PX:
        return segment
    box = (x - left, y, width + left + right, height)
    return replace(segment, box=box, line_box=box, length_px=float(box[2]))


def is_frame_side(gray: NDArray[np.uint8], segment: Segment) -> bool:
    """Whether a stroke on a picture is the side of a frame: smooth background of a block beside it, and specimen.

    A shadow is smooth too, but thin. So is the margin of a block that the bar itself, a thin line, parts from the rest
    of it. False for anything but solid bars and plain lines.
    """
    if segment.kind not in ("solid", "line"):
        return False
    x, y, width, height = segment.line_box
    inner = slice(x + width // 10, x + width - width // 10)
    own_level = median_level(gray[y : y + height, inner])
    around = (y - _BLOCK_REACH_PX, y + height - 1 + _BLOCK_REACH_PX)
    if any(
        0 <= row < gray.shape[0] and share_near(gray[row, inner], own_level, _SAME_BACKGROUND) >= _SMOOTH_SHARE
        for row in around
    ):
        return True
    sides = []
    for near, far in ((y - 3, y - _BLOCK_REACH_PX), (y + height + 2, y + height - 1 + _BLOCK_REACH_PX)):
        rows = [gray[row, inner] for row in (near, far) if 0 <= row < gray.shape[0]]
        levels = [median_level(row) for row in rows]
        smooth = len(rows) == 2 and all(share_near(row, levels[0], 4) >= _SMOOTH_SHARE for row in rows)
        sides.append((smooth, levels[0] if levels else 0))
    (above, above_level), (below, below_level) = sides
    return above != below and abs(above_level - below_level) >= _FRAME_STEP


def has_paler_ticks(gray: NDArray[np.uint8], segment: Segment, level: int) -> bool:
    """Whether a bar on a picture has ticks that are too pale for its mask, at both ends and to the same side.

    Its length is from tick to tick then, which a looser mask will show.
    """
    if segment.kind not in ("solid", "line"):
        return False
    x, y, width, height = segment.line_box
    reach = max(_TICK_TALLER_PX, height)
    sides = ((max(0, y - 1 - reach), y - 1), (y + height + 1, y + height + 1 + reach))
    for top, bottom in sides:
        near = [_is_near(gray[top:bottom, at : at + 2], level) for at in (x, x + width - 2)]
        inner = _is_near(gray[top:bottom, x + width // 4 : x + width - width // 4], level)
        if bottom - top == reach and min(near) >= _TICK_SHARE and inner <= _INNER_SHARE:
            return True
    return False


def is_outline(gray: NDArray[np.uint8], segment: Segment, level: int) -> bool:
    """Whether a thin stroke on a picture is one side of a bar's outline, drawn in another level than the bar itself.

    Within a few pixels an equal stroke runs along it, no further than it does, and what is between is of one level. The
    outline of letters misleads as well: an n in outline has the stems of an m.
    """
    x, y, width, height = segment.line_box
    if segment.kind == "inside" or height > _THICKEST_OUTLINE_PX:
        return False
    inner = slice(x + width // 10, segment.gap[0] if segment.gap else x + width - width // 10)
    for edge, step in ((y - 1, -1), (y + height, 1)):
        row = _parallel_row(gray[:, inner], edge, step, level)
        if row is None:
            continue
        fill = gray[min(edge, row - step) : max(edge, row - step) + 1, inner]
        own = median_level(fill)
        is_even = abs(own - level) >= _OUTLINE_CONTRAST and share_near(fill, own, _OUTLINE_TOLERANCE) >= _OUTLINED
        ends = np.r_[gray[row, max(0, x - 8) : max(0, x - 4)], gray[row, x + width + 4 : x + width + 8]]
        if is_even and share_near(ends, level, _OUTLINE_TOLERANCE) < 0.5:
            return True
    return False


def _parallel_row(gray: NDArray[np.uint8], edge: int, step: int, level: int) -> int | None:
    """The first row of a level beyond ``edge``, upwards (-1) or downwards (1), within what a bar is thick."""
    for row in range(edge + step, edge + step * (_THICKEST_INSIDE_PX + 1), step):
        if not 0 <= row < gray.shape[0]:
            return None
        if share_near(gray[row], level, _OUTLINE_TOLERANCE) >= _OUTLINED:
            return row
    return None


def _is_near(part: NDArray[np.uint8], level: int) -> float:
    return share_near(part, level, _PALE_TOLERANCE)


def _half_way(profile: NDArray[np.float64], inside: float, ground: float | NDArray[np.float64]) -> float | None:
    """Position, in pixels from the start, of the edge in a profile that begins on the ground and ends inside.

    Of several crossings the innermost: a bright speck beside a bar is none of its.
    """
    contrast = inside - ground
    if np.abs(contrast).min() < 30:
        return None
    rise = (profile - ground) / contrast
    before = np.flatnonzero(rise < 0.5)
    if not before.size or before[-1] == rise.size - 1:
        return None
    return half_way_after(rise, int(before[-1]))


def _middle(values: NDArray[np.float64]) -> float:
    """The median; for so few values NumPy's own takes ten times as long."""
    ordered = np.sort(values)
    return float(ordered[(ordered.size - 1) // 2] + ordered[ordered.size // 2]) / 2


def half_way_after(rise: NDArray[np.float64], pixel: int, share: float = 0.5) -> float:
    """Where a profile reaches a share between a pixel and the next, in pixels from the profile's start.

    A pixel's value is its centre's; an ideal edge between two pixels lies half way between their centres.
    """
    return pixel + float((share - rise[pixel]) / (rise[pixel + 1] - rise[pixel])) + 0.5


def _long_lines(foreground: NDArray[np.uint8], *, longest: float) -> list[_Line]:
    """All horizontal strokes of at least 19 px, with what their ends look like."""
    lines: list[_Line] = []
    pieces = long_pieces(foreground, _SHORTEST_PX)
    width, height = pieces[:, 2], pieces[:, 3]
    flat = (width >= _SHORTEST_PX) & (width <= longest) & (height <= _THICKEST_FRACTION * width)
    pieces = pieces[flat]
    for x, y, line_width, thickness, area in pieces[np.argsort(-pieces[:, 2], kind="stable")].tolist():
        count, first, last = whole_rows(foreground, x, y, line_width, thickness, _WHOLE_ROW)
        if area >= 0.9 * line_width * thickness or count >= max(1, thickness - 2):
            # The blurred edge of a thin line may be covered in a part of its length only: ends are judged without.
            core = (first, last - first + 1) if count else (y, thickness)
            above, below = core[0] - y, y + thickness - core[0] - core[1]
            left = _less(_end(foreground, x, *core, inward=1), above, below)
            right = _less(_end(foreground, x + line_width - 1, *core, inward=-1), above, below)
            lines.append(_Line(x, y, line_width, thickness, left, right))
        if len(lines) == _MOST_LINES:
            break
    return lines


def _end(foreground: NDArray[np.uint8], column: int, y: int, thickness: int, *, inward: int) -> _End:
    """Describe the end of a line at ``column``; ``inward`` is the direction along the line."""
    lowest = max(_TICK_TALLER_PX, thickness)
    return _End(*tick_at_end(foreground, column, y, thickness, inward, lowest, _WIDEST_TICK_PX))


def _less(end: _End, above: int, below: int) -> _End:
    """The end as it rises over a line that is thicker than was looked at, by so many rows."""
    return end._replace(up=max(0, end.up - above), down=max(0, end.down - below))


def _whole_segments(foreground: NDArray[np.uint8], lines: list[_Line]) -> list[Segment]:
    """Lines with a tick at both ends, and strokes without any that stand alone."""
    found = []
    for line in lines:
        if _is_pair(line.left, line.right) and _is_open(foreground, line) and not _is_letter(foreground, line):
            found.append(_ticked("ticked", line, line, None))
        elif not line.left.height and not line.right.height and _stands_alone(foreground, line):
            box = (line.x, line.y, line.width, line.thickness)
            if line.thickness < _LINE_THICKNESS_PX:
                continue
            kind: SegmentKind = "solid" if line.thickness >= _SOLID_THICKNESS_PX else "line"
            found.append(Segment(kind, box, float(line.width), box))
    return [one for one in found if not any(_are_outline(one, other) for other in found)]


def _are_outline(one: Segment, other: Segment) -> bool:
    """Whether two strokes are the upper and the lower outline of something between them.

    Of a bar with ticks: two brackets back to back, or one within the other. Of a block, such as a bar with its label
    inside: two equal bars.
    """
    if one.kind != other.kind or one is other:
        return False
    if one.kind == "ticked" and _are_nested(one.box, other.box):
        return True
    upper, lower = (one, other) if one.line_box[1] < other.line_box[1] else (other, one)
    apart = lower.line_box[1] - upper.line_box[1] - upper.line_box[3]
    alike = abs(one.box[0] - other.box[0]) <= 1 and abs(one.box[2] - other.box[2]) <= 1
    if one.kind != "ticked":
        return alike and 0 < apart <= _BLOCK_PROPORTION * one.box[2]
    # The ticks of the upper one point up, those of the lower one down.
    outwards = upper.box[1] < upper.line_box[1] - 2 and lower.box[1] >= lower.line_box[1] - 2
    return alike and outwards and 0 < apart <= upper.box[3] + lower.box[3]


def _are_nested(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    """Whether one box sticks out of another by as much, a few pixels, to the left and to the right."""
    left, right = other[0] - one[0], one[0] + one[2] - other[0] - other[2]
    overlap = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return 0 < abs(left) <= _WIDEST_TICK_PX and abs(left - right) <= 1 and overlap > 0


def _broken_segments(lines: list[_Line]) -> list[Segment]:
    """Two strokes of one height in a row, with a tick at the outer ends only and a gap between them."""
    lefts = [line for line in lines if line.left.height and not line.right.height]
    rights = [line for line in lines if line.right.height and not line.left.height]
    found = []
    for left in lefts:
        for right in rights:
            gap = (left.x + left.width, right.x - 1)
            level = abs(left.y - right.y) <= 1 and abs(left.thickness - right.thickness) <= 1
            alike = abs(left.width - right.width) <= max(4, 0.25 * max(left.width, right.width))
            if level and alike and gap[1] - gap[0] >= _SHORTEST_PX and _is_pair(left.left, right.right):
                found.append(_ticked("broken", left, right, gap))
    return found


def _ticked(kind: SegmentKind, first: _Line, last: _Line, gap: tuple[int, int] | None) -> Segment:
    left, right = first.left, last.right
    outer = right.outer - left.outer + 1
    top = min(first.y - left.up, last.y - right.up)
    bottom = max(first.y + first.thickness + left.down, last.y + last.thickness + right.down)
    length = outer - (left.tick_width + right.tick_width) / 2
    line_box = (left.outer, min(first.y, last.y), outer, max(first.thickness, last.thickness))
    return Segment(kind, (left.outer, top, outer, bottom - top), float(length), line_box, gap)


def _is_pair(left: _End, right: _End) -> bool:
    """Whether two ends carry the same tick, to the same sides of the line."""
    if not left.height or not right.height or abs(left.tick_width - right.tick_width) > 2:
        return False
    tolerance = max(2, round(0.2 * max(left.height, right.height)))
    return abs(left.up - right.up) <= tolerance and abs(left.down - right.down) <= tolerance


def _is_open(foreground: NDArray[np.uint8], line: _Line) -> bool:
    """Whether the ends are ticks and not the sides of a box or a grid, which other strokes close.

    The outermost row of a blurred stroke is covered in part only: the next one tells.
    """
    inner = slice(line.x + line.width // 6, line.x + line.width - line.width // 6)
    top, bottom = line.y - line.left.up, line.y + line.thickness - 1 + line.left.down
    rows = (top, top + 1, bottom - 1, bottom)
    outside = [row for row in rows if not line.y <= row < line.y + line.thickness]
    return all(float(foreground[row, inner].mean()) < 0.6 for row in outside)


def _is_letter(foreground: NDArray[np.uint8], line: _Line) -> bool:
    """Whether a short line with tall ticks has neighbours as the H of a word has."""
    top, bottom = line.y - line.left.up, line.y + line.thickness + line.left.down
    height = bottom - top
    if line.width >= _LETTER_PROPORTION * height:
        return False
    reach = max(3, round(0.35 * height))
    left, right = line.left.outer - 1, line.right.outer + 2
    beside = foreground[top:bottom, max(0, left - reach) : max(0, left)], foreground[top:bottom, right : right + reach]
    return any(bool(part.any()) for part in beside)


def _stands_alone(foreground: NDArray[np.uint8], line: _Line) -> bool:
    """Whether nothing touches a stroke, not even the edge of the region."""
    x0, x1, y0, y1 = line.x - 2, line.x + line.width + 2, line.y - 2, line.y + line.thickness + 2
    if x0 < 0 or y0 < 0 or x1 > foreground.shape[1] or y1 > foreground.shape[0]:
        return False
    inside = foreground[line.y : line.y + line.thickness, line.x : line.x + line.width]
    covered = cv2.countNonZero(inside)
    around = cv2.countNonZero(foreground[y0:y1, x0:x1]) - covered
    near = cv2.countNonZero(foreground[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1]) - covered
    # A blurred edge may pass the threshold in places: a row of a thick bar, if nothing goes on behind it.
    is_rough = line.thickness > _THIN_PX and near <= _ROUGH_SHARE * line.width and around == near
    # A piece of a tilted or curved stroke goes on in its corners.
    corners = cv2.countNonZero(foreground[y0:y1, x0 : x0 + 2]) + cv2.countNonZero(foreground[y0:y1, x1 - 2 : x1])
    core = inside[1:-1] if line.thickness > _THIN_PX else inside
    is_whole = cv2.countNonZero(core) >= 0.95 * core.size and covered >= 0.85 * inside.size
    # What goes on behind a thin line across it is the background between a bracket's ticks, not a bar.
    rows = slice(line.y, line.y + line.thickness)
    beyond = foreground[rows, max(0, x0 - _BEYOND_PX) : x0], foreground[rows, x1 : x1 + _BEYOND_PX]
    if any(part.size and cv2.countNonZero(part) > 0.5 * part.size for part in beyond):
        return False
    return (is_rough or around <= _TOUCHED_SHARE * line.width) and not corners and is_whole


def _lettered(foreground: NDArray[np.uint8], pieces: NDArray[np.int32], *, proportion: float = 2.0) -> list[Segment]:
    """Solid bars with letters left out of them: whole along all four sides, and not without holes."""
    _, _, width, height, _ = pieces.T
    large = (
        (height >= _LOWEST_LETTERED_PX)
        & (width >= proportion * height)
        & (width <= _LONGEST_BLOCK_FRACTION * foreground.shape[1])
    )
    found = []
    for x, y, w, h, area in pieces[large].tolist():
        if not _LETTERED_SHARE[0] * w * h <= area <= _LETTERED_SHARE[1] * w * h:
            continue
        inset = (slice(y + 1, y + h - 1), slice(x + 1, x + w - 1))
        block = foreground[inset]
        sides = (block[0], block[-1], block[:, 0], block[:, -1])
        if all(float(side.mean()) >= 0.98 for side in sides):
            found.append(Segment("inside", (x, y, w, h), float(w), (x, y, w, h)))
    return found


def _rulers(pieces: NDArray[np.int32]) -> list[Segment]:
    """Rows of eleven equal, even marks; up to three inner ones may be lost in a bright specimen."""
    if len(pieces) < _RULER_SEEN:
        return []
    _, _, width, height, area = pieces.T
    # Of a blurred mark a column may be covered in a part of its length only.
    whole_columns = np.maximum(1, width - 1)
    is_even = (area >= 0.8 * width * height) | (area >= _WHOLE_COLUMNS * whole_columns * height)
    mark = (height >= 3) & (height <= 40) & (width >= 1) & (width <= 0.8 * height) & is_even
    marks = pieces[mark]
    in_row = count_in_row(marks, 1, 2 * int(marks[:, 2].max(initial=0)), 1.0, 0.0)
    found: list[Segment] = []
    if in_row.max(initial=0) < _RULER_SEEN:
        return found
    for anchor_y, anchor_h in sorted({(y, h) for _, y, _, h, _ in marks.tolist()}):
        row = marks[(np.abs(marks[:, 1] - anchor_y) <= 1) & (np.abs(marks[:, 3] - anchor_h) <= 1)]
        if len(row) >= _RULER_SEEN:
            ruler = _ruler(row[np.argsort(row[:, 0])])
            if ruler is not None and ruler not in found:
                found.append(ruler)
    return found


def _ruler(row: NDArray[np.int32]) -> Segment | None:
    """The ruler in a row of marks; None unless it spans exactly ten even divisions.

    An end tick that is lost would make the length wrong by a tenth: with any other number of divisions the
    marks say nothing.
    """
    centres = row[:, 0] + (row[:, 2] - 1) / 2
    pitch = float(np.median(np.diff(centres)))
    divisions = (centres[-1] - centres[0]) / pitch if pitch >= 4 else 0.0
    if round(divisions) != _RULER_TICKS - 1:
        return None
    exact = (centres[-1] - centres[0]) / (_RULER_TICKS - 1)
    steps = (centres - centres[0]) / exact
    places = np.rint(steps).astype(int).tolist()
    even = bool(np.abs(steps - places).max() * exact <= 1.5)
    if not even or any(a == b for a, b in pairwise(places)):
        return None
    x0, y0 = int(row[0, 0]), int(row[:, 1].min())
    box = (x0, y0, int(row[-1, 0] + row[-1, 2]) - x0, int((row[:, 1] + row[:, 3]).max()) - y0)
    return Segment("ruler", box, float(centres[-1] - centres[0]), box)


def _moved(segment: Segment, dx: int, dy: int) -> Segment:
    """The segment in the picture's coordinates."""
    box, line = segment.box, segment.line_box
    gap = None if segment.gap is None else (segment.gap[0] + dx, segment.gap[1] + dx)
    return Segment(
        segment.kind,
        (box[0] + dx, box[1] + dy, box[2], box[3]),
        segment.length_px,
        (line[0] + dx, line[1] + dy, line[2], line[3]),
        gap,
    )
