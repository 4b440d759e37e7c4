"""Whether two files show the same picture, and how: re-encoded, nearly equal, scaled down, or without its data bar.

What a JPEG may change is known: each coefficient of each 8 x 8 block is rounded to a multiple of its quantisation step,
so that the difference to the original, taken through the same cosine transform, stays within half a step everywhere.
The difference of two frames of one sample is their noise, and does not.
"""

import io
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

Relation = Literal["same_picture", "near", "thumbnail", "crop", "other_bar", ""]

# A near copy differs by so little that no eye and no network sees it.
_NEAR_LEVELS = 2

# Rounding to whole gray levels, twice, moves a coefficient by less than this (7 standard deviations).
_ROUNDING = 4.0
_SHARE_UNEXPLAINED = 0.005

_BLOCK = 8
_JPEG_MAGIC = b"\xff\xd8\xff"

# A data bar and a margin above it are at most this share of a picture's height.
_MOST_CUT_OFF = 0.35
# Two data bars differ in the lowest part only.
_OTHER_BAR_BELOW = 0.75

_MOST_THUMBNAIL_SCALE = 0.75
_ASPECT_TOLERANCE = 0.01
_THUMBNAIL_CORRELATION = 0.99
_THUMBNAIL_MEAN_LEVELS = 4.0


@dataclass(frozen=True, slots=True)
class Copy:
    """One side of a comparison: the bytes of the file, and its canonical gray, uint8 [height, width]."""

    data: bytes
    gray: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found; an empty relation means two different pictures.

    Attributes
    ----------
    relation : {"same_picture", "near", "thumbnail", "crop", "other_bar", ""}
    differing_pixels : int
        Pixels that differ at all, in the part and at the size that both have.
    max_difference : int
        Largest difference there, in gray levels.
    """

    relation: Relation
    differing_pixels: int
    max_difference: int


def compare_pictures(first: Copy, second: Copy) -> Comparison:
    """Compare two pictures.

    Of one size they are ``same_picture`` (within what the JPEGs among them explain), ``near`` (within 2 gray levels)
    or ``other_bar`` (so in the upper three quarters). Of one width and different heights the lower may be a ``crop`` of
    the higher with its data bar cut off. Of one shape and different sizes the smaller may be a ``thumbnail``. Anything
    else is two pictures.

    Cost: a decoded picture of 1 megapixel a side takes some 30 ms.
    """
    large, small = sorted((first, second), key=lambda copy: copy.gray.size, reverse=True)
    if large.gray.shape == small.gray.shape:
        return _same_size(large, small)
    (high, wide), (low, narrow) = large.gray.shape, small.gray.shape
    if wide == narrow and 0 < high - low <= _MOST_CUT_OFF * high:
        top = Copy(large.data, np.ascontiguousarray(large.gray[:low]))
        return _measured("crop" if _jpeg_explains(top, small) else "", top.gray, small.gray)
    scale = narrow / wide
    if scale <= _MOST_THUMBNAIL_SCALE and abs(low / high - scale) <= _ASPECT_TOLERANCE * scale:
        shrunk = np.asarray(cv2.resize(large.gray, (narrow, low), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return _measured("thumbnail" if _looks_the_same(shrunk, small.gray) else "", shrunk, small.gray)
    return Comparison("", 0, 0)


def _same_size(a: Copy, b: Copy) -> Comparison:
    relation = _one_picture(a, b)
    if not relation:
        rows = int(_OTHER_BAR_BELOW * a.gray.shape[0]) // _BLOCK * _BLOCK
        tops = [Copy(copy.data, np.ascontiguousarray(copy.gray[:rows])) for copy in (a, b)]
        relation = "other_bar" if rows and _one_picture(*tops) else ""
    return _measured(relation, a.gray, b.gray)


def _one_picture(a: Copy, b: Copy) -> Relation:
    if _jpeg_explains(a, b):
        return "same_picture"
    return "near" if int(cv2.absdiff(a.gray, b.gray).max()) <= _NEAR_LEVELS else ""


def _measured(relation: Relation, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Comparison:
    difference = cv2.absdiff(a, b)
    return Comparison(relation, int(np.count_nonzero(difference)), int(difference.max()))


def _jpeg_explains(a: Copy, b: Copy) -> bool:
    """Whether the difference of two pictures of one shape is within the quantisation of the JPEGs among them.

    Where a decoder has clipped to black or white the single coefficients say nothing, but clipping only brings a block
    nearer to its original: there the energy of the difference has the same bound.
    """
    steps = [found for found in (_luma_steps(a.data), _luma_steps(b.data)) if found is not None]
    height, width = (length // _BLOCK * _BLOCK for length in a.gray.shape)
    if not steps or not height or not width:
        return False
    bound = sum(step / 2 for step in steps) + _ROUNDING
    first, second = _blocks(a.gray[:height, :width]), _blocks(b.gray[:height, :width])
    difference = first - second
    explained = np.all(np.abs(_cosines(difference)) <= bound, axis=(1, 2))
    clipped = np.any((first == 0) | (first == 255) | (second == 0) | (second == 255), axis=(1, 2))
    explained |= clipped & (np.sum(difference**2, axis=(1, 2)) <= float(np.sum(bound**2)))
    return float(np.mean(~explained)) <= _SHARE_UNEXPLAINED


def _blocks(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The 8 x 8 blocks of a picture, float32 [blocks, 8, 8]."""
    height, width = gray.shape
    blocks = gray.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).transpose(0, 2, 1, 3)
    return blocks.reshape(-1, _BLOCK, _BLOCK).astype(np.float32)


def _cosines(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Orthonormal type-II cosine transform of every block."""
    basis = _cosine_basis()
    return np.asarray(basis @ blocks @ basis.T, dtype=np.float32)


def _cosine_basis() -> NDArray[np.float32]:
    k, n = np.mgrid[0:_BLOCK, 0:_BLOCK]
    basis = np.sqrt(2 / _BLOCK) * np.cos(np.pi * (2 * n + 1) * k / (2 * _BLOCK))
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, dtype=np.float32)


def _luma_steps(data: bytes) -> NDArray[np.float32] | None:
    """Quantisation steps of a JPEG's brightness, [8, 8] in natural order; None for any other file."""
    if not data.startswith(_JPEG_MAGIC):
        return None
    try:
        with Image.open(io.BytesIO(data)) as image:
            tables = getattr(image, "quantization", None)
    except (UnidentifiedImageError, OSError):
        return None
    return np.array(tables[min(tables)], np.float32).reshape(_BLOCK, _BLOCK) if tables else None


def _looks_the_same(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    """Whether two small pictures agree up to a resampling filter and a JPEG's losses."""
    x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    if float(np.abs(x - y).mean()) > _THUMBNAIL_MEAN_LEVELS or x.std() == 0 or y.std() == 0:
        return False
    return float(np.corrcoef(x, y)[0, 1]) >= _THUMBNAIL_CORRELATION
