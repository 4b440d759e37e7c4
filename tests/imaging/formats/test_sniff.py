"""The format of a file is found from its content alone."""

import io
from typing import Literal

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipeline.imaging.formats.sniff import describe, sniff_format

GRAY = np.arange(48, dtype=np.uint8).reshape(6, 8)


def _by_pillow(format_name: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(GRAY).save(buffer, format_name)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("format_name", "expected"),
    [("JPEG", "jpeg"), ("PNG", "png"), ("BMP", "bmp"), ("GIF", "gif"), ("PDF", "pdf"), ("TIFF", "tiff")],
)
def test_formats_that_pillow_writes(format_name: str, expected: str) -> None:
    assert sniff_format(_by_pillow(format_name)[:1024]) == expected


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_every_kind_of_tiff(bigtiff: bool, byte_order: Literal["<", ">"]) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, GRAY, bigtiff=bigtiff, byteorder=byte_order)
    assert sniff_format(buffer.getvalue()) == "tiff"


def test_formats_by_their_first_bytes() -> None:
    assert sniff_format(bytes.fromhex("00000003 00001000 00000001")) == "dm3"
    assert sniff_format(bytes.fromhex("00000004 0000000000001000 00000001")) == "dm4"
    assert sniff_format(b"AT&TFORM\x00\x00\x00\x62DJVU") == "djvu"
    assert sniff_format(b"some bytes first\n%PDF-1.4") == "pdf"


@pytest.mark.parametrize("head", [b"", b"\x00" * 64, b"BM is how this text begins, no bitmap", b"II*", b"\xff\xd8"])
def test_what_is_no_image(head: bytes) -> None:
    assert sniff_format(head) is None


def test_other_content_is_described() -> None:
    assert "ZIP" in describe(b"PK\x03\x04rest")
    assert describe(b"x,y\n1,2\n") == "plain text"
    assert describe(b"") == "an empty file"
    assert describe(b"\x01\x02\x03\x04") == "unknown content that begins with the bytes 01 02 03 04"
