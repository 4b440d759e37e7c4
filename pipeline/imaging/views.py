"""Which pictures of a stored square a network gets to see. None of the specimen is left out.

A square holds the whole picture, stretched; its aspect, width over height, undoes that.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.canonical import shrink

Views = Literal["square", "whole", "zoom"]

_UNIT = 32  # networks halve a side five times
_LONGEST = 4.0


def view_shapes(aspect: float, *, side: int, views: Views) -> tuple[tuple[int, int], ...]:
    """Heights and widths in pixels of what a network sees of a picture.

    Parameters
    ----------
    aspect : float
        Width over height. Beyond 4 to 1 a picture is squeezed.
    side : int
        Side of the network's pictures.
    views : {"square", "whole", "zoom"}
        ``square``: the stretched square. ``whole``: undone, the shorter side ``side`` long. ``zoom``: so, and once more
        at twice that size. Sides are the nearest multiples of 32.

    Examples
    --------
    >>> view_shapes(1.5, side=224, views="zoom")
    ((224, 320), (448, 672))
    """
    if views == "square":
        return ((side, side),)
    aspect = min(_LONGEST, max(1 / _LONGEST, aspect))
    shorts = (side,) if views == "whole" else (side, 2 * side)
    return tuple((_near(short * max(1.0, 1 / aspect)), _near(short * max(1.0, aspect))) for short in shorts)


def _near(length: float) -> int:
    return max(_UNIT, _UNIT * round(length / _UNIT))


def views_by_shape(
    squares: NDArray[np.uint8], aspects: NDArray[np.float64], *, side: int, views: Views
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.uint8]]]:
    """The pictures that a network gets, those of one shape together.

    Parameters
    ----------
    squares : uint8 [n, S, S]
    aspects : float64 [n]
    side, views
        As in `view_shapes`.

    Yields
    ------
    part : int
        Which of the views.
    members : int64 [m]
        Positions of the squares.
    pictures : uint8 [m, height, width]
    """
    shapes = np.array([view_shapes(aspect, side=side, views=views) for aspect in aspects.tolist()], np.int64)
    for part in range(shapes.shape[1] if len(shapes) else 0):
        for height, width in np.unique(shapes[:, part], axis=0).tolist():
            members = np.flatnonzero((shapes[:, part] == (height, width)).all(axis=1))
            yield part, members, np.stack([shrink(squares[i], width=width, height=height) for i in members.tolist()])
