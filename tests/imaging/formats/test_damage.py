"""Damaged files of each format either decode or raise an ImageError; cut files never decode."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.errors import ImageError
from pipeline.imaging.formats.decode import decode_image
from pipeline.records import DecodedImage

GRAY = np.random.default_rng(0).normal(128, 40, (24, 36)).clip(1, 255).astype(np.uint8)
MAX_PIXELS = 1_000_000  # keeps a forged but plausible size cheap


def _tiff(**options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, GRAY, **options)
    return buffer.getvalue()


def _pillow(format_name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(GRAY).save(buffer, format_name, **options)
    return buffer.getvalue()


FILES = {
    "tiff": _tiff(),
    "tiff-big": _tiff(bigtiff=True),
    "tiff-tiles": _tiff(tile=(16, 16)),
    "tiff-lzw": _tiff(compression="lzw", rowsperstrip=8),
    "tiff-zlib": _tiff(compression="zlib", predictor=True),
    "tiff-jpeg": _tiff(compression="jpeg"),
    "jpeg": _pillow("JPEG"),
    "jpeg-progressive": _pillow("JPEG", progressive=True),
    "png": _pillow("PNG"),
    "bmp": _pillow("BMP"),
    "gif": _pillow("GIF"),
    "pdf": _pillow("PDF"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_never_decodes(name: str) -> None:
    data = FILES[name]
    lengths = {*range(0, len(data), max(1, len(data) // 60)), *(len(data) - n for n in range(1, 10))}
    for length in sorted(lengths):
        with pytest.raises(ImageError) as raised:
            decode_image(data[:length], max_pixels=MAX_PIXELS)
        assert is_one_line(raised.value)


def is_one_line(error: ImageError) -> bool:
    return bool(str(error)) and "\n" not in str(error)


def decoded_or_error(data: bytes) -> DecodedImage | ImageError:
    try:
        return decode_image(data, max_pixels=MAX_PIXELS)
    except ImageError as error:
        return error


def _decodes_or_says_why(data: bytes) -> None:
    found = decoded_or_error(data)
    if isinstance(found, ImageError):
        assert is_one_line(found)
    else:
        assert found.pixels.ndim in (2, 3)
        assert found.pixels.shape[0] * found.pixels.shape[1] <= MAX_PIXELS


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_mutations_do_no_harm(name: str, data: st.DataObject) -> None:
    mutated = bytearray(FILES[name])
    positions = st.one_of(st.integers(0, len(mutated) - 1), st.integers(0, min(300, len(mutated) - 1)))
    for position, byte in data.draw(st.lists(st.tuples(positions, st.integers(0, 255)), min_size=1, max_size=6)):
        mutated[position] = byte
    start, length = data.draw(st.tuples(st.integers(0, len(mutated)), st.sampled_from([0, 0, 1, 7, 100])))
    del mutated[start : start + length]
    _decodes_or_says_why(bytes(mutated))


@settings(max_examples=60, deadline=None)
@given(
    magic=st.sampled_from(
        [b"II*\0", b"MM\0*", b"II+\0", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"%PDF-1.4"]
    ),
    rest=st.binary(max_size=300),
)
def test_noise_behind_a_magic_number(magic: bytes, rest: bytes) -> None:
    _decodes_or_says_why(magic + rest)
