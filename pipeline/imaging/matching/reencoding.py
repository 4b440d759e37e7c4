"""Proving that a JPEG was made of a picture: encoding it again with the same settings gives the same bytes.

A JPEG tells its encoder's settings: the quantisation tables (which stand for the quality), the subsampling of colours,
and whether it is progressive. Only whether the Huffman tables were optimised has to be tried. Pillow, OpenCV and most
programs use the same library, so that the bytes agree; metadata segments are left out of the comparison.
"""

import io
import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pipeline.errors import CorruptImageError
from pipeline.imaging.formats.jpeg import JpegHeader, read_header

_MAGIC: Final = b"\xff\xd8\xff"
_PROGRESSIVE: Final = 0xC2
_BASELINE: Final = frozenset({0xC0, 0xC1})
_SCAN: Final = b"\xff\xda"
_END: Final = b"\xff\xd9"

# Pillow's names of the sampling factors of brightness against colours.
_SUBSAMPLINGS: Final = {0x11: 0, 0x21: 1, 0x22: 2}


def is_jpeg(data: bytes) -> bool:
    """Whether the bytes are a JPEG stream."""
    return data.startswith(_MAGIC)


def quantisation_tables(data: bytes) -> dict[int, list[int]] | None:
    """A JPEG's quantisation tables by their numbers, 64 steps each in natural order; None for any other file."""
    if not is_jpeg(data):
        return None
    try:
        with Image.open(io.BytesIO(data)) as image:
            tables: dict[int, list[int]] | None = getattr(image, "quantization", None)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error):
        return None
    return tables or None


def luma_steps(data: bytes) -> NDArray[np.float32] | None:
    """Quantisation steps of a JPEG's brightness, float32 [8, 8]; None for any other file."""
    tables = quantisation_tables(data)
    return None if tables is None else np.array(tables[min(tables)], np.float32).reshape(8, 8)


def is_reencoding(gray: NDArray[np.uint8], data: bytes) -> bool:
    """Whether a JPEG is exactly what encoding a picture with the JPEG's own settings gives.

    Parameters
    ----------
    gray : uint8 [height, width]
        The picture; as a JPEG of colours it is tried with three equal channels.
    data : bytes
        The other file; of any format.

    Returns
    -------
    bool
        False also for what is no JPEG, for one of another size or of settings that cannot be given to the encoder.
    """
    options = _encoder_options(data, (gray.shape[1], gray.shape[0]))
    if options is None:
        return False
    wanted = _scans(data)
    image = Image.fromarray(gray)
    colours = options.pop("colours")
    source = image.convert("RGB") if colours else image
    return any(_scans(_encoded(source, options | {"optimize": optimised})) == wanted for optimised in (False, True))


def _encoder_options(data: bytes, size: tuple[int, int]) -> dict[str, object] | None:
    """Pillow's options that stand in the file."""
    tables = quantisation_tables(data)
    if tables is None:
        return None
    try:
        header = read_header(data)
    except CorruptImageError:
        return None
    if (header.width, header.height) != size or header.frame not in _BASELINE | {_PROGRESSIVE}:
        return None
    if header.components not in (1, 3) or header.bits != 8:
        return None
    subsampling = _subsampling(data, header)
    if subsampling is None:
        return None
    return {
        "qtables": [tables[number] for number in sorted(tables)],
        "subsampling": subsampling,
        "progressive": header.frame == _PROGRESSIVE,
        "colours": header.components == 3,
    }


def _subsampling(data: bytes, header: JpegHeader) -> int | None:
    if header.components == 1:
        return 0
    frame = data.find(struct.pack(">BHHB", header.bits, header.height, header.width, header.components))
    factors = [data[frame + 6 + 3 * component + 1] for component in range(3)]
    return _SUBSAMPLINGS.get(factors[0]) if factors[1:] == [0x11, 0x11] else None


def _encoded(image: Image.Image, options: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _scans(data: bytes) -> bytes:
    """The coded pixels: from the first scan's header to the end of the picture."""
    return data[data.find(_SCAN) : data.rfind(_END)]
