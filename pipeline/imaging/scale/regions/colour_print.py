"""Coloured print on a gray micrograph: a red or green bar and label, which are no extreme of the gray levels."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.bars.segment import Segment, half_way_after
from pipeline.imaging.scale.regions.databar import DataBar

_COLOURED: Final = 60
_SHARE: Final = (0.0003, 0.1)
_SEARCHED_FRACTION: Final = 0.5
_BESIDE_PX: Final = 12
_WITHIN_PX: Final = 8
_GROUND_PX: Final = 6
_LEAST_CONTRAST: Final = 25
_EDGE: Final = (0.25, 0.75)
_EDGE_PX: Final = 2
_BLUR_PX: Final = 5
_OVERSHOOT: Final = 1.5
_LARGE_PX: Final = 24
_BLURRED_STEP: Final = 0.8
_LONG_PX: Final = 200
"""Colours that are kept in blocks of two pixels lengthen or shorten a bar by up to four."""


def colour_print(pixels: NDArray[np.generic]) -> NDArray[np.uint8] | None:
    """Take the coloured print off a picture whose specimen is gray.

    Parameters
    ----------
    pixels : ndarray, [height, width] or [height, width, channels]
        As decoded.

    Returns
    -------
    uint8 ndarray [height, width] or None
        How far each pixel is from gray: bright print on black ground. None for anything but 8-bit colours, and where
        next to nothing, or more than a tenth, is coloured: maps of elements and painted pictures have no print that
        stands out.
    """
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.dtype != np.uint8:
        return None
    red, green, blue = (np.ascontiguousarray(pixels[..., channel]) for channel in range(3))
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    chroma = np.asarray(cv2.subtract(most, least), dtype=np.uint8)
    share = np.count_nonzero(chroma > _COLOURED) / max(1, chroma.size)
    if min(chroma.shape) < 32 or not _SHARE[0] <= share <= _SHARE[1]:
        return None
    return chroma


def printed_region(print_alone: NDArray[np.uint8]) -> DataBar:
    """Where in coloured print a bar is looked for: the lower half, as a region of constant background."""
    height, width = print_alone.shape
    return DataBar(int(height * (1 - _SEARCHED_FRACTION)), height, 0, width, "plain", 0)


def is_blurred(label: NDArray[np.uint8]) -> bool:
    """Whether a label's colour is so blurred, and the label so small, that a point or a digit may be lost in it.

    Parameters
    ----------
    label : uint8 ndarray, [height, width]
        The label in `colour_print`.
    """
    if label.shape[0] >= _LARGE_PX or label.shape[1] < 2:
        return False
    steepest = np.percentile(cv2.absdiff(label[:, 1:], label[:, :-1]), 99)
    return bool(steepest < _BLURRED_STEP * label.max())


def length_of_coloured_bar(print_alone: NDArray[np.uint8], gray: NDArray[np.uint8], segment: Segment) -> float | None:
    """Measure a bar of coloured print by its edges, in its colour or, where a JPEG blurred that, in the gray picture.

    Returns
    -------
    float or None
        Pixels; None where neither picture shows both ends within two pixels and the bar is so short that it matters.
    """
    if segment.kind not in ("solid", "line"):
        return segment.length_px
    for picture in (print_alone, gray):
        ends = _sharp_ends(picture, segment)
        if ends is not None:
            return round(ends[1] - ends[0], 2)
    return segment.length_px if segment.length_px >= _LONG_PX else None


def _sharp_ends(picture: NDArray[np.uint8], segment: Segment) -> tuple[float, float] | None:
    """Columns at which a bar begins and ends; None unless both its edges are sharp."""
    x, y, width, height = segment.line_box
    left, right = x - _BESIDE_PX, x + width + _BESIDE_PX
    if left < 0 or right > picture.shape[1] or width < 2 * _WITHIN_PX:
        return None
    rows = picture[y + height // 4 : y + height - height // 4, left:right]
    profile = rows.mean(axis=0, dtype=np.float64)
    edge = _BESIDE_PX + _WITHIN_PX
    inside = float(np.median(profile[edge - _WITHIN_PX // 2 : _WITHIN_PX // 2 - edge]))
    first, last = _sharp_edge(profile[:edge], inside), _sharp_edge(profile[::-1][:edge], inside)
    return None if first is None or last is None else (left + first, right - last)


def _sharp_edge(profile: NDArray[np.float64], inside: float) -> float | None:
    """Where a profile that comes from the ground reaches half of the bar's level; None where it takes its time."""
    ground = float(np.median(profile[:_GROUND_PX]))
    if abs(inside - ground) < _LEAST_CONTRAST:
        return None
    rise = (profile - ground) / (inside - ground)
    low, middle, high = (int(np.flatnonzero(rise < share)[-1]) for share in (_EDGE[0], 0.5, _EDGE[1]))
    # An outline of a third level, or the edge of a box around the bar, is another edge than the bar's.
    is_other = float(rise.max()) > _OVERSHOOT or abs(middle + 1 - _BESIDE_PX) > _BLUR_PX
    if is_other or high - low > _EDGE_PX or high == rise.size - 1:
        return None
    return half_way_after(rise, middle)
