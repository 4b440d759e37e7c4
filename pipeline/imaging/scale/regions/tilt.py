"""Pictures that a scanner or a hand turned by a degree or two: how far, and the picture set straight.

A bar that is turned falls into steps of a few dozen pixels, which no search for horizontal runs puts together.
What tells the angle is the bar itself: the longest piece with a straight edge of foreground.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.loops.text_lines import count_in_row

_SHORTEST_FRACTION: Final = 0.03
_SHORTEST_PX: Final = 40
_THICKEST_SHARE: Final = 0.5
_STRAIGHT_PX: Final = 1.6
_STEEPEST_DEGREES: Final = 2.5
_FLATTEST_DEGREES: Final = 0.3
_MOST_PIECES: Final = 12
_RULER_MARKS: Final = 9
_PARALLEL: Final = 0.006


def find_tilt(foreground: NDArray[np.uint8], pieces: NDArray[np.int32]) -> float | None:
    """Measure how far the longest piece of foreground with a straight edge is turned.

    Parameters
    ----------
    foreground : uint8 ndarray, [height, width]
        1 where there is foreground.
    pieces : int32 ndarray, [pieces, 5]
        Its `pipeline.imaging.scale.foreground_pieces.piece_boxes`.

    Returns
    -------
    float or None
        Degrees, clockwise as seen, from 0.3 to 2.5 to either side; None where all is straight or nothing has a
        straight edge.
    """
    angle = _ruler_slope(pieces)
    if angle is not None:
        return angle if _FLATTEST_DEGREES <= abs(angle) <= _STEEPEST_DEGREES else None
    _, _, width, height, _ = pieces.T
    shortest = max(_SHORTEST_PX, _SHORTEST_FRACTION * foreground.shape[1])
    flat = (
        (width >= shortest) & (height <= np.maximum(6, _THICKEST_SHARE * width)) & (width < 0.9 * foreground.shape[1])
    )
    longest = pieces[flat][np.argsort(-width[flat], kind="stable")][:_MOST_PIECES]
    slanted = None
    for x, y, w, h, area in longest.tolist():
        piece = np.ascontiguousarray(foreground[y : y + h, x : x + w])
        _, labels, stats, _ = cv2.connectedComponentsWithStats(piece, connectivity=8)
        whole = np.flatnonzero((stats[:, 2] == w) & (stats[:, 3] == h) & (stats[:, 4] == area))
        angle, is_even = _slope_degrees(np.asarray(labels == whole[-1])) if whole.size else (None, False)
        if angle is not None and _FLATTEST_DEGREES <= abs(angle) <= _STEEPEST_DEGREES:
            if is_even:
                return angle
            slanted = slanted or angle
    return slanted


def straightened(gray: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Turn a picture about its middle against its tilt; lengths stay as they are, the borders repeat."""
    height, width = gray.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turned = cv2.warpAffine(gray, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, dtype=np.uint8)


def tilted_box(box: tuple[int, int, int, int], degrees: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Where a box of the straightened picture lies in the tilted one: its middle moves, its size stays."""
    x, y, width, height = box
    back = cv2.getRotationMatrix2D((shape[1] / 2, shape[0] / 2), -degrees, 1.0)
    middle = back @ np.array([x + width / 2, y + height / 2, 1.0])
    return round(float(middle[0]) - width / 2), round(float(middle[1]) - height / 2), width, height


def _ruler_slope(pieces: NDArray[np.int32]) -> float | None:
    """Slope of a row of at least nine even, upright marks of one height, as Hitachi's rulers are; None without one."""
    if len(pieces) < _RULER_MARKS:
        return None
    _, _, width, height, area = pieces.T
    # A mark that leans by two degrees steps aside by a pixel: it covers less of its box than a straight one.
    upright = (height >= 5) & (height <= 60) & (width <= 0.8 * height) & (area >= 0.55 * width * height)
    marks = pieces[upright].astype(np.float64)
    marks = marks[np.argsort(marks[:, 0], kind="stable")]
    steepest = float(np.tan(np.radians(_STEEPEST_DEGREES)))
    if count_in_row(pieces[upright], 2, 2, 1.5, steepest).max(initial=0) < _RULER_MARKS:
        return None
    for x, y, w, h, _ in marks.tolist():
        alike = (np.abs(marks[:, 3] - h) <= 2) & (np.abs(marks[:, 2] - w) <= 2)
        near = np.abs(marks[:, 1] - y) <= steepest * np.abs(marks[:, 0] - x) + 1.5
        row = marks[alike & near & (marks[:, 0] >= x)]
        if len(row) < _RULER_MARKS:
            continue
        steps = np.diff(row[:, 0])
        if float(steps.max()) > 1.1 * float(np.median(steps)) + 2:
            continue
        middle = row[:, 1] + row[:, 3] / 2
        slope = _straight_slope(middle, row[:, 0])
        if slope is not None:
            return float(np.degrees(np.arctan(slope)))
    return None


def _slope_degrees(piece: NDArray[np.bool_]) -> tuple[float | None, bool]:
    """Slope of a piece's lower or upper edge, whichever is straight (None where neither is), and whether both agree.

    A stroke has two edges that agree; what a tilted data bar leaves of the specimen above it is a wedge.
    """
    # Ticks at the ends would pull the line: only the inner columns count.
    margin = piece.shape[1] // 10 + 2
    inner = piece[:, margin : piece.shape[1] - margin]
    if not inner.any(axis=0).all():
        return None, False
    below = _straight_slope(-inner[::-1].argmax(axis=0).astype(np.float64))
    above = _straight_slope(inner.argmax(axis=0).astype(np.float64))
    if below is not None and above is not None and abs(below - above) <= _PARALLEL:
        # The middle of the foreground in a column is finer than its edges.
        middle = (np.arange(inner.shape[0], dtype=np.float64) @ inner) / inner.sum(axis=0)
        finer = _straight_slope(middle)
        return float(np.degrees(np.arctan(below if finer is None else finer))), True
    slope = below if below is not None else above
    return (None if slope is None else float(np.degrees(np.arctan(slope)))), False


def _straight_slope(heights: NDArray[np.float64], columns: NDArray[np.float64] | None = None) -> float | None:
    """Slope of the line of least squares through one height for each column; None where they do not lie on one."""
    columns = np.arange(heights.size, dtype=np.float64) if columns is None else columns
    columns, heights = columns - columns.mean(), heights - heights.mean()
    slope = float(columns @ heights) / max(1.0, float(columns @ columns))
    return slope if float(np.abs(heights - slope * columns).max()) <= _STRAIGHT_PX else None
