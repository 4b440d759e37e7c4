"""All kinds of file that a picture can come in, by name."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.demo.dm_file import dm_bytes
from pipeline.demo.encode import bmp_bytes, pdf_bytes, png_bytes
from pipeline.demo.heap.pictures import Gray
from pipeline.demo.heap.tiff_kinds import (
    FROM_PILLOW,
    OTHER_PIXELS,
    SAME_PIXELS,
    TiffWriter,
    coloured,
    twelve_bits,
    with_alpha,
)
from pipeline.records import ImageFormat

_DJVU = (
    "QVQmVEZPUk0AAABKREpWVUlORk8AAAAKAIAAYBgAZAAWAUJHNDQAAAAsADyBAgCAAGAA584VluGioZFQD9xHLIPO5ZG484D1prvEVaD6UDO1QC"
    "frvRQ="
)
DJVU_BYTES: Final = base64.b64decode(_DJVU)
"""A picture of 128 x 96 pixels as ``c44 -slice 60`` of DjVuLibre wrote it."""


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of file.

    Attributes
    ----------
    format : str
        What its content says it is.
    suffix : str
    write : callable
        From a gray picture, uint8 [height, width], to the file's bytes.
    bit_depth, pages : int
        What the file states.
    """

    format: ImageFormat
    suffix: str
    write: TiffWriter
    bit_depth: int = 8
    pages: int = 1


def jpeg(pixels: NDArray[np.uint8], **options: object) -> bytes:
    """A JPEG as Pillow writes it, of gray or colours; ``options`` are Pillow's."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _bits(gray: Gray) -> Image.Image:
    return Image.fromarray(gray > 128)


def _pdf(gray: Gray) -> bytes:
    return pdf_bytes(jpeg(gray, quality=88), gray.shape[1], gray.shape[0])


def _sixteen(gray: Gray) -> bytes:
    return _saved(Image.fromarray(twelve_bits(gray)), "PNG", compress_level=1)


LOSSLESS: Final[Mapping[str, Container]] = MappingProxyType(
    {
        **{
            f"tiff {kind}": Container("tiff", ".tif", write, pages=2 if kind == "pages" else 1)
            for kind, write in SAME_PIXELS.items()
        },
        "png": Container("png", ".png", png_bytes),
        "png rgb": Container("png", ".PNG", lambda gray: png_bytes(gray, rgb=True)),
        "bmp": Container("bmp", ".bmp", bmp_bytes),
        "dm3": Container("dm3", ".dm3", lambda gray: dm_bytes(gray, 3)),
        "dm4": Container("dm4", ".dm4", lambda gray: dm_bytes(gray, 4, ">")),
    }
)
"""Kinds that all give the very same pixels."""

OTHERS: Final[Mapping[str, Container]] = MappingProxyType(
    {
        **{
            f"tiff {kind}": Container("tiff", ".TIF", write, bit_depth=bits)
            for kind, (write, bits) in {**OTHER_PIXELS, **FROM_PILLOW}.items()
        },
        "jpeg": Container("jpeg", ".jpg", lambda gray: jpeg(gray, quality=85)),
        "jpeg progressive": Container("jpeg", ".jpeg", lambda gray: jpeg(gray, quality=80, progressive=True)),
        "jpeg colours": Container("jpeg", ".JPG", lambda gray: jpeg(coloured(gray), quality=90)),
        "jpeg 4:4:4": Container("jpeg", ".jpg", lambda gray: jpeg(coloured(gray), quality=90, subsampling=0)),
        "png 16": Container("png", ".png", _sixteen, bit_depth=16),
        "png colours": Container("png", ".png", lambda gray: _saved(Image.fromarray(coloured(gray)), "PNG")),
        "png transparent": Container(
            "png", ".png", lambda gray: _saved(Image.fromarray(with_alpha(coloured(gray))), "PNG")
        ),
        "png bits": Container("png", ".png", lambda gray: _saved(_bits(gray), "PNG"), bit_depth=1),
        "bmp colours": Container("bmp", ".bmp", lambda gray: _saved(Image.fromarray(coloured(gray)), "BMP")),
        "bmp bits": Container("bmp", ".bmp", lambda gray: _saved(_bits(gray), "BMP"), bit_depth=1),
        "gif": Container("gif", ".gif", lambda gray: _saved(Image.fromarray(gray), "GIF")),
        "pdf": Container("pdf", ".pdf", _pdf),
        "dm3 int16": Container("dm3", ".dm3", lambda gray: dm_bytes(gray.astype(np.int16) * 5, 3), bit_depth=16),
        "dm4 float32": Container("dm4", ".dm4", lambda gray: dm_bytes(gray.astype(np.float32), 4), bit_depth=32),
        "dm4 stack": Container(
            "dm4", ".dm4", lambda gray: dm_bytes(np.stack([gray, 250 - gray]).astype(np.uint8), 4), pages=2
        ),
    }
)
"""Kinds of which each gives pixels of its own."""
