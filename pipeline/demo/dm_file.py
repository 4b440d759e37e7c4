"""Digital Micrograph files (DM3, DM4), written tag by tag."""

import struct
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_CODES = {"i2": 2, "i4": 3, "u2": 4, "u4": 5, "f4": 6, "f8": 7, "u1": 10, "i1": 9}
_DATA_TYPES = {"i2": 1, "f4": 2, "u1": 6, "i4": 7, "i1": 9, "u2": 10, "u4": 11, "f8": 12}


class TagWriter:
    """Writes the tag trees of both versions.

    Parameters
    ----------
    version : int
        3 or 4.
    order : str
        Byte order of the values; that of the structure is always big-endian.
    """

    def __init__(self, version: int, order: Literal["<", ">"] = "<") -> None:
        self.version, self.order = version, order
        self.long = ">Q" if version == 4 else ">I"

    def tag(self, name: str, value: object) -> bytes:
        """One tag or group with its name."""
        body = self.group(value) if isinstance(value, dict) else self.value(value)
        kind = 20 if isinstance(value, dict) else 21
        length = struct.pack(">Q", len(body)) if self.version == 4 else b""
        return struct.pack(">BH", kind, len(name)) + name.encode() + length + body

    def group(self, tags: dict[str, object]) -> bytes:
        """A group of tags; names of digits stand for Digital Micrograph's unnamed tags."""
        entries = b"".join(self.tag("" if name.isdigit() else name, value) for name, value in tags.items())
        return b"\x01\x00" + struct.pack(self.long, len(tags)) + entries

    def value(self, value: object) -> bytes:
        """A text, array, float or integer."""
        if isinstance(value, str):
            return self.array(np.frombuffer(value.encode("utf-16-le"), dtype="<u2"))
        if isinstance(value, np.ndarray):
            return self.array(value)
        code, letter = (7, "d") if isinstance(value, float) else (5, "I")
        return b"%%%%" + self.longs(1, code) + struct.pack(self.order + letter, value)

    def array(self, values: NDArray[np.generic]) -> bytes:
        """An array of numbers."""
        info = self.longs(3, 20, _CODES[values.dtype.str[1:]], values.size)
        return b"%%%%" + info + values.astype(values.dtype.newbyteorder(self.order)).tobytes()

    def longs(self, *numbers: int) -> bytes:
        """The structure's own numbers."""
        return b"".join(struct.pack(self.long, number) for number in numbers)

    def file(self, tags: dict[str, object]) -> bytes:
        """A whole file."""
        body = self.group(tags)
        header = struct.pack(">I", self.version) + struct.pack(self.long, len(body))
        return header + struct.pack(">I", int(self.order == "<")) + body + bytes(8)


def image_tags(
    pixels: NDArray[np.generic], *, units: str = "nm", scale: float = 2.5, data_type: int | None = None
) -> Any:
    """The tags of one picture, or of a stack of planes, with a calibration of ``scale`` ``units`` a pixel."""
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


def dm_bytes(pixels: NDArray[np.generic], version: int = 3, order: Literal["<", ">"] = "<", **options: Any) -> bytes:
    """A file of a picture (`image_tags` has the options), which follows a thumbnail as in Gatan's own files."""
    thumbnail = image_tags(np.zeros((4, 4), np.uint8))
    images = {"0": thumbnail, "1": image_tags(pixels, **options)}
    return TagWriter(version, order).file({"ImageList": images, "Thumbnails": {"0": {"ImageIndex": 0}}})
