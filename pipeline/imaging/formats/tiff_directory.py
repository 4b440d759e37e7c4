"""TIFF's directories (IFD), read with nothing decoded and every pointer checked.

The decoding libraries follow a damaged directory with a warning or with zeros in place of missing data.
Here every fault is an error, and the work is bounded by the file's size.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, ImageTooLargeError

MAX_PAGES: Final = 65_536

_TYPE_BYTES: Final = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8,
}  # fmt: skip
_INTEGER_DTYPES: Final = {
    1: "u1",
    3: "u2",
    4: "u4",
    6: "i1",
    8: "i2",
    9: "i4",
    13: "u4",
    16: "u8",
    17: "i8",
    18: "u8",
}


@dataclass(frozen=True, slots=True)
class TiffTag:
    """Where a tag's values lie: TIFF type code, number of values, offset of the first in the file."""

    kind: int
    count: int
    offset: int


@dataclass(frozen=True, slots=True)
class TiffPage:
    """One directory of a TIFF file.

    Attributes
    ----------
    data : bytes
        The whole file.
    byte_order : str
        ``<`` or ``>``.
    tags : mapping of int to TiffTag
        By tag number; tags of unknown types are left out, as the specification asks of readers.
    """

    data: bytes
    byte_order: str
    tags: Mapping[int, TiffTag]

    def raw(self, number: int) -> bytes | None:
        """The tag's bytes as stored, or None without the tag.

        Raises
        ------
        CorruptImageError
            The values lie outside the file.
        """
        tag = self.tags.get(number)
        if tag is None:
            return None
        end = tag.offset + tag.count * _TYPE_BYTES[tag.kind]
        if end > len(self.data):
            raise CorruptImageError(
                f"truncated: TIFF tag {number} should end at byte {end:,} but the file has {len(self.data):,}"
            )
        return self.data[tag.offset : end]

    def integers(self, number: int) -> NDArray[np.int64] | None:
        """The tag's values, int64 [count], or None without the tag.

        Raises
        ------
        CorruptImageError
            The values lie outside the file, are no integers, or do not fit int64.
        """
        values = self.raw(number)
        if values is None:
            return None
        dtype = _INTEGER_DTYPES.get(self.tags[number].kind)
        if dtype is None:
            raise CorruptImageError(f"TIFF tag {number} should hold integers, not type {self.tags[number].kind}")
        array = np.frombuffer(values, dtype=self.byte_order + dtype)
        if array.size and int(array.max()) > np.iinfo(np.int64).max:
            raise CorruptImageError(f"TIFF tag {number} holds an impossible value")
        return array.astype(np.int64)

    def integer(self, number: int, default: int) -> int:
        """The tag's first value, or the default without the tag (or with an empty one)."""
        values = self.integers(number)
        return default if values is None or values.size == 0 else int(values[0])


@dataclass(frozen=True, slots=True)
class _Layout:
    """What differs between classic TIFF and BigTIFF."""

    count_format: str
    entry_bytes: int
    value_format: str  # of an entry's count and of its value or offset

    @property
    def count_bytes(self) -> int:
        return struct.calcsize(self.count_format)

    @property
    def value_bytes(self) -> int:
        return struct.calcsize(self.value_format)


_CLASSIC: Final = _Layout("H", 12, "I")
_BIG: Final = _Layout("Q", 20, "Q")


def read_directories(data: bytes) -> list[TiffPage]:
    """All directories of a TIFF or BigTIFF file in the order of their chain.

    Raises
    ------
    CorruptImageError
        The chain leaves the file, is cyclic, or is empty.
    ImageTooLargeError
        There are more than `MAX_PAGES` directories.
    """
    byte_order, layout, offset = _read_header(data)
    pages: list[TiffPage] = []
    seen: set[int] = set()
    while offset:
        if offset in seen:
            raise CorruptImageError(f"the chain of TIFF directories is cyclic: it returns to byte {offset:,}")
        if len(pages) == MAX_PAGES:
            raise ImageTooLargeError(f"the TIFF has more than {MAX_PAGES:,} pages")
        seen.add(offset)
        page, offset = _read_directory(data, offset, byte_order, layout)
        pages.append(page)
    if not pages:
        raise CorruptImageError("the TIFF has no directory, thus no picture")
    return pages


def _read_header(data: bytes) -> tuple[str, _Layout, int]:
    if len(data) < 16:
        raise CorruptImageError(f"truncated: a TIFF of {len(data)} bytes")
    byte_order = "<" if data[:2] == b"II" else ">"
    if struct.unpack_from(byte_order + "H", data, 2)[0] == 43:
        return byte_order, _BIG, struct.unpack_from(byte_order + "Q", data, 8)[0]
    return byte_order, _CLASSIC, struct.unpack_from(byte_order + "I", data, 4)[0]


def _read_directory(data: bytes, offset: int, byte_order: str, layout: _Layout) -> tuple[TiffPage, int]:
    """The directory at an offset, and the offset of the next (0 after the last)."""
    n_tags = _unpack(byte_order + layout.count_format, data, offset)
    first = offset + layout.count_bytes
    end = first + n_tags * layout.entry_bytes
    next_offset = _unpack(byte_order + layout.value_format, data, end)
    tags: dict[int, TiffTag] = {}
    entry_format = byte_order + "HH" + layout.value_format
    for position in range(first, end, layout.entry_bytes):
        number, kind, count = struct.unpack_from(entry_format, data, position)
        if kind not in _TYPE_BYTES or number in tags:
            continue
        value = position + 4 + layout.value_bytes
        if count * _TYPE_BYTES[kind] > layout.value_bytes:
            value = struct.unpack_from(byte_order + layout.value_format, data, value)[0]
        tags[number] = TiffTag(kind, count, value)
    return TiffPage(data, byte_order, tags), next_offset


def _unpack(format_: str, data: bytes, offset: int) -> int:
    if offset + struct.calcsize(format_) > len(data):
        raise CorruptImageError(
            f"truncated: a TIFF directory should lie at byte {offset:,} but the file has {len(data):,}"
        )
    value: int = struct.unpack_from(format_, data, offset)[0]
    return value
