"""PNG and GIF through Pillow, with the checks that Pillow leaves out."""

import io
import struct
import zlib
from collections.abc import Iterator, Sequence, Set
from typing import Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image, ImageFile, PngImagePlugin

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.imaging.formats.limits import check_size
from pipeline.imaging.formats.orientation import exif_orientation, upright
from pipeline.imaging.formats.palette import apply_palette
from pipeline.records import DecodedImage

_PNG_PIXEL_CHUNKS: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})

# Pillow's classes are opened directly: Image.open applies a limit of its own, process-wide and not ours.


def decode_png(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode a PNG file to gray, gray with alpha, RGB or RGBA of bool, uint8 or uint16.

    A transparent colour of a gray or RGB picture is ignored; a palette with transparency becomes RGBA. The orientation
    that EXIF states is applied.

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
    chunks = list(_png_chunks(data))
    plain = _of_chunks(data, chunks, _PNG_PIXEL_CHUNKS | ({b"tRNS"} if colour == 3 else set()))
    if bits == 16 and colour != 0:
        # Pillow reduces colours of 16 bits to 8 without a word.
        pixels: NDArray[np.generic] = imagecodecs.png_decode(plain)
    else:
        pixels = pillow_pixels(PngImagePlugin.PngImageFile(io.BytesIO(plain)))
    exif = _of_chunks(data, chunks, {b"eXIf"})[16:]
    return DecodedImage(pixels=upright(pixels, exif_orientation(exif)), format="png", bit_depth=bits)


def _of_chunks(data: bytes, chunks: Sequence[tuple[int, int]], kept: Set[bytes]) -> bytes:
    """A PNG of some chunks: decoders end at texts, profiles and animations that they dislike."""
    return b"".join((data[:8], *(data[start:end] for start, end in chunks if data[start + 4 : start + 8] in kept)))


def _png_chunks(data: bytes) -> Iterator[tuple[int, int]]:
    """First byte, and the one after the last, of each chunk.

    Every checksum is verified (Pillow skips those of the pixels), and that the end is there.
    """
    position = 8
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        (expected,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != expected:
            raise CorruptImageError(f"the PNG's chunk at byte {position:,} does not match its checksum")
        yield position, end
        if data[position + 4 : position + 8] == b"IEND":
            return
        position = end
    raise CorruptImageError(f"truncated: the PNG ends at byte {len(data):,} without its end chunk")


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
    pixels = pillow_pixels(image)
    return DecodedImage(pixels=pixels, format="gif", bit_depth=8, pages=image.n_frames)


def pillow_pixels(image: ImageFile.ImageFile) -> NDArray[np.generic]:
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
