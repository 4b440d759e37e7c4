"""Coloured print on a gray micrograph: a red or green bar and label, which are no extreme of the gray levels."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.databar import DataBar

_COLOURED: Final = 60
_SHARE: Final = (0.0003, 0.1)
_SEARCHED_FRACTION: Final = 0.5


def colour_print(pixels: NDArray[Any]) -> NDArray[np.uint8] | None:
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
    """Where in coloured print a bar is looked for: the lower half, as a region of constant paper."""
    height, width = print_alone.shape
    return DataBar(int(height * (1 - _SEARCHED_FRACTION)), height, 0, width, "plain", 0)
