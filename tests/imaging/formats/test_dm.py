"""Digital Micrograph files, made here tag by tag."""

import contextlib
import struct
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from pipeline.demo.dm_file import TagWriter, dm_bytes, image_tags
from pipeline.errors import CorruptImageError, ImageError, ImageTooLargeError, UnsupportedImageError
from pipeline.imaging.formats.decode import decode_image
from pipeline.imaging.formats.dm_tags import DmArray, read_tags

GRAY16 = np.random.default_rng(3).integers(0, 4096, (20, 30)).astype(np.int16)


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_every_dtype(version: int, order: Literal["<", ">"], dtype: str) -> None:
    pixels = (GRAY16 % 100).astype(dtype)
    image = decode_image(dm_bytes(pixels, version, order))
    assert (image.format, image.pixels.dtype) == (f"dm{version}", np.dtype(dtype))
    np.testing.assert_array_equal(image.pixels, pixels)


@pytest.mark.parametrize(("units", "expected"), [("nm", 2.5), ("µm", 2500.0), ("1/nm", None), ("", None)])
def test_calibration_and_conditions(units: str, expected: float | None) -> None:
    image = decode_image(dm_bytes(GRAY16, units=units))
    assert image.nm_per_px == (None if expected is None else pytest.approx(expected))
    assert image.metadata == {"vendor": "Gatan", "magnification": "5000", "voltage": "200000 V"}


def test_pixels_higher_than_wide_are_said() -> None:
    tags = image_tags(GRAY16, scale=2.0)
    tags["ImageData"]["Calibrations"]["Dimension"]["1"] = {"Origin": 0.0, "Scale": 3.0, "Units": "nm"}
    image = decode_image(TagWriter(4).file({"ImageList": {"0": tags}}))
    assert (image.nm_per_px, image.metadata["pixel_height"]) == (2.0, "3 nm")


def test_the_first_plane_of_a_stack_and_colours() -> None:
    stack = np.stack([GRAY16, GRAY16 + 1, GRAY16 + 2])
    image = decode_image(dm_bytes(stack))
    assert image.pages == 3
    np.testing.assert_array_equal(image.pixels, GRAY16)
    bgrx = np.random.default_rng(1).integers(0, 256, (6, 5, 4), dtype=np.uint8)
    tags = image_tags(np.zeros((6, 5), np.uint8), data_type=23)
    tags["ImageData"]["Data"] = bgrx.ravel()
    colour = decode_image(TagWriter(3).file({"ImageList": {"0": tags}}))
    np.testing.assert_array_equal(colour.pixels, bgrx[:, :, 2::-1])


def test_refusals() -> None:
    with pytest.raises(UnsupportedImageError, match="data type 3"):
        decode_image(dm_bytes(GRAY16, data_type=3))
    with pytest.raises(UnsupportedImageError, match="spectrum"):
        decode_image(dm_bytes(GRAY16[0]))
    with pytest.raises(CorruptImageError, match="no list of images"):
        decode_image(TagWriter(3).file({"Nothing": 1}))
    tags = image_tags(GRAY16)
    tags["ImageData"]["Dimensions"] = {"0": 60000, "1": 60000}
    with pytest.raises(ImageTooLargeError, match="60000 x 60000"):
        decode_image(TagWriter(3).file({"ImageList": {"0": tags}}))
    tags["ImageData"]["Dimensions"] = {"0": 300, "1": 200}
    with pytest.raises(CorruptImageError, match="truncated"):
        decode_image(TagWriter(3).file({"ImageList": {"0": tags}}))
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"g": deep}
    with pytest.raises(CorruptImageError, match="deep"):
        decode_image(TagWriter(3).file(deep))


@pytest.mark.parametrize("version", [3, 4])
def test_truncation_and_mutations_only_raise_image_errors(version: int) -> None:
    data = dm_bytes(GRAY16[:4, :5], version)
    for length in range(12 if version == 3 else 16, len(data) - 8, 7):
        with pytest.raises(ImageError):
            decode_image(data[:length])
    rng = np.random.default_rng(version)
    for _ in range(300):
        mutated = bytearray(data)
        for position in rng.integers(0, len(data), 3):
            mutated[position] = int(rng.choice([0, 1, 127, 255, int(rng.integers(256))]))
        with contextlib.suppress(ImageError):
            assert decode_image(bytes(mutated)).format in ("dm3", "dm4")


def test_structs_are_passed_over() -> None:
    writer = TagWriter(3)
    struct_tag = b"%%%%" + writer.longs(7, 15, 0, 2, 0, 2, 0, 6) + bytes(6)
    body = b"\x01\x00" + writer.longs(2) + struct.pack(">BH", 21, 1) + b"s" + struct_tag + writer.tag("n", 7)
    tags = read_tags(writer.longs(3, len(body), 1) + body)
    assert isinstance(tags["s"], DmArray)
    assert len(tags["s"].data) == 6
    assert tags["n"] == 7


@pytest.mark.parametrize("version", [3, 4])
def test_rosettasciio_reads_the_same(version: int, tmp_path: Path) -> None:
    reader = pytest.importorskip("rsciio.digitalmicrograph", exc_type=ImportError)
    path = tmp_path / f"made.dm{version}"
    path.write_bytes(dm_bytes(GRAY16, version))
    (signal,) = reader.file_reader(str(path))
    image = decode_image(path.read_bytes())
    np.testing.assert_array_equal(signal["data"], image.pixels)
    assert signal["axes"][0]["scale"] == image.nm_per_px
    assert signal["axes"][0]["units"] == "nm"
