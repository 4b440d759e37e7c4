"""JPEG: strict decoding, which turns a truncated or rotten stream into an error and never into pixels."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.imaging.formats.limits import check_size
from pipeline.imaging.formats.orientation import EXIF_HEAD, UPRIGHT, exif_orientation, upright
from pipeline.records import DecodedImage

_END, _SCAN, _EXIF = 0xD9, 0xDA, 0xE1
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_NOTES: Final = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})  # not JFIF's and Adobe's, which tell the colour space
_FRAME_MARKERS: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_SUPPORTED_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What a JPEG's frame header states: size in pixels, bits a sample, components, its own marker; the samples, across
    and down, of the first component for one of the others.
    """

    width: int
    height: int
    bits: int
    components: int
    frame: int
    subsampling: tuple[int, int] = (1, 1)


def read_header(data: bytes) -> JpegHeader:
    """Read the frame header of a JPEG stream without decoding anything.

    Raises
    ------
    CorruptImageError
        The stream ends before the frame header.
    """
    for position, end in _segments(data):
        marker = data[position + 1]
        if marker in _FRAME_MARKERS:
            return _read_frame(data, position, marker)
        if marker in (_END, _SCAN):
            raise CorruptImageError("the JPEG has no frame header before its data")
        if end > len(data):
            break
    raise CorruptImageError(f"truncated: the JPEG ends at byte {len(data):,}, before its frame header")


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """First byte, and the one after the last, of each marker's segment up to the first scan's header.

    What stands between two segments and is none is passed over, as viewers do.
    """
    position = data.find(b"\xff", 2)
    while position >= 0 and position + 4 <= len(data):
        marker = data[position + 1]
        if marker in (0x00, 0xFF):
            end = position + 1
        elif marker in _WITHOUT_LENGTH:
            end = position + 2
        else:
            end = position + 2 + max(2, struct.unpack_from(">H", data, position + 2)[0])
            yield position, end
            if marker in (_END, _SCAN):
                return
        position = data.find(b"\xff", end)


def _without_notes(data: bytes) -> bytes:
    """A JPEG stream of the segments that make its pixels: strict decoding ends at damaged profiles and texts."""
    parts, last = [data[:2]], 2
    for position, end in _segments(data):
        last = end
        if data[position + 1] not in _NOTES:
            parts.append(data[position:end])
    return b"".join((*parts, data[last:]))


def _read_frame(data: bytes, position: int, marker: int) -> JpegHeader:
    if position + 10 > len(data):
        raise CorruptImageError(f"truncated: the JPEG ends at byte {len(data):,}, inside its frame header")
    bits, height, width, components = struct.unpack_from(">BHHB", data, position + 4)
    across, down = divmod(data[position + 11], 16) if position + 11 < len(data) else (1, 1)
    return JpegHeader(width, height, bits, components, marker, (across, down))


def decode_jpeg(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode a JPEG file to uint8 [height, width] or [height, width, 3].

    The orientation that EXIF states is applied.

    Raises
    ------
    CorruptImageError, UnsupportedImageError, ImageTooLargeError
    """
    header = read_header(data)
    check_size(header.width, header.height, max_pixels=max_pixels, bytes_per_pixel=header.components)
    check_supported(header)
    pixels = upright(decode_strictly(data, header), jpeg_orientation(data))
    return DecodedImage(pixels=pixels, format="jpeg", bit_depth=header.bits)


def jpeg_orientation(data: bytes) -> int:
    """The orientation that the EXIF of a JPEG states; 1 without."""
    for position, end in _segments(data):
        if data[position + 1] == _EXIF and data[position + 4 : position + 10] == EXIF_HEAD:
            return exif_orientation(data[position + 10 : end])
    return UPRIGHT


def check_supported(header: JpegHeader) -> None:
    """Refuse the kinds of JPEG that the decoder cannot read, by name.

    Raises
    ------
    UnsupportedImageError
    """
    if header.frame not in _SUPPORTED_FRAMES:
        raise UnsupportedImageError(f"a lossless or hierarchical JPEG (frame marker FF{header.frame:02X})")
    if header.bits != 8:
        raise UnsupportedImageError(f"a JPEG of {header.bits} bits a sample; 8 are read")
    if header.components not in (1, 3):
        raise UnsupportedImageError(f"a JPEG of {header.components} components (CMYK?); 1 and 3 are read")
    if header.components == 3 and header.subsampling in ((4, 2), (2, 4), (4, 4)):
        raise UnsupportedImageError("a JPEG of 4:1:0 chroma subsampling")


def decode_strictly(data: bytes, header: JpegHeader) -> NDArray[np.uint8]:
    """Pixels of a JPEG stream, uint8 [height, width] or [height, width, 3]; any warning is an error.

    Raises
    ------
    CorruptImageError, UnsupportedImageError
    """
    try:
        pixels = simplejpeg.decode_jpeg(
            _without_notes(data), colorspace="GRAY" if header.components == 1 else "RGB", strict=True
        )
    except ValueError as error:
        raise CorruptImageError(f"the JPEG's data are damaged or cut off: {error}") from error
    if pixels.shape[:2] != (header.height, header.width):
        raise CorruptImageError(
            f"the JPEG decodes to {pixels.shape[1]} x {pixels.shape[0]} pixels "
            f"but its header states {header.width} x {header.height}"
        )
    return np.asarray(pixels[:, :, 0] if header.components == 1 else pixels)
