"""The plainest TIFF: what is taken out of a container becomes a file whose bytes depend on its pixels alone."""

import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

_HEADER_BYTES: Final = 8
_LONG, _SHORT = 4, 3


def plain_tiff(pixels: NDArray[np.generic]) -> bytes:
    """An uncompressed little-endian TIFF of one strip.

    Parameters
    ----------
    pixels : uint8 or bool [height, width], or uint8 [height, width, 3]
        Gray (bool as 0 and 255) or RGB.

    Returns
    -------
    bytes
        The same for the same pixels, whatever libraries are installed.
    """
    values = np.where(pixels, np.uint8(255), np.uint8(0)) if pixels.dtype == np.bool_ else pixels
    if values.dtype != np.uint8 or values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] != 3):
        raise ValueError(f"expected gray or RGB of uint8; got {values.dtype} of shape {values.shape}")
    height, width = values.shape[:2]
    data = np.ascontiguousarray(values).tobytes()
    channels = 1 if values.ndim == 2 else 3
    directory = _HEADER_BYTES + len(data) + len(data) % 2
    # 11 entries of 12 bytes; three channels' bit depths do not fit into an entry and follow them.
    after = directory + 2 + 11 * 12 + 4
    tags = (
        (256, _LONG, 1, width),
        (257, _LONG, 1, height),
        (258, _SHORT, channels, 8 if channels == 1 else after),
        (259, _SHORT, 1, 1),  # not compressed
        (262, _SHORT, 1, 1 if channels == 1 else 2),  # black is zero, or RGB
        (273, _LONG, 1, _HEADER_BYTES),
        (277, _SHORT, 1, channels),
        (278, _LONG, 1, height),
        (279, _LONG, 1, len(data)),
        (284, _SHORT, 1, 1),  # channels beside each other
        (339, _SHORT, 1, 1) if channels == 1 else (339, _SHORT, 3, after + 6),  # unsigned
    )
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    rest = struct.pack("<3H3H", 8, 8, 8, 1, 1, 1) if channels == 3 else b""
    head = struct.pack("<2sHI", b"II", 42, directory)
    return head + data + bytes(len(data) % 2) + struct.pack("<H", len(tags)) + entries + bytes(4) + rest
