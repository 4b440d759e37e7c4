"""Where a micrograph carries its data bar: the stripe with the instrument's settings, or text on the picture.

A stripe is a block of rows whose *median* level is one constant: text and logos never cover half of a row, so
the median is the background whatever is printed on it. That beats looking for the stripe's outline, which JPEG
noise, frames of one pixel and strips of picture below and beside the stripe break.
"""

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.imaging.scale.foreground_pieces import keep_cored, piece_boxes
from pipeline.imaging.scale.gray_levels import (
    distance_from,
    level_counts,
    median_level,
    near_level,
    row_shares,
    share_near,
)
from pipeline.imaging.scale.loops.constant_rows import constant_runs
from pipeline.imaging.scale.loops.level_counts import row_levels

_SAMPLED_COLUMNS: Final = 128
_FIRST_LOOK: Final = 4
_SEARCHED_FRACTION: Final = 0.5
"""Stripes lie in the lower half; NFFA's have up to a sixth of the picture below them."""

_BACKGROUND_TOLERANCE: Final = 3
_CLEAN_SHARE: Final = 0.6
_CLEAN_TOLERANCES: Final = (2, 4)
_PURE: Final = 1
_PURE_SHARE: Final = 0.5
"""Stripes have 0.6 of their background at one level, with noise over the whole picture, and more without it; smooth
specimens 0.2 to 0.45, and so have stripes that were made smaller with the picture."""

_BACKGROUND_SHARE: Final = 0.5
_LOWEST_STRIPE_PX: Final = 8
_LOWEST_STRIPE_FRACTION: Final = 0.02
_TALLEST_STRIPE_FRACTION: Final = 0.25
_NEAR_BACKGROUND: Final = 20
_FOREGROUND_SHARE: Final = (0.004, 0.45)
_FOREGROUND_CONTRAST: Final = 40
_EDGE_STEP: Final = 12
_EDGE_SHARE: Final = 0.2
_EDGE_BELOW: Final = 0.85
_ROWS_BELOW: Final = 4
_HIGHER_THAN_TEXT: Final = 0.05
_RULE_SHARE: Final = 0.8
_RULE_SHARE_IN_BOX: Final = 0.97
_OVERLAY_FRACTION: Final = 0.18
_OVERLAY_CORE: Final = 12
_OVERLAY_TOLERANCES: Final = (4, 30, 60)
_OVERLAY_CORE_SHARE: Final = 0.25
_OVERLAY_LEAST_PX: Final = 60
"""The shortest bar of two rows with the smallest label has more foreground than that."""

_OVERLAY_CONTRAST: Final = 60
_OVERSHOOT: Final = 30
_PEAK: Final = (1, 2, 3, 2, 1)
_PEAK_TO_TAIL: Final = 2
_AROUND: Final = (0.15, 0.07)
_DRAWING_STEP: Final = 7
_WHITE: Final = 240
_DRAWING_SHARE: Final = 0.5
_PALER_SHARE: Final = 0.55
_THIN_PX: Final = 9
_THIN_CONTRAST: Final = 0.33

Background = Literal["stripe", "plain", "box", "picture"]


@dataclass(frozen=True, slots=True)
class DataBar:
    """A region that may hold a scale bar.

    Attributes
    ----------
    top, bottom, left, right : int
        Rows ``top:bottom`` and columns ``left:right`` of the picture.
    background : str
        ``stripe``: a data bar of its own, apart from the specimen. ``plain``: a constant ground that is the
        specimen's own background too, so that where the bar begins cannot be told. ``box``: the inside of a
        small block of constant ground on the specimen. ``picture``: printed on the specimen.
    level : int
        Gray level of the background; on a picture, of the foreground.
    tolerance : int
        On a picture, how far from its level foreground may be. Untouched print is exact; print that was resized or
        JPEG-coded is not, but the more is allowed, the more specimen passes for foreground. 0 on constant background.
    """

    top: int
    bottom: int
    left: int
    right: int
    background: Background
    level: int
    tolerance: int = 0

    @property
    def is_stripe(self) -> bool:
        """Whether rows from ``top`` on show no specimen."""
        return self.background == "stripe"

    @property
    def longest_share(self) -> float:
        """What is longer than this share of the region's width is a frame or divider: a small box fits its bar."""
        return _RULE_SHARE_IN_BOX if self.background == "box" else _RULE_SHARE

    @property
    def fringe_px(self) -> int | None:
        """How far from a letter its blurred edge reaches on a picture; None on constant background."""
        if self.background != "picture":
            return None
        return 0 if self.tolerance <= _OVERLAY_CORE else 1


def find_data_bar(gray: NDArray[np.uint8]) -> DataBar | None:
    """Find the data bar's stripe in the lower half of a picture.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]

    Returns
    -------
    DataBar or None
        ``background`` is ``stripe`` or ``plain``. Of several the one with the most rows, then the lowest; one on clean
        background before a noisy one. None for a picture without one, a constant picture, and one smaller than 32 px
        to a side.
    """
    height, width = gray.shape
    if height < 32 or width < 32:
        return None
    start = int(height * (1 - _SEARCHED_FRACTION))
    sampled = np.ascontiguousarray(gray[start:, :: max(1, width // _SAMPLED_COLUMNS)])
    # A few columns tell most rows of specimen from background; only what may be background is looked at closely.
    levels, shares = row_levels(sampled[:, ::_FIRST_LOOK], _BACKGROUND_TOLERANCE)
    close = np.flatnonzero(shares >= _BACKGROUND_SHARE / 2)
    if not close.size:
        return None
    levels[close], shares[close] = row_levels(sampled[close], _BACKGROUND_TOLERANCE)
    runs = constant_runs(sampled, levels, shares >= _BACKGROUND_SHARE, _BACKGROUND_TOLERANCE).tolist()
    lowest = max(_LOWEST_STRIPE_PX, _LOWEST_STRIPE_FRACTION * height)
    tall_enough = [(first + start, last + start) for first, last in runs if last - first >= lowest]
    tall_enough.sort(key=lambda run: (run[0] - run[1], -run[1]))
    # Noise is allowed where nothing clean was found: a smooth specimen looks much like it.
    for tolerance in _CLEAN_TOLERANCES:
        for top, bottom in tall_enough:
            bar = _as_bar(gray, top, bottom, int(np.median(levels[top - start : bottom - start])), tolerance)
            if bar is not None:
                return bar
    return None


def may_be_specimen(gray: NDArray[np.uint8], bar: DataBar) -> bool:
    """Whether what looks like a stripe may be a smooth part of the specimen: its background is of many levels."""
    background = gray[bar.top : bar.bottom, bar.left : bar.right]
    return share_near(background, bar.level, _PURE) < _PURE_SHARE * share_near(background, bar.level, _NEAR_BACKGROUND)


def overlay_regions(gray: NDArray[np.uint8]) -> list[DataBar]:
    """Regions of a picture without a stripe where a scale may be printed on the specimen itself.

    Returns
    -------
    list of DataBar
        The bottom of the picture for white print and for black print, with growing tolerance; only where the
        brightest (darkest) level stands out and covers no more than print does. ``background`` is ``picture``.
        Empty for a picture smaller than 32 px to a side.
    """
    height, width = gray.shape
    top = int(height * (1 - _OVERLAY_FRACTION))
    cut = gray[top:]
    if height < 32 or width < 32:
        return []
    median = median_level(cut[::4, ::4])
    levels = []
    for extreme in (int(cut.max()), int(cut.min())):
        level = _print_level(cut, extreme, median)
        if level is not None:
            levels.append(level)
    return [
        DataBar(top, height, 0, width, "picture", level, tolerance)
        for tolerance in _OVERLAY_TOLERANCES
        for level in levels
    ]


def _print_level(cut: NDArray[np.uint8], extreme: int, median: int) -> int | None:
    """The level of print that is the brightest or darkest of a picture; None where there is too little or too much.

    The extreme itself, or, where next to nothing is at it, as where JPEG coding overshoots at the edges of gray print,
    the level near it that most pixels have.
    """
    most = _FOREGROUND_SHARE[1] * cut.size
    if abs(extreme - median) < _OVERLAY_CONTRAST:
        return None
    core = cv2.countNonZero(near_level(cut, extreme, _OVERLAY_CORE))
    if core >= _OVERLAY_LEAST_PX:
        return extreme if core <= most else None
    smooth = np.convolve(level_counts(cut), _PEAK, "same")
    first = max(0, extreme - _OVERSHOOT)
    level = first + int(smooth[first : extreme + _OVERSHOOT + 1].argmax())
    # The tail of a specimen's levels only falls.
    tail = smooth[level + (_OVERLAY_CORE if level < median else -_OVERLAY_CORE)]
    core = cv2.countNonZero(near_level(cut, level, _OVERLAY_CORE))
    is_print = _OVERLAY_LEAST_PX <= core <= most and abs(level - median) >= _OVERLAY_CONTRAST
    return level if is_print and smooth[level] >= _PEAK_TO_TAIL * tail else None


def is_drawing(gray: NDArray[np.uint8], bar: DataBar | None) -> bool:
    """Tell a chart or a page of text from a micrograph: most of it, a data bar aside, is one white.

    Axes and the lines in a chart's legend look like scale bars, labels included.
    """
    bottom = bar.top if bar is not None and bar.is_stripe else gray.shape[0]
    counts = level_counts(gray[:bottom:_DRAWING_STEP, ::_DRAWING_STEP])
    return bool(counts[_WHITE:].max() > _DRAWING_SHARE * max(1, counts.sum()))


def neighbourhood(
    gray: NDArray[np.uint8], bar: DataBar, box: tuple[int, int, int, int]
) -> tuple[DataBar, NDArray[np.uint8]]:
    """Look around a mark on a picture for paler print: thin letters that resizing or coding took the core from.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    bar : DataBar
        The region in which the mark was found, of background ``picture``.
    box : (x, y, width, height)
        The mark.

    Returns
    -------
    DataBar, uint8 ndarray
        The window around the mark, and 1 where it is nearer to the foreground's level than to the specimen's median.
    """
    x, y, width, height = box
    reach_x, reach_y = int(_AROUND[0] * gray.shape[1]), max(40, int(_AROUND[1] * gray.shape[1]))
    left, right = max(0, x - reach_x), min(gray.shape[1], x + width + reach_x)
    top, bottom = max(0, y - reach_y), min(gray.shape[0], y + height + reach_y)
    window = gray[top:bottom, left:right]
    tolerance = int(_PALER_SHARE * abs(bar.level - median_level(window)))
    region = DataBar(top, bottom, left, right, "picture", bar.level, max(_OVERLAY_CORE + 1, tolerance))
    return region, np.asarray(near_level(window, bar.level, tolerance) & 1, dtype=np.uint8)


def thin_print(gray: NDArray[np.uint8], region: DataBar) -> NDArray[np.uint8]:
    """Mark thin strokes towards the foreground's level in a window, whatever the specimen's level beside them.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    region : DataBar
        The window, as `neighbourhood` gives it.

    Returns
    -------
    uint8 ndarray, [bottom - top, right - left]
        1 where the picture stands out from its surroundings of nine pixels by a third of the foreground's contrast.
    """
    window = gray[region.top : region.bottom, region.left : region.right]
    median = median_level(window)
    bright = window if region.level > median else np.asarray(255 - window, dtype=np.uint8)
    stands_out = cv2.morphologyEx(bright, cv2.MORPH_TOPHAT, np.ones((_THIN_PX, _THIN_PX), np.uint8))
    return np.asarray(stands_out > _THIN_CONTRAST * abs(region.level - median), dtype=np.uint8)


def foreground_mask(gray: NDArray[np.uint8], bar: DataBar) -> NDArray[np.uint8]:
    """Mark what is printed in a region.

    Returns
    -------
    uint8 ndarray, [bottom - top, right - left]
        1 where there is foreground. On constant background, what differs from it by more than 0.3 of the upper
        quartile of all clear differences (at least 22 levels): green lines beside black print have 0.41 of
        its contrast. On a picture, the pieces brighter (darker) than all specimen, with their fringe. Rows
        and columns that are nearly all foreground are cleared: a stripe's frame and its dividers.
    """
    return foreground_and_pieces(gray, bar)[0]


def foreground_and_pieces(gray: NDArray[np.uint8], bar: DataBar) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """What is printed in a region (`foreground_mask`), and its pieces (`foreground_pieces.piece_boxes`)."""
    cut = gray[bar.top : bar.bottom, bar.left : bar.right]
    if bar.background != "picture":
        foreground = _without_rules(_foreground_on_background(cut, bar), bar.longest_share)
        return foreground, piece_boxes(foreground)
    foreground, pieces = _overlay_foreground(cut, bar.level, bar.tolerance)
    cleared = _without_rules(foreground, bar.longest_share)
    return cleared, (piece_boxes(cleared) if pieces is None or cleared is not foreground else pieces)


def _foreground_on_background(cut: NDArray[np.uint8], bar: DataBar) -> NDArray[np.uint8]:
    difference = distance_from(cut, bar.level)
    counts = level_counts(difference).astype(np.int64)
    counts[:31] = 0
    if counts.sum() < 20:
        return np.zeros_like(cut)
    upper_quartile = int(np.searchsorted(np.cumsum(counts), 0.75 * counts.sum()))
    least = max(22.0, 0.3 * upper_quartile)
    return np.asarray(cv2.threshold(difference, least, 1, cv2.THRESH_BINARY)[1], dtype=np.uint8)


def _overlay_foreground(
    cut: NDArray[np.uint8], level: int, tolerance: int
) -> tuple[NDArray[np.uint8], NDArray[np.int32] | None]:
    """Pieces near the foreground's level that are right at it for a quarter of their area; their boxes, where counted.

    Two thresholds, as for edges: the fringe of letters is kept, bright specimen without a core is not.
    """
    foreground = np.asarray(near_level(cut, level, tolerance) & 1, dtype=np.uint8)
    if tolerance <= _OVERLAY_CORE:
        return foreground, None
    if cv2.countNonZero(foreground) > _FOREGROUND_SHARE[1] * foreground.size:
        return np.zeros_like(cut), None
    core = near_level(cut, level, _OVERLAY_CORE)
    return foreground, keep_cored(foreground, core, _OVERLAY_CORE_SHARE)


def _without_rules(foreground: NDArray[np.uint8], longest: float) -> NDArray[np.uint8]:
    """The foreground without rows and columns that are nearly all foreground; itself where there are none."""
    rows = cv2.reduce(foreground, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() > longest * foreground.shape[1]
    columns = cv2.reduce(foreground, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() > _RULE_SHARE * foreground.shape[0]
    if not rows.any() and not columns.any():
        return foreground
    cleared = foreground.copy()
    cleared[rows] = 0
    cleared[:, columns] = 0
    return cleared


def _as_bar(gray: NDArray[np.uint8], top: int, bottom: int, level: int, tolerance: int) -> DataBar | None:
    """The run as a bar, its frame included; None if nothing that looks like print is on it."""
    height = gray.shape[0]
    tallest = int(_TALLEST_STRIPE_FRACTION * height)
    if bottom - top > tallest or not _has_sharp_edge(gray, top, 0, gray.shape[1]):
        top = _edge_within(gray, top, bottom, level) or top
    merged = bottom - top > tallest
    if merged:
        top = bottom - tallest
    left, right = _background_columns(gray[top:bottom], level)
    printed = gray[top + 1 : bottom - 1, left:right]
    if right - left < 0.6 * gray.shape[1] or not _is_clean(printed, level, tolerance) or not _has_print(printed, level):
        return None
    if merged or not _has_sharp_edge(gray, top, left, right):
        return DataBar(top, bottom, left, right, "plain", level)
    return DataBar(_with_frame(gray, top, level), bottom, left, right, "stripe", level)


def _edge_within(gray: NDArray[np.uint8], top: int, bottom: int, level: int) -> int | None:
    """First row of a stripe inside a run that goes on above it, where the specimen has the background's level too.

    There the specimen still ends at once in a good share of the columns, and has been there for more rows than
    any line of text is high. None where the run has no such row.
    """
    lowest = max(_LOWEST_STRIPE_PX, int(_LOWEST_STRIPE_FRACTION * gray.shape[0]))
    higher = int(_HIGHER_THAN_TEXT * gray.shape[0])
    start, stop = max(top + 3, top + higher), bottom - lowest
    if stop <= start:
        return None
    is_background = near_level(gray[top:bottom], level, _BACKGROUND_TOLERANCE)
    background_share = row_shares(is_background)
    before, after = is_background[start - top - 2 : stop - top - 2], is_background[start - top + 1 : stop - top + 1]
    step = row_shares(np.asarray(~before & after, dtype=np.uint8))
    rows = start - top + np.flatnonzero(step >= _EDGE_SHARE)
    above = sliding_window_view(background_share, higher)[rows - higher].max(axis=1)
    below = sliding_window_view(background_share, _ROWS_BELOW)[rows].min(axis=1)
    edges = rows[(above <= 1 - _EDGE_SHARE) & (below >= _EDGE_BELOW)]
    return top + int(edges[-1]) if edges.size else None


def _background_columns(stripe: NDArray[np.uint8], level: int) -> tuple[int, int]:
    """First and last column that are mostly background: a few columns of picture may flank the stripe."""
    is_background = near_level(stripe, level, _BACKGROUND_TOLERANCE)
    background_count = cv2.reduce(is_background, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() // 255
    columns = np.flatnonzero(background_count >= _BACKGROUND_SHARE * len(stripe))
    if not columns.size:
        return 0, 0
    left, right = int(columns[0]), int(columns[-1]) + 1
    # A logo may close the stripe at either side: only a narrow flank is picture.
    flank = 0.01 * stripe.shape[1]
    return (left if left <= flank else 0), (right if stripe.shape[1] - right <= flank else stripe.shape[1])


def _is_clean(stripe: NDArray[np.uint8], level: int, tolerance: int) -> bool:
    """Whether the background is of one level, not of a smooth specimen's many."""
    background = cv2.countNonZero(near_level(stripe, level, _NEAR_BACKGROUND))
    return background > 0 and cv2.countNonZero(near_level(stripe, level, tolerance)) >= _CLEAN_SHARE * background


def _has_print(stripe: NDArray[np.uint8], level: int) -> bool:
    return _FOREGROUND_SHARE[0] <= 1.0 - share_near(stripe, level, _FOREGROUND_CONTRAST) <= _FOREGROUND_SHARE[1]


def _has_sharp_edge(gray: NDArray[np.uint8], top: int, left: int, right: int) -> bool:
    """Whether the picture ends at ``top`` all at once, as no specimen does."""
    above, inside = gray[max(0, top - 4), left:right], gray[min(gray.shape[0] - 1, top + 1), left:right]
    return 1.0 - share_near(np.asarray(cv2.absdiff(above, inside), np.uint8), 0, _EDGE_STEP) >= _EDGE_SHARE


def _with_frame(gray: NDArray[np.uint8], top: int, level: int) -> int:
    """Move the top up over a frame of one or two rows in another constant level."""
    for row in range(top - 1, max(-1, top - 4), -1):
        median = median_level(gray[row])
        share = share_near(gray[row], median, _EDGE_STEP)
        if share < 0.97 or abs(median - level) <= _EDGE_STEP:
            return row + 1
    return max(0, top - 3)
