"""Fingerprints of a picture's parts: how pictures that look like many others are told apart.

A small signature of an empty frame is that of any other empty frame; its noise is its own. So the upper part is laid
into 8 x 8 fields, and each field's exact pixels are hashed. Two files of one picture have most fields in common even if
some pixels differ. A JPEG has no field in common with its TIFF, but with what encoding the TIFF anew gives.
"""

import hashlib
import io
from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from pipeline.imaging.canonical import upper_part
from pipeline.imaging.matching.reencoding import is_jpeg

FIELDS: Final = 64
"""Fields of a picture."""

_FIELDS_A_SIDE: Final = 8
_BLOCK: Final = 8  # fields begin where a JPEG's blocks do
_QUALITIES: Final = (75, 80, 85, 90, 92, 95, 100)  # what programs offer by default


def fingerprints(data: bytes, gray: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Hashes of a picture's fields, and of what JPEGs of the usual qualities would be.

    Parameters
    ----------
    data : bytes
        The file.
    gray : uint8 [height, width]
        Its canonical picture.

    Returns
    -------
    ndarray of uint64, [1, 64] of a JPEG, else [8, 64]
        The picture's own first. A field of one gray level is 0, and so is one that a small picture does not have.
    """
    own = _field_hashes(gray)
    if is_jpeg(data):
        return own[None]
    return np.stack([own, *(_field_hashes(_encoded(gray, quality)) for quality in _QUALITIES)])


def _encoded(gray: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, "JPEG", quality=quality)
    return np.asarray(simplejpeg.decode_jpeg(buffer.getvalue(), colorspace="GRAY")[:, :, 0])


def _field_hashes(gray: NDArray[np.uint8]) -> NDArray[np.uint64]:
    top = upper_part(gray)
    rows, columns = (max(_BLOCK, length // _FIELDS_A_SIDE // _BLOCK * _BLOCK) for length in top.shape)
    fields = [
        top[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]
        for row in range(_FIELDS_A_SIDE)
        for column in range(_FIELDS_A_SIDE)
    ]
    return np.array([_hash(field) for field in fields], np.uint64)


def _hash(field: NDArray[np.uint8]) -> int:
    if not field.size or int(field.min()) == int(field.max()):
        return 0
    shape = f"{field.shape}".encode()
    return int.from_bytes(hashlib.blake2b(shape + field.tobytes(), digest_size=8).digest(), "big")
