"""Bytes of a file straight to its canonical picture; apart from `canonical`, which decoders themselves use."""

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.formats.decode import decode_image
from pipeline.imaging.scale.regions.colour_print import colour_print


def decode_gray(data: bytes, *, max_pixels: int) -> NDArray[np.uint8]:
    """The canonical 8-bit gray picture of a file (see `canonical.to_gray8`).

    Raises
    ------
    ImageError
        It is no picture that can be read here.
    """
    return to_gray8(decode_image(data, max_pixels=max_pixels))


def decode_gray_and_colours(data: bytes, *, max_pixels: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """`decode_gray`, and the coloured print on the picture (see `colour_print`), None where there is none.

    Raises
    ------
    ImageError
        It is no picture that can be read here.
    """
    image = decode_image(data, max_pixels=max_pixels)
    return to_gray8(image), colour_print(image.pixels)


def decode_gray_and_bits(data: bytes, *, max_pixels: int) -> tuple[NDArray[np.uint8], int]:
    """`decode_gray`, and the bits a sample of the file.

    Raises
    ------
    ImageError
        It is no picture that can be read here.
    """
    image = decode_image(data, max_pixels=max_pixels)
    return to_gray8(image), image.bit_depth
