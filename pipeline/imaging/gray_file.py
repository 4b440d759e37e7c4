"""Bytes of a file straight to its canonical picture; apart from `canonical`, which decoders themselves use."""

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.decode import decode_image


def decode_gray(data: bytes, *, max_pixels: int) -> NDArray[np.uint8]:
    """The canonical 8-bit gray picture of a file (see `canonical.to_gray8`).

    Raises
    ------
    ImageError
        It is no picture that can be read here.
    """
    return to_gray8(decode_image(data, max_pixels=max_pixels))
