"""Digital Micrograph files, made here tag by tag."""

import contextlib
import struct
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, ImageError, ImageTooLargeError, UnsupportedImageError
from pipeline.imaging.decode import decode_image
from pipeline.imaging.dm_tags import DmArray, read_tags

GRAY16 = np.random.default_rng(3).integers(0, 4096, (20, 30)).astype(np.int16)
_CODES = {"i2": 2, "i4": 3, "u2": 4, "u4": 5, "f4": 6, "f8": 7, "u1": 10, "i1": 9}
_DATA_TYPES = {"i2": 1, "f4": 2, "u1": 6, "i4": 7, "i1": 9, "u2": 10, "u4": 11, "f8": 12}


class Writer:
    """Writes the tag trees of both versions."""

    def __init__(self, version: int, order: Literal["<", ">"] = "<") -> None:
        self.version, self.order = version, order
        self.long = ">Q" if version == 4 else ">I"

    def tag(self, name: str, value: Any) -> bytes:
        body = self.group(value) if isinstance(value, dict) else self.value(value)
        kind = 20 if isinstance(value, dict) else 21
        length = struct.pack(">Q", len(body)) if self.version == 4 else b""
        return struct.pack(">BH", kind, len(name)) + name.encode() + length + body

    def group(self, tags: dict[str, Any]) -> bytes:
        # Names of digits stand for Digital Micrograph's unnamed tags.
        entries = b"".join(self.tag("" if name.isdigit() else name, value) for name, value in tags.items())
        return b"\x01\x00" + struct.pack(self.long, len(tags)) + entries

    def value(self, value: Any) -> bytes:
        if isinstance(value, str):
            return self.array(np.frombuffer(value.encode("utf-16-le"), dtype="<u2"))
        if isinstance(value, np.ndarray):
            return self.array(value)
        code, letter = (7, "d") if isinstance(value, float) else (5, "I")
        return b"%%%%" + self.longs(1, code) + struct.pack(self.order + letter, value)

    def array(self, values: NDArray[Any]) -> bytes:
        info = self.longs(3, 20, _CODES[values.dtype.str[1:]], values.size)
        return b"%%%%" + info + values.astype(values.dtype.newbyteorder(self.order)).tobytes()

    def longs(self, *numbers: int) -> bytes:
        return b"".join(struct.pack(self.long, number) for number in numbers)

    def file(self, tags: dict[str, Any]) -> bytes:
        body = self.group(tags)
        header = struct.pack(">I", self.version) + struct.pack(self.long, len(body))
        return header + struct.pack(">I", int(self.order == "<")) + body + bytes(8)


def image_tags(pixels: NDArray[Any], *, units: str = "nm", scale: float = 2.5, data_type: int | None = None) -> Any:
    axis = {"Origin": 0.0, "Scale": scale, "Units": units}
    sizes = {str(i): int(n) for i, n in enumerate(reversed(pixels.shape))}
    brightness = {"Origin": 0.0, "Scale": 1.0, "Units": ""}
    return {
        "ImageData": {
            "Calibrations": {
                "Brightness": brightness,
                "Dimension": {str(i): axis for i in range(pixels.ndim)},
            },
            "Data": pixels.ravel(),
            "DataType": _DATA_TYPES[pixels.dtype.str[1:]] if data_type is None else data_type,
            "Dimensions": sizes,
            "PixelDepth": pixels.dtype.itemsize,
        },
        "ImageTags": {"Microscope Info": {"Indicated Magnification": 5000.0, "Voltage": 200000.0}},
        "Name": "somebody's sample",
    }


def dm_file(pixels: NDArray[Any], version: int = 3, order: Literal["<", ">"] = "<", **options: Any) -> bytes:
    thumbnail = image_tags(np.zeros((4, 4), np.uint8))
    images = {"0": thumbnail, "1": image_tags(pixels, **options)}
    return Writer(version, order).file({"ImageList": images, "Thumbnails": {"0": {"ImageIndex": 0}}})


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_every_dtype(version: int, order: Literal["<", ">"], dtype: str) -> None:
    pixels = (GRAY16 % 100).astype(dtype)
    image = decode_image(dm_file(pixels, version, order))
    assert (image.format, image.pixels.dtype) == (f"dm{version}", np.dtype(dtype))
    np.testing.assert_array_equal(image.pixels, pixels)


@pytest.mark.parametrize(("units", "expected"), [("nm", 2.5), ("µm", 2500.0), ("1/nm", None), ("", None)])
def test_calibration_and_conditions(units: str, expected: float | None) -> None:
    image = decode_image(dm_file(GRAY16, units=units))
    assert image.nm_per_px == (None if expected is None else pytest.approx(expected))
    assert image.metadata == {"vendor": "Gatan", "magnification": "5000", "voltage": "200000 V"}


def test_the_first_plane_of_a_stack_and_colours() -> None:
    stack = np.stack([GRAY16, GRAY16 + 1, GRAY16 + 2])
    image = decode_image(dm_file(stack))
    assert image.pages == 3
    np.testing.assert_array_equal(image.pixels, GRAY16)
    bgrx = np.random.default_rng(1).integers(0, 256, (6, 5, 4), dtype=np.uint8)
    tags = image_tags(np.zeros((6, 5), np.uint8), data_type=23)
    tags["ImageData"]["Data"] = bgrx.ravel()
    colour = decode_image(Writer(3).file({"ImageList": {"0": tags}}))
    np.testing.assert_array_equal(colour.pixels, bgrx[:, :, 2::-1])


def test_refusals() -> None:
    with pytest.raises(UnsupportedImageError, match="data type 3"):
        decode_image(dm_file(GRAY16, data_type=3))
    with pytest.raises(UnsupportedImageError, match="spectrum"):
        decode_image(dm_file(GRAY16[0]))
    with pytest.raises(CorruptImageError, match="no list of images"):
        decode_image(Writer(3).file({"Nothing": 1}))
    tags = image_tags(GRAY16)
    tags["ImageData"]["Dimensions"] = {"0": 60000, "1": 60000}
    with pytest.raises(ImageTooLargeError, match="60000 x 60000"):
        decode_image(Writer(3).file({"ImageList": {"0": tags}}))
    tags["ImageData"]["Dimensions"] = {"0": 300, "1": 200}
    with pytest.raises(CorruptImageError, match="truncated"):
        decode_image(Writer(3).file({"ImageList": {"0": tags}}))
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"g": deep}
    with pytest.raises(CorruptImageError, match="deep"):
        decode_image(Writer(3).file(deep))


@pytest.mark.parametrize("version", [3, 4])
def test_truncation_and_mutations_only_raise_image_errors(version: int) -> None:
    data = dm_file(GRAY16[:4, :5], version)
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
    writer = Writer(3)
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
    path.write_bytes(dm_file(GRAY16, version))
    (signal,) = reader.file_reader(str(path))
    image = decode_image(path.read_bytes())
    np.testing.assert_array_equal(signal["data"], image.pixels)
    assert signal["axes"][0]["scale"] == image.nm_per_px
    assert signal["axes"][0]["units"] == "nm"
