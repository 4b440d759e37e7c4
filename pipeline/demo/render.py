"""From a planned picture to its pixels and its files' bytes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.databars import draw_bar
from pipeline.demo.detector import detect
from pipeline.demo.encode import Pixels, bmp_bytes, jpeg_bytes, pdf_bytes, png_bytes, tiff_bytes
from pipeline.demo.plan import Encoding, PlannedFile, PlannedPicture
from pipeline.demo.randomness import stream
from pipeline.demo.relief import blur
from pipeline.demo.textures import ALL_TEXTURES
from pipeline.demo.vendor_tags import vendor_tag

NEAR_PIXELS = 30
"""How many pixels of a near copy differ, each by one gray level."""

_DRAWN_WIDTH_PX = 640


def render(seed: int, picture: PlannedPicture) -> Pixels:
    """Return the pixels of a picture with its data bar, uint8 or uint16 [height, width].

    Textures are drawn at most `_DRAWN_WIDTH_PX` wide and enlarged, which costs no more sharpness than a real
    beam does; noise and the data bar are made at full size.
    """
    width, height = picture.width_px, picture.height_px
    share = min(1.0, _DRAWN_WIDTH_PX / width)
    rng = stream(seed, picture.key, "texture")
    signal = ALL_TEXTURES[picture.texture].draw(rng, (round(height * share), round(width * share)))
    if share < 1:
        enlarged = cv2.resize(blur(signal, 0.7), (width, height), interpolation=cv2.INTER_CUBIC)
        signal = np.asarray(enlarged, np.float32)
    recorded = detect(stream(seed, picture.key, "detector"), signal, levels=picture.levels)
    return draw_bar(recorded, picture.bar) if picture.bar else recorded


def file_bytes(seed: int, picture: PlannedPicture, pixels: Pixels, file: PlannedFile) -> bytes:
    """Return the bytes of one planned file of a picture whose pixels are given."""
    if file.relation == "near":
        pixels = _near(stream(seed, picture.key, "near"), pixels)
    return _encoded(picture, pixels, file.encoding)


def metadata_nm_per_px(picture: PlannedPicture, encoding: Encoding) -> float | None:
    """Return the pixel size in nanometres that a file's metadata states, if it has any."""
    return picture.nm_per_px * picture.tag_error if encoding.tag else None


def _near(rng: np.random.Generator, pixels: Pixels) -> Pixels:
    """A copy in which `NEAR_PIXELS` pixels are one level brighter (darker where they are white)."""
    copy = pixels.copy()
    places = rng.choice(pixels.size, NEAR_PIXELS, replace=False)
    flat = copy.reshape(-1)
    flat[places] = np.where(flat[places] < 255, flat[places] + 1, flat[places] - 1)
    return copy


def _encoded(picture: PlannedPicture, pixels: Pixels, encoding: Encoding) -> bytes:
    if encoding.container == "tiff":
        stated = metadata_nm_per_px(picture, encoding)
        size = (picture.width_px, picture.height_px)
        tags = [vendor_tag(encoding.tag, stated, *size)] if encoding.tag and stated else []
        return tiff_bytes(pixels, style=encoding.style, tags=tags)
    gray = _eight_bit(pixels)
    if encoding.container == "jpeg":
        return jpeg_bytes(gray, quality=encoding.quality)
    if encoding.container == "pdf":
        return pdf_bytes(jpeg_bytes(gray, quality=encoding.quality), picture.width_px, picture.height_px)
    return bmp_bytes(gray) if encoding.container == "bmp" else png_bytes(gray, rgb=encoding.rgb)


def _eight_bit(pixels: Pixels) -> NDArray[np.uint8]:
    return (pixels >> 4 if pixels.dtype == np.uint16 else pixels).astype(np.uint8)
