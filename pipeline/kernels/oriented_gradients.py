"""Histograms of oriented gradients: what edges of which direction lie in which cell of a picture.

References
----------
Dalal and Triggs 2005, doi:10.1109/CVPR.2005.177; Freeman and Adelson 1991, doi:10.1109/34.93808 (on steered powers).
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

DIRECTIONS: Final = 8
"""Directions over half a turn: an edge from dark to bright is one from bright to dark."""

_SHARPNESS: Final = 4  # cos^8: at half the way to the next direction an edge still counts half
_FLOOR: Final = 1.0  # of the root of a gray level: fainter gradients are noise, and are not blown up
_MOST: Final = 0.2  # of a block's length: one strong edge does not silence the others


def oriented_gradients(picture: NDArray[np.uint8], cells: int, *, directions: int = DIRECTIONS) -> NDArray[np.float32]:
    """Describe a gray picture.

    Parameters
    ----------
    picture : uint8 [S, S]
        S a multiple of ``cells``.
    cells : int
        A side.
    directions : int
        Over half a turn.

    Returns
    -------
    float32 [(cells - 1)^2 * 4 * directions]
        By row and column of blocks, the block's 2 x 2 cells, and direction; of length 1, or 0 for a picture without
        edges. Roots of gray levels are taken and blocks brought to one length, so that neither brightness nor contrast
        is seen; blocks overlap.
    """
    roots = np.pad(np.sqrt(picture.astype(np.float64)), 1, mode="edge")
    across, down = roots[1:-1, 2:] - roots[1:-1, :-2], roots[2:, 1:-1] - roots[:-2, 1:-1]
    squares = across * across + down * down
    lengths = np.sqrt(squares)
    side = picture.shape[0] // cells
    found = np.empty((cells, cells, directions))
    for place in range(directions):
        angle = math.pi * place / directions
        along = across * math.cos(angle) + down * math.sin(angle)
        share = along * along / np.maximum(squares, 1e-12)
        found[..., place] = (lengths * share**_SHARPNESS).reshape(cells, side, cells, side).sum(axis=(1, 3))
    blocks = np.concatenate([found[y:, x:][: cells - 1, : cells - 1] for y in (0, 1) for x in (0, 1)], axis=2)
    blocks = np.minimum(blocks / _lengths(blocks, _FLOOR * side), _MOST)
    blocks /= _lengths(blocks, 1e-12) * (cells - 1)
    return blocks.astype(np.float32).ravel()


def _lengths(blocks: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    return np.asarray(np.sqrt((blocks * blocks).sum(axis=2, keepdims=True) + floor * floor))
