"""Bytes of a file to a picture, or to an error that a ledger can hold."""

import hashlib
import logging
import warnings
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np

from pipeline.errors import CorruptImageError, ImageError, ImageTooLargeError, UnsupportedImageError
from pipeline.imaging.canonical import drop_empty_channels
from pipeline.imaging.formats.bmp import decode_bmp
from pipeline.imaging.formats.djvu import decode_djvu
from pipeline.imaging.formats.dm import decode_dm3, decode_dm4
from pipeline.imaging.formats.hdf5 import decode_hdf5
from pipeline.imaging.formats.jpeg import decode_jpeg
from pipeline.imaging.formats.limits import MAX_PIXELS
from pipeline.imaging.formats.pdf import decode_pdf
from pipeline.imaging.formats.raster import decode_gif, decode_png
from pipeline.imaging.formats.sniff import HEAD_BYTES, describe, sniff_format
from pipeline.imaging.formats.tiff import decode_tiff
from pipeline.records import DecodedImage, ImageFormat


class Decoder(Protocol):
    """A format's decoder: checks the size that the header states, then decodes."""

    def __call__(self, data: bytes, *, max_pixels: int) -> DecodedImage: ...


DECODERS: Final[Mapping[ImageFormat, Decoder]] = MappingProxyType(
    {
        "tiff": decode_tiff,
        "jpeg": decode_jpeg,
        "png": decode_png,
        "bmp": decode_bmp,
        "gif": decode_gif,
        "pdf": decode_pdf,
        "dm3": decode_dm3,
        "dm4": decode_dm4,
        "djvu": decode_djvu,
        "hdf5": decode_hdf5,
    }
)
"""The decoder of each format."""


def decode_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Decode a file of any known format, found by its content.

    The size that the header states is checked before anything is decoded. A problem that a decoder notices is
    an error, never a picture with wrong pixels; libraries print nothing. Which picture of a file with several
    is taken, and how its values are meant, is said by the decoder of each format. Opaque alpha and equal
    colour channels are dropped, so a gray picture is 2-D however it was stored.

    Python's warning filters are changed for the time of the call: decode in processes rather than in threads.

    Parameters
    ----------
    data : bytes
        The whole file.
    max_pixels : int
        Largest ``width * height`` that is decoded.

    Returns
    -------
    DecodedImage

    Raises
    ------
    UnsupportedImageError
        Not an image, or of a kind that cannot be read here; says what was found or what to install.
    CorruptImageError
        An image, but damaged or without content.
    ImageTooLargeError
        Larger than allowed, or than the memory.
    """
    image_format = sniff_format(data[:HEAD_BYTES])
    if image_format is None:
        raise _unknown_content(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = DECODERS[image_format](data, max_pixels=max_pixels)
            return replace(image, pixels=drop_empty_channels(image.pixels))
    except (ImageError, ImportError):
        raise
    except MemoryError as error:
        raise ImageTooLargeError(f"the {image_format} file needs more memory to decode than there is") from error
    except Exception as error:
        # Decoders raise whatever they like on damaged files; one bad file must not end a run.
        raise CorruptImageError(f"the {image_format} file cannot be decoded: {_one_line(error)}") from error


def _unknown_content(data: bytes) -> ImageError:
    if not data:
        return CorruptImageError("the file is empty (0 bytes)")
    if data.count(0) == len(data):
        return CorruptImageError(f"no content: all {len(data):,} bytes of the file are zero")
    return UnsupportedImageError(f"not an image format that is read here: {describe(data[:HEAD_BYTES])}")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def pixel_md5(image: DecodedImage) -> bytes:
    """MD5 of a picture's pixels, the same for each lossless encoding of it.

    Opaque alpha and equal colour channels are dropped first, and 1-bit pictures are taken as 0 and 255 of 8
    bits, so that a gray, a palette and an RGB file of one picture agree. Pictures of another dtype or shape
    differ, also when their values are equal.

    Parameters
    ----------
    image : DecodedImage

    Returns
    -------
    bytes
        16 bytes.
    """
    pixels = drop_empty_channels(image.pixels)
    if pixels.dtype == np.bool_:
        pixels = np.where(pixels, np.uint8(255), np.uint8(0))
    little = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<"))
    shape = "x".join(map(str, little.shape))
    digest = hashlib.md5(f"{little.dtype.kind}{little.dtype.itemsize}:{shape}:".encode(), usedforsecurity=False)
    digest.update(little.data)
    return digest.digest()


for _name in ("pypdfium2", "imagecodecs"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False
