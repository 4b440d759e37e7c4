"""The tag tree of Gatan Digital Micrograph files, versions 3 and 4.

Written here, although libraries read it, so that the work and the memory are bounded by the file's size: a
damaged count in a tag must not make the reader loop or allocate.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError

_MAX_DEPTH: Final = 64
_SIMPLE: Final = {
    2: "i2",
    3: "i4",
    4: "u2",
    5: "u4",
    6: "f4",
    7: "f8",
    8: "u1",
    9: "i1",
    10: "u1",
    11: "i8",
    12: "u8",
}
_STRUCT, _STRING, _ARRAY = 15, 18, 20
_DATA, _GROUP = 21, 20


@dataclass(frozen=True, slots=True)
class DmArray:
    """An array in the file, not read yet: its bytes, and the dtype of an element (None for structs)."""

    data: memoryview
    dtype: str | None

    def values(self) -> NDArray[np.generic]:
        """The array's values, in the file's byte order; uint8 for structs."""
        return np.frombuffer(self.data, dtype=self.dtype or "u1")

    def text(self) -> str:
        """The array as the UTF-16 text that Digital Micrograph stores as uint16."""
        return bytes(self.values().astype("<u2").tobytes()).decode("utf-16-le", errors="replace")


DmValue: TypeAlias = int | float | str | DmArray | Mapping[str, "DmValue"]


def read_tags(data: bytes) -> Mapping[str, DmValue]:
    """Read the whole tag tree of a DM3 or DM4 file.

    Returns
    -------
    mapping
        Nested by group; an unnamed tag has its position in the group as name (``"0"``, ``"1"``, ...).

    Raises
    ------
    CorruptImageError
        The file ends early, or a tag makes no sense.
    """
    try:
        return _Reader(data).root()
    except struct.error as error:
        raise CorruptImageError(f"truncated: the Digital Micrograph file ends inside its tags ({error})") from error


class _Reader:
    """A position in the file, moved by each method over what it reads."""

    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)
        self.position = 0
        version = self.number(">I")
        self.long = ">Q" if version == 4 else ">I"
        self.is_dm4 = version == 4
        self.number(self.long)
        self.order = "<" if self.number(">I") else ">"

    def number(self, format_: str) -> int:
        value: int = struct.unpack_from(format_, self.data, self.position)[0]
        self.position += struct.calcsize(format_)
        return value

    def take(self, count: int) -> memoryview:
        if count > len(self.data) - self.position:
            raise CorruptImageError(
                f"truncated: the Digital Micrograph file ends at byte {len(self.data):,}, "
                f"{count - len(self.data) + self.position:,} bytes before a tag's values do"
            )
        self.position += count
        return self.data[self.position - count : self.position]

    def root(self) -> Mapping[str, DmValue]:
        return self.group(0)

    def group(self, depth: int) -> Mapping[str, DmValue]:
        if depth > _MAX_DEPTH:
            raise CorruptImageError(f"the Digital Micrograph file nests its tags more than {_MAX_DEPTH} deep")
        self.take(2)  # sorted, open
        tags: dict[str, DmValue] = {}
        for index in range(self.number(self.long)):
            kind = self.number(">B")
            name = bytes(self.take(self.number(">H"))).decode("latin-1") or str(index)
            if self.is_dm4:
                self.number(">Q")  # the tag's length
            if kind not in (_DATA, _GROUP):
                raise CorruptImageError(f"the Digital Micrograph file has a tag of unknown kind {kind}")
            tags[name] = self.group(depth + 1) if kind == _GROUP else self.value()
        return tags

    def value(self) -> DmValue:
        if bytes(self.take(4)) != b"%%%%":
            raise CorruptImageError("the Digital Micrograph file has a tag without its delimiter %%%%")
        size = self.number(self.long)
        info_bytes = size * struct.calcsize(self.long)
        info = np.frombuffer(self.take(info_bytes), dtype=">u8" if self.is_dm4 else ">u4").tolist()
        if not info:
            raise CorruptImageError("the Digital Micrograph file has a tag without a type")
        return self.typed_value(info)

    def typed_value(self, info: list[int]) -> DmValue:
        kind = info[0]
        if kind in _SIMPLE and len(info) == 1:
            dtype = np.dtype(self.order + _SIMPLE[kind])
            return np.frombuffer(self.take(dtype.itemsize), dtype=dtype)[0].item()  # type: ignore[no-any-return]
        if kind == _STRING and len(info) == 2:
            return bytes(self.take(2 * info[1])).decode("utf-16-le", errors="replace")
        if kind == _STRUCT:
            return DmArray(self.take(_struct_bytes(info)), None)
        if kind == _ARRAY and len(info) == 3 and info[1] in _SIMPLE:
            dtype = np.dtype(self.order + _SIMPLE[info[1]])
            return DmArray(self.take(info[2] * dtype.itemsize), dtype.str)
        if kind == _ARRAY and len(info) > 3 and info[1] == _STRUCT:
            return DmArray(self.take(info[-1] * _struct_bytes(info[1:-1])), None)
        raise CorruptImageError(f"the Digital Micrograph file has a value of unknown type {info[:4]}")


def _struct_bytes(info: list[int]) -> int:
    """Bytes of one struct from its definition ``[15, name length, fields, (name length, type) ...]``."""
    kinds = info[4::2]
    if len(info) < 3 or len(kinds) != info[2] or any(kind not in _SIMPLE for kind in kinds):
        raise CorruptImageError("the Digital Micrograph file has a struct of unknown layout")
    return sum(np.dtype(_SIMPLE[kind]).itemsize for kind in kinds)
