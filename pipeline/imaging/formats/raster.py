"""PNG, BMP and GIF through Pillow, with the checks that Pillow leaves out."""

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, GifImagePlugin, Image, ImageFile, PngImagePlugin

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.imaging.formats.limits import check_size
from pipeline.imaging.formats.palette import apply_palette
from pipeline.imaging.formats.tiff_layout import is_all_zero
from pipeline.records import DecodedImage

# Pillow's classes are opened directly: Image.open applies a limit of its own, process-wide and not ours.


def decode_png(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode a PNG file to gray, gray with alpha, RGB or RGBA of bool, uint8 or uint16.

    A transparent colour of a gray or RGB picture is ignored; a palette with transparency becomes RGBA.

    Raises
    ------
    CorruptImageError, ImageTooLargeError
    """
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise CorruptImageError("truncated: the PNG has no complete header")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    channels = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}.get(colour)
    if channels is None or bits not in (1, 2, 4, 8, 16):
        raise CorruptImageError(f"the PNG states {bits} bits of colour type {colour}, which do not exist")
    check_size(width, height, max_pixels=max_pixels, bytes_per_pixel=channels * (2 if bits == 16 else 1))
    _check_png_chunks(data)
    if bits == 16 and colour != 0:
        # Pillow reduces colours of 16 bits to 8 without a word.
        pixels: NDArray[Any] = imagecodecs.png_decode(data)
    else:
        pixels = _pillow_pixels(PngImagePlugin.PngImageFile(io.BytesIO(data)))
    return DecodedImage(pixels=pixels, format="png", bit_depth=bits)


def _check_png_chunks(data: bytes) -> None:
    """Verify every chunk's checksum (Pillow skips those of the pixels) and that the end is there."""
    position = 8
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        (expected,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != expected:
            raise CorruptImageError(f"the PNG's chunk at byte {position:,} does not match its checksum")
        if data[position + 4 : position + 8] == b"IEND":
            return
        position = end
    raise CorruptImageError(f"truncated: the PNG ends at byte {len(data):,} without its end chunk")


def decode_bmp(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode a BMP file to gray or RGB(A) of uint8, or bool.

    Raises
    ------
    CorruptImageError, ImageTooLargeError
    """
    width, height, bits, compression = _bmp_header(data)
    check_size(width, height, max_pixels=max_pixels, bytes_per_pixel=4)
    _check_bmp_data(data, width, height, bits, compression)
    pixels = _pillow_pixels(BmpImagePlugin.BmpImageFile(io.BytesIO(data)))
    return DecodedImage(pixels=pixels, format="bmp", bit_depth=bits if bits <= 8 else 8)


def _bmp_header(data: bytes) -> tuple[int, int, int, int]:
    """Width, height, bits a pixel, and compression."""
    if len(data) < 26 or (data[14] != 12 and len(data) < 54):
        raise CorruptImageError(f"truncated: a BMP of {len(data)} bytes")
    if data[14] == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return width, height, bits, 0
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    return width, abs(height), bits, compression  # a negative height stands for rows from the top


def _check_bmp_data(data: bytes, width: int, height: int, bits: int, compression: int) -> None:
    (start,) = struct.unpack_from("<I", data, 10)
    if compression in (1, 2):
        return  # run lengths: the decoder notices missing ones
    needed = (width * bits + 31) // 32 * 4 * height
    if start + needed > len(data):
        raise CorruptImageError(
            f"truncated: the BMP's pixels should end at byte {start + needed:,} but the file has {len(data):,}"
        )
    if is_all_zero(data, start, needed):
        raise CorruptImageError("no content: all pixels are zero")


def decode_gif(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode a GIF file's first frame to gray or RGB of uint8; transparency is ignored.

    Raises
    ------
    CorruptImageError, ImageTooLargeError
    """
    if len(data) < 13:
        raise CorruptImageError(f"truncated: a GIF of {len(data)} bytes")
    width, height = struct.unpack_from("<HH", data, 6)
    check_size(width, height, max_pixels=max_pixels, bytes_per_pixel=3)
    if not data.rstrip(b"\x00").endswith(b"\x3b"):
        raise CorruptImageError(f"truncated: the GIF ends at byte {len(data):,} without its end mark")
    image = GifImagePlugin.GifImageFile(io.BytesIO(data))
    check_size(*image.size, max_pixels=max_pixels, bytes_per_pixel=3)
    pixels = _pillow_pixels(image)
    return DecodedImage(pixels=pixels, format="gif", bit_depth=8, pages=image.n_frames)


def _pillow_pixels(image: ImageFile.ImageFile) -> NDArray[Any]:
    """Pixels of an opened Pillow picture, with its palette resolved."""
    image.load()
    if image.mode == "P":
        if "transparency" in image.info and image.format == "PNG":
            return np.asarray(image.convert("RGBA"))
        return apply_palette(np.asarray(image), _pillow_palette(image))
    if image.mode not in ("1", "L", "LA", "RGB", "RGBA", "I;16", "I;16B", "I"):
        raise UnsupportedImageError(f"a {image.format} picture of Pillow's mode {image.mode}")
    pixels = np.asarray(image)
    return pixels.astype(np.uint16) if image.mode.startswith("I") else pixels


def _pillow_palette(image: Image.Image) -> NDArray[np.uint8]:
    table = np.array(image.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
    if len(table) == 0:
        raise CorruptImageError(f"the {image.format} picture's palette is missing")
    return table
