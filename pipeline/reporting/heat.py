"""A picture with where a network answers laid over it in colours."""

import cv2
import numpy as np
from numpy.typing import NDArray

_STRENGTH = 0.55  # of the colours over the picture
_GAP = 8  # px between the picture and the coloured one


def heat_picture(gray: NDArray[np.uint8], shares: NDArray[np.float64]) -> bytes:
    """The picture, and beside it the same under a map, as PNG.

    Parameters
    ----------
    gray : uint8 [H, W]
    shares : float64 [h, w]
        From 0 (dark blue) to 1 (yellow); interpolated to the size of the picture.
    """
    height, width = gray.shape
    fine = cv2.resize(shares, (width, height), interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap(np.round(255 * np.clip(fine, 0, 1)).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    plain = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
    laid = cv2.addWeighted(plain, 1 - _STRENGTH, colours, _STRENGTH, 0)
    gap = np.full((height, _GAP, 3), 255, np.uint8)
    _, data = cv2.imencode(".png", np.concatenate([plain, gap, laid], axis=1))
    return data.tobytes()
