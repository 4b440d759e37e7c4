"""The eight ways to lay a picture on itself or its mirror image."""

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

N_TURNS: Final = 8
"""They are numbered ``4 * mirrored + quarters``, see `turned`."""

Pixel = TypeVar("Pixel", bound=np.generic)


def turned(pixels: NDArray[Pixel], turn: int, *, axes: tuple[int, int] = (-2, -1)) -> NDArray[Pixel]:
    """A picture mirrored left to right (turns 4 to 7), then turned counter-clockwise by ``turn % 4`` quarters.

    Parameters
    ----------
    pixels : ndarray, [..., rows, columns]
    turn : int
        0 to 7; 0 leaves it as it is.
    axes : tuple of int
        Which axes are rows and columns.
    """
    mirrored = np.flip(pixels, axes[1]) if turn >= N_TURNS // 2 else pixels
    return np.ascontiguousarray(np.rot90(mirrored, turn % 4, axes=axes))
