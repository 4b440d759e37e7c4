"""Figures of several panels, told by the gutters between them: a scale bar holds for its own panel only."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.loops.level_counts import even_rows

_SAMPLED: Final = 160
_GUTTER_LEVELS: Final = (4, 251)
_SMALLEST_SHARE: Final = 0.15
_SMALLEST_PX: Final = 64
_THINNEST_PX: Final = 2
_WIDEST_SHARE: Final = 0.12
_MOST_PANELS: Final = 12

Panel = tuple[int, int, int, int]


def find_panels(gray: NDArray[np.uint8], *, together: tuple[int, int] = (0, 0)) -> list[Panel]:
    """Cut a figure at its gutters: white or black lines from edge to edge, first one way, then the other.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    together : (first, last), optional
        Rows that no gutter lies in, such as those of a data bar and its frame.

    Returns
    -------
    list of (top, bottom, left, right)
        At most twelve; the whole picture alone where there is no gutter. A panel has at least 64 px, and 15% of the
        picture, to a side: what is smaller, such as a data bar or a caption, stays with the panel before it.
    """
    height, width = gray.shape
    rows = _cuts(gray, together, axis=0)
    across = [(top, bottom, left, right) for top, bottom in rows for left, right in _cuts(gray[top:bottom], axis=1)]
    if len(rows) == 1 and len(across) == 1:
        return [(0, height, 0, width)]
    if len(rows) == 1:
        panels = [
            (top, bottom, left, right)
            for _, _, left, right in across
            for top, bottom in _cuts(gray[:, left:right], together, axis=0)
        ]
        return panels[:_MOST_PANELS]
    return across[:_MOST_PANELS]


def _cuts(gray: NDArray[np.uint8], together: tuple[int, int] = (0, 0), *, axis: int) -> list[tuple[int, int]]:
    """The parts between the gutters along an axis, of which none lies in ``together``."""
    length, breadth = gray.shape[axis], gray.shape[1 - axis]
    smallest = max(_SMALLEST_PX, int(_SMALLEST_SHARE * length))
    if length < 2 * smallest or breadth < _SMALLEST_PX:
        return [(0, length)]
    step = max(1, breadth // _SAMPLED)
    # A margin may close the figure on all sides: the gutter need not reach the picture's very edge.
    inner = gray[:, ::step][:, 1:-1] if axis == 0 else gray[::step][1:-1]
    is_gutter = even_rows(inner if axis == 0 else inner.T, *_GUTTER_LEVELS)
    is_gutter[slice(*together)] = False
    edges = np.flatnonzero(np.diff(np.r_[False, is_gutter, False].astype(np.int8)))
    starts, seen = [0], 0
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if not _THINNEST_PX <= last - first <= _WIDEST_SHARE * length or length - last < smallest:
            continue
        if first - starts[-1] >= smallest:
            starts += [first, last]
            seen = last
        elif len(starts) > 1 and first - seen < smallest:
            # The blank rows above a data bar or a caption are no gutter: both belong to the picture above them.
            starts[-2:] = [first, last]
    return list(zip(starts[::2], [*starts[1::2], length], strict=True))
