"""Orientation: the turn that EXIF or TIFF states, by which stored pixels become the upright picture."""

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from numpy.typing import NDArray

from pipeline.kernels.turns import Pixel, turned

UPRIGHT: Final = 1
"""The orientation of pixels that are stored as they are to be seen."""

TAG: Final = 274
"""The tag's number, in EXIF and TIFF alike."""

EXIF_HEAD: Final = b"Exif\0\0"
"""What the segment of a JPEG begins with that holds EXIF."""

_MOST_ENTRIES: Final = 1000

_TURNS: Final[Mapping[int, int]] = MappingProxyType({2: 4, 3: 2, 4: 6, 5: 5, 6: 3, 7: 7, 8: 1})
"""The turn of `pipeline.kernels.turns` by which pixels of each orientation come upright."""

_INVERSE: Final = MappingProxyType({6: 8, 8: 6})


def upright(pixels: NDArray[Pixel], orientation: int) -> NDArray[Pixel]:
    """Stored pixels as they are to be seen.

    Parameters
    ----------
    pixels : ndarray, [rows, columns] or [rows, columns, channels]
    orientation : int
        1 to 8 as EXIF and TIFF count them; any other number is taken for 1.

    Examples
    --------
    >>> upright(np.array([[1, 2, 3]]), 6).tolist()
    [[1], [2], [3]]
    """
    turn = _TURNS.get(orientation)
    return pixels if turn is None else turned(pixels, turn, axes=(0, 1))


def as_stored(pixels: NDArray[Pixel], orientation: int) -> NDArray[Pixel]:
    """The inverse of `upright`."""
    return upright(pixels, _INVERSE.get(orientation, orientation))


def exif_orientation(exif: bytes) -> int:
    """The orientation that EXIF states; 1 if it states none or is damaged.

    Parameters
    ----------
    exif : bytes
        From the byte order on, without ``Exif``.
    """
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 10:
        return UPRIGHT
    (directory,) = struct.unpack_from(f"{order}I", exif, 4)
    if directory + 2 > len(exif):
        return UPRIGHT
    (entries,) = struct.unpack_from(f"{order}H", exif, directory)
    for place in range(directory + 2, directory + 2 + 12 * min(entries, _MOST_ENTRIES), 12):
        if place + 10 > len(exif):
            break
        tag, kind = struct.unpack_from(f"{order}HH", exif, place)
        if (tag, kind) == (TAG, 3):
            (found,) = struct.unpack_from(f"{order}H", exif, place + 8)
            return int(found) if found in _TURNS else UPRIGHT
    return UPRIGHT
