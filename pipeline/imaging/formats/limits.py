"""The limits that a picture's header must keep before anything is decoded."""

from typing import Final

from pipeline.errors import CorruptImageError, ImageTooLargeError

MAX_PIXELS: Final = 400_000_000
"""Default limit of a picture's width times height."""

BYTES_PER_ALLOWED_PIXEL: Final = 4
"""Decoded values may take this many bytes for each pixel that ``max_pixels`` allows: a 16-bit RGBA picture
or a stack of samples takes several bytes a pixel and must be smaller."""


def check_size(width: int, height: int, *, max_pixels: int, bytes_per_pixel: int = 1) -> None:
    """Refuse a picture by the size that its header states.

    Parameters
    ----------
    width, height : int
        As the header states them.
    max_pixels : int
        Largest allowed ``width * height``.
    bytes_per_pixel : int
        Bytes that a decoded pixel takes, all channels together.

    Raises
    ------
    CorruptImageError
        The width or height is not positive.
    ImageTooLargeError
        There are more pixels, or more bytes, than allowed.
    """
    if width <= 0 or height <= 0:
        raise CorruptImageError(f"the header states an impossible size of {width} x {height} pixels")
    if width * height > max_pixels:
        raise ImageTooLargeError(
            f"the header states {width} x {height} = {width * height:,} pixels; at most {max_pixels:,} are read"
        )
    n_bytes = width * height * bytes_per_pixel
    if n_bytes > max_pixels * BYTES_PER_ALLOWED_PIXEL:
        raise ImageTooLargeError(
            f"the header states {width} x {height} pixels of {bytes_per_pixel} bytes = {n_bytes:,} bytes; "
            f"at most {max_pixels * BYTES_PER_ALLOWED_PIXEL:,} are read"
        )
