"""Pictures to files' bytes, the same bytes every time: no dates, no names, no random ids."""

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from pipeline.demo.vendor_tags import ExtraTag

Pixels = NDArray[np.uint8 | np.uint16]
TiffStyle = Literal["gray", "palette", "inverted", "lzw"]


def tiff_bytes(picture: Pixels, *, style: TiffStyle = "gray", tags: Sequence[ExtraTag] = ()) -> bytes:
    """Return a picture, uint8 or uint16 [height, width], as a TIFF.

    ``gray`` is raw, ``palette`` a gray palette as Zeiss writes it, ``inverted`` stores white as zero and
    ``lzw`` is compressed.
    """
    buffer = io.BytesIO()
    stored = np.invert(picture) if style == "inverted" else picture
    ramp = np.tile(np.arange(256, dtype=np.uint16) * np.uint16(257), (3, 1))
    tifffile.imwrite(
        buffer,
        stored,
        photometric={"palette": "palette", "inverted": "miniswhite"}.get(style, "minisblack"),
        colormap=ramp if style == "palette" else None,
        compression="lzw" if style == "lzw" else None,
        rowsperstrip=64,
        metadata=None,
        software=False,
        extratags=tags,
    )
    return buffer.getvalue()


def jpeg_bytes(picture: NDArray[np.uint8], *, quality: int) -> bytes:
    """Return a gray picture as Pillow's baseline JPEG of a quality from 1 to 95."""
    return _pillow_bytes(Image.fromarray(picture), "JPEG", quality=quality)


def png_bytes(picture: NDArray[np.uint8], *, rgb: bool = False) -> bytes:
    """Return a picture as PNG; ``rgb`` repeats the gray channel three times."""
    image = Image.fromarray(picture)
    return _pillow_bytes(image.convert("RGB") if rgb else image, "PNG", compress_level=1)


def bmp_bytes(picture: NDArray[np.uint8]) -> bytes:
    """Return a gray picture as BMP."""
    return _pillow_bytes(Image.fromarray(picture), "BMP")


def _pillow_bytes(image: Image.Image, name: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def pdf_bytes(jpeg: bytes, width_px: int, height_px: int) -> bytes:
    """Return a PDF of one page that shows a gray JPEG, which it holds byte for byte."""
    return document_bytes([(jpeg, width_px, height_px)])


def document_bytes(pages: Sequence[tuple[bytes, int, int] | None]) -> bytes:
    """Return a PDF of pages that each show a gray JPEG (bytes, width, height), held byte for byte; None is empty."""
    kids = " ".join(f"{3 + 3 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
    ]
    for page in pages:
        objects += _page_objects(len(objects) + 1, *(page or (b"", 100, 100)))
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(out)


def _page_objects(first: int, jpeg: bytes, width_px: int, height_px: int) -> list[bytes]:
    """A page, its picture and its contents, as the objects ``first`` and the two after it."""
    place = f"q {width_px} 0 0 {height_px} 0 0 cm /Im0 Do Q".encode() if jpeg else b""
    image = (
        f"<< /Type /XObject /Subtype /Image /Width {width_px} /Height {height_px} /ColorSpace /DeviceGray"
        f" /BitsPerComponent 8 /Filter /DCTDecode /Length {len(jpeg)} >>"
    )
    resources = f"/XObject << /Im0 {first + 1} 0 R >>" if jpeg else ""
    return [
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width_px} {height_px}] /Contents {first + 2} 0 R"
        f" /Resources << {resources} >> >>".encode(),
        image.encode() + b"\nstream\n" + jpeg + b"\nendstream" if jpeg else b"null",
        f"<< /Length {len(place)} >>".encode() + b"\nstream\n" + place + b"\nendstream",
    ]


def bomb_png_bytes(side_px: int) -> bytes:
    """Return a PNG of a few bytes whose header claims ``side_px`` x ``side_px`` gray pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(4096), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
