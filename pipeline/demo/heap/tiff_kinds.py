"""The kinds of TIFF that microscopes, cameras and programs write, each from one gray picture."""

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from pipeline.demo.heap.pictures import Gray, half_size
from pipeline.demo.vendor_tags import vendor_tag

TiffWriter = Callable[[Gray], bytes]


def written(pixels: NDArray[np.generic], *further_pages: NDArray[np.generic], **options: Any) -> bytes:
    """A TIFF of one page or more, without dates and names, so that the same pixels are the same bytes."""
    buffer = io.BytesIO()
    big = {name: options.pop(name) for name in ("bigtiff", "byteorder") if name in options}
    options.setdefault("photometric", "rgb" if pixels.ndim == 3 else "minisblack")
    with tifffile.TiffWriter(buffer, **big) as file:
        for page in (pixels, *further_pages):
            file.write(page, metadata=None, software=False, **options)
    return buffer.getvalue()


def equal_channels(gray: Gray) -> NDArray[np.uint8]:
    """Three channels with the same values."""
    return np.repeat(gray[:, :, None], 3, axis=2)


def coloured(gray: Gray) -> NDArray[np.uint8]:
    """Three channels with different values."""
    return np.stack([gray, gray // 2 + 60, 250 - gray], axis=2).astype(np.uint8)


def with_alpha(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Four channels, of which the alpha falls from left to right."""
    alpha = np.linspace(255, 40, colours.shape[1]).astype(np.uint8)
    return np.dstack([colours, np.broadcast_to(alpha, colours.shape[:2])])


def twelve_bits(gray: Gray) -> NDArray[np.uint16]:
    """A 12-bit picture in 16-bit words that stretches to exactly the gray picture's own stretched values."""
    return gray.astype(np.uint16) * np.uint16(16) + np.uint16(7)


def stretched(gray: Gray) -> Gray:
    """What the 8-bit rule makes of a picture of more than 8 bits whose values rise with ``gray``."""
    low, high = int(gray.min()), int(gray.max())
    return np.floor((gray.astype(np.float64) - low) * 255 / (high - low) + 0.5).astype(np.uint8)


def _ramp() -> NDArray[np.uint16]:
    return np.tile(np.arange(256, dtype=np.uint16) * np.uint16(257), (3, 1))


def _annotated(gray: Gray) -> bytes:
    """As Zeiss writes it: a gray ramp whose last entries are the colours of annotations."""
    ramp = _ramp()
    ramp[:, 250:] = np.array([[65535], [0], [0]])
    height, width = gray.shape
    return written(gray, photometric="palette", colormap=ramp, extratags=[vendor_tag("zeiss", 2.5, width, height)])


def _colour_palette(gray: Gray) -> bytes:
    table = np.stack([np.arange(256) * 257, 65535 - np.arange(256) * 257, np.full(256, 30000)]).astype(np.uint16)
    return written(gray, photometric="palette", colormap=table)


def _pillow(mode: str, **options: Any) -> TiffWriter:
    def write(gray: Gray) -> bytes:
        buffer = io.BytesIO()
        image = Image.fromarray(gray > 128) if mode == "1" else Image.fromarray(coloured(gray)).convert(mode)
        image.save(buffer, "TIFF", **options)
        return buffer.getvalue()

    return write


SAME_PIXELS: Final[Mapping[str, TiffWriter]] = MappingProxyType(
    {
        "gray": written,
        "lzw": lambda gray: written(gray, compression="lzw"),
        "deflate": lambda gray: written(gray, compression="zlib", predictor=True, rowsperstrip=16),
        "palette": lambda gray: written(gray, photometric="palette", colormap=_ramp()),
        "inverted": lambda gray: written(np.invert(gray), photometric="miniswhite"),
        "tiled": lambda gray: written(gray, tile=(64, 64)),
        "big": lambda gray: written(gray, bigtiff=True),
        "big-endian": lambda gray: written(gray, byteorder=">", rowsperstrip=7),
        "rgb": lambda gray: written(equal_channels(gray), rowsperstrip=32),
        "packbits": lambda gray: written(gray, compression="packbits"),
        "tiled-deflate": lambda gray: written(gray, tile=(48, 80), compression="zlib"),
        "planes": lambda gray: written(np.moveaxis(equal_channels(gray), 2, 0), photometric="rgb", planarconfig=2),
        "annotated": _annotated,
        "pages": lambda gray: written(gray, half_size(gray)),
        "lzma": lambda gray: written(gray, compression="lzma"),
        "zstd": lambda gray: written(gray, compression="zstd"),
        "opaque": lambda gray: written(
            np.dstack([equal_channels(gray), np.full_like(gray, 255)]), extrasamples=["unassalpha"]
        ),
    }
)
"""Kinds whose decoded pixels are the gray picture itself."""

# What is stored, and the bits a sample that the file states.
OTHER_PIXELS: Final[Mapping[str, tuple[TiffWriter, int]]] = MappingProxyType(
    {
        "uint16": (lambda gray: written(twelve_bits(gray)), 16),
        "uint16-big-endian": (lambda gray: written(twelve_bits(gray), byteorder=">", compression="lzw"), 16),
        "int16": (lambda gray: written(gray.astype(np.int16) * 9 - 1000), 16),
        "int8": (lambda gray: written((gray.astype(np.int16) - 128).astype(np.int8)), 8),
        "uint32": (lambda gray: written(gray.astype(np.uint32) * 1_000_003), 32),
        "int32": (lambda gray: written(gray.astype(np.int32) * -70_001), 32),
        "float32": (lambda gray: written(gray.astype(np.float32) / 7 - 3), 32),
        "float64": (lambda gray: written(gray.astype(np.float64) * 1e-9, compression="zlib"), 64),
        "float16": (lambda gray: written(gray.astype(np.float16)), 16),
        "bits": (lambda gray: written(gray > 128, photometric="minisblack"), 1),
        "four-bits": (lambda gray: written(gray >> 4, bitspersample=4), 4),
        "colours": (lambda gray: written(coloured(gray)), 8),
        "colours-lzw-tiles": (lambda gray: written(coloured(gray), tile=(64, 64), compression="lzw"), 8),
        "colours-16": (lambda gray: written(coloured(gray).astype(np.uint16) * 200), 16),
        "transparent": (lambda gray: written(with_alpha(coloured(gray)), extrasamples=["unassalpha"]), 8),
        "colour-palette": (_colour_palette, 8),
        "jpeg": (lambda gray: written(gray, compression="jpeg", compressionargs={"level": 90}), 8),
        "jpeg-tiles": (lambda gray: written(coloured(gray), tile=(64, 64), compression="jpeg"), 8),
        "inverted-16": (lambda gray: written(np.invert(twelve_bits(gray)), photometric="miniswhite"), 16),
    }
)
"""Kinds whose decoded pixels are others than the gray picture's, with the bits a sample that the file states."""

FROM_PILLOW: Final[Mapping[str, tuple[TiffWriter, int]]] = MappingProxyType(
    {
        "cmyk": (_pillow("CMYK"), 8),
        "ycbcr-jpeg": (_pillow("RGB", compression="jpeg", quality=88), 8),
    }
)
"""Kinds that only Pillow writes."""

fax = _pillow("1", compression="group4")
"""A kind that is refused by name: its decoders do not notice damage."""
