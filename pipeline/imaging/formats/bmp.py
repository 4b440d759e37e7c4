"""BMP: Pillow reads the usual kinds; bit fields of any layout and embedded JPEG or PNG files are read here."""

import io
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.imaging.formats.jpeg import decode_jpeg
from pipeline.imaging.formats.limits import check_size
from pipeline.imaging.formats.raster import decode_png, pillow_pixels
from pipeline.records import DecodedImage

_RUN_LENGTHS: Final = (1, 2)
_BIT_FIELDS: Final = (3, 6)  # the second with a field for alpha
_JPEG, _PNG = 4, 5
_CORE_HEADER_BYTES: Final = 12
_FIELDS_AT: Final = 54  # behind the file's header of 14 bytes and the first 40 of the picture's


@dataclass(frozen=True, slots=True)
class _Header:
    """What the headers state; ``rows_up`` is the usual order, from the lowest row to the highest."""

    width: int
    height: int
    rows_up: bool
    bits: int
    compression: int
    start: int

    @property
    def row_bytes(self) -> int:
        return (self.width * self.bits + 31) // 32 * 4


def decode_bmp(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode a BMP file to gray or RGB(A) of uint8, or bool.

    Bit fields narrower than 8 bits are spread over 0 to 255, rounded down. A JPEG or PNG inside is decoded like a file
    of its own.

    Raises
    ------
    CorruptImageError, UnsupportedImageError, ImageTooLargeError
    """
    header = _read_header(data)
    check_size(header.width, header.height, max_pixels=max_pixels, bytes_per_pixel=4)
    if header.compression in (_JPEG, _PNG):
        decode = decode_jpeg if header.compression == _JPEG else decode_png
        inside = decode(data[header.start :], max_pixels=max_pixels)
        return DecodedImage(pixels=inside.pixels, format="bmp", bit_depth=inside.bit_depth)
    _check_data(data, header)
    if header.compression in _BIT_FIELDS:
        return DecodedImage(pixels=_bit_fields(data, header), format="bmp", bit_depth=8)
    pixels = pillow_pixels(BmpImagePlugin.BmpImageFile(io.BytesIO(data)))
    return DecodedImage(pixels=pixels, format="bmp", bit_depth=min(header.bits, 8))


def _read_header(data: bytes) -> _Header:
    if len(data) < 26 or (data[14] != _CORE_HEADER_BYTES and len(data) < _FIELDS_AT):
        raise CorruptImageError(f"truncated: a BMP of {len(data)} bytes")
    (start,) = struct.unpack_from("<I", data, 10)
    if data[14] == _CORE_HEADER_BYTES:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return _Header(width, height, True, bits, 0, start)
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    return _Header(width, abs(height), height > 0, bits, compression, start)


def _check_data(data: bytes, header: _Header) -> None:
    if header.compression in _RUN_LENGTHS:
        return  # the decoder notices missing ones
    end = header.start + header.row_bytes * header.height
    if end > len(data):
        raise CorruptImageError(
            f"truncated: the BMP's pixels should end at byte {end:,} but the file has {len(data):,}"
        )


def _bit_fields(data: bytes, header: _Header) -> NDArray[np.generic]:
    """Pixels of which the header's masks say where red, green, blue and alpha stand."""
    if header.bits not in (16, 32) or len(data) < _FIELDS_AT + 16:
        raise UnsupportedImageError(f"a BMP with bit fields of {header.bits} bits a pixel; 16 and 32 are read")
    masks = list(struct.unpack_from("<4I", data, _FIELDS_AT))
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    if header.compression == _BIT_FIELDS[0] and header_bytes <= _FIELDS_AT - 2:
        masks[3] = 0  # three masks only: the fourth would be pixels
    if not all(masks[:3]):
        raise CorruptImageError(f"the BMP states masks of {masks[0]:X}, {masks[1]:X} and {masks[2]:X} for its colours")
    width_bytes = header.bits // 8
    rows = np.frombuffer(data, np.uint8, header.row_bytes * header.height, header.start).reshape(header.height, -1)
    packed = np.ascontiguousarray(rows[:, : header.width * width_bytes]).view(f"<u{width_bytes}")
    fields = np.stack([_field(packed, mask) for mask in masks if mask], axis=2)
    return np.ascontiguousarray(fields[::-1] if header.rows_up else fields)


def _field(packed: NDArray[np.generic], mask: int) -> NDArray[np.uint8]:
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    values = (packed.astype(np.uint64) & np.uint64(mask)) >> np.uint64(shift)
    return np.asarray(values * np.uint64(255) // np.uint64(most), np.uint8)
