"""A picture with where a network answers laid over it in colours."""

import cv2
import numpy as np
from numpy.typing import NDArray

_STRENGTH = 0.55  # of the colours over the picture
_GAP = 8  # px between the picture and the coloured one


def under_map(gray: NDArray[np.uint8], shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The picture with a map laid over it in colours, blue, green, red: uint8 [H, W, 3].

    Parameters
    ----------
    gray : uint8 [H, W]
    shares : float64 [h, w]
        From 0 (dark blue) to 1 (yellow); interpolated to the size of the picture.
    """
    height, width = gray.shape
    fine = cv2.resize(shares, (width, height), interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap(np.round(255 * np.clip(fine, 0, 1)).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    laid = cv2.addWeighted(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), 1 - _STRENGTH, colours, _STRENGTH, 0)
    return np.asarray(laid, np.uint8)


def heat_picture(gray: NDArray[np.uint8], shares: NDArray[np.float64]) -> bytes:
    """The picture, and beside it the same under a map, as PNG; see `under_map`."""
    gap = np.full((gray.shape[0], _GAP, 3), 255, np.uint8)
    plain = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
    _, data = cv2.imencode(".png", np.concatenate([plain, gap, under_map(gray, shares)], axis=1))
    return data.tobytes()
