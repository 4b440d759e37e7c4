"""Whether two files show the same picture, and how: re-encoded, nearly equal, scaled down, or without its data bar.

What a JPEG may change is known: each coefficient of each 8 x 8 block is rounded to a multiple of its quantisation step,
so that the difference to the original, taken through the same cosine transform, stays within half a step everywhere.
The difference of two frames of one sample is their noise, and does not. Where a picture has nothing that would survive
such rounding, as an empty frame has not, the bound says nothing; then only the proof counts that encoding one file's
pixels again gives the other file's bytes.
"""

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.canonical import signature_square
from pipeline.imaging.formats.jpeg import jpeg_orientation
from pipeline.imaging.formats.orientation import UPRIGHT, as_stored
from pipeline.imaging.matching.reencoding import is_jpeg, is_reencoding, luma_steps
from pipeline.imaging.quality import SUSPECT_SHARE, filled_share
from pipeline.kernels.signatures.unlike_copies import is_thumbnail_shape
from pipeline.kernels.turns import N_TURNS, turned

Relation = Literal["same_picture", "near", "thumbnail", "crop", "other_bar", "cut_off", "turned", "mirrored", ""]
Evidence = Literal["re_encoded", "quantisation", "levels", "gray_scale", "resampled", ""]

# A near copy differs by so little that no eye and no network sees it: in few pixels, or with its fine detail in common.
_NEAR_LEVELS = 2
_NEAR_SHARE = 0.01
_NEAR_CORRELATION = 0.9

# Rounding to whole gray levels, twice, moves a coefficient by less than this (7 standard deviations).
_ROUNDING = 4.0
_SHARE_UNEXPLAINED = 0.005
# So many blocks must have something that the same loss would have left in another picture, too.
_SHARE_TELLING = 0.02

_BLOCK = 8

# A data bar and a margin above it are at most this share of a picture's height.
_MOST_CUT_OFF = 0.35
_TURNED_LEVELS = 8  # of the small versions, beside the candidates' 6: JPEGs differ in them
# Two data bars differ in the lowest part only.
_OTHER_BAR_BELOW = 0.75

# Of a picture that was cut off, the last row of a JPEG's blocks may be filled in part; so much of it has to be left.
_LAST_BLOCKS = 16
_LEAST_LEFT = 0.1

_FITTED_EVERY = 7  # prime, so that no column is left out
_THUMBNAIL_CORRELATION = 0.99
_THUMBNAIL_MEAN_LEVELS = 4.0


@dataclass(frozen=True, slots=True)
class Copy:
    """One side of a comparison.

    Attributes
    ----------
    data : bytes
        Of the file.
    gray : ndarray of uint8, [height, width]
        Canonical.
    deep : bool
        Whether the file has more than 8 bits, so that another program's 8 bits of it are other ones.
    turn : int
        How ``gray`` was turned (`turned`) after it was decoded.
    """

    data: bytes
    gray: NDArray[np.uint8]
    deep: bool = False
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found; an empty relation means two different pictures.

    Attributes
    ----------
    relation : {"same_picture", "near", "thumbnail", "crop", "other_bar", "cut_off", "turned", "mirrored", ""}
    evidence : {"re_encoded", "quantisation", "levels", "gray_scale", "resampled", ""}
        What it rests on: one file's pixels encoded again are the other's bytes; the difference is within what the
        JPEGs' quantisation explains; it is at most 2 gray levels; it is so after a linear change of the gray scale, of
        a file of more than 8 bits; it is that of a resampling filter.
    differing_pixels : int
        Pixels that differ at all, in the part and at the size that both have.
    max_difference : int
        Largest difference there, in gray levels.
    mean_difference : float
        Mean of the differences there, in gray levels.
    """

    relation: Relation
    evidence: Evidence
    differing_pixels: int
    max_difference: int
    mean_difference: float


def compare_pictures(first: Copy, second: Copy) -> Comparison:
    """Compare two pictures.

    Of one size they are ``same_picture`` (within what the JPEGs among them explain), ``near`` (within 2 gray levels)
    or ``other_bar`` (so in the upper three quarters), or ``cut_off`` (so above the end of one of them that is filled
    with one value, where there is something to see). Of one width and different heights the lower may be a ``crop``
    of the higher with its data bar cut off. Of one shape and different sizes the smaller may be a ``thumbnail``: of two
    scans of one field it looks like both, and the smaller ``mean_difference`` tells whose it is. ``turned`` is one
    picture turned by quarters, ``mirrored`` one that is mirrored, and perhaps turned as well. Anything else is two
    pictures.

    Cost: a decoded picture of 1 megapixel a side takes some 30 ms.
    """
    found = _compare_as_they_are(first, second)
    return found if found.relation else _compare_turned(first, second) or found


def _compare_as_they_are(first: Copy, second: Copy) -> Comparison:
    large, small = sorted((first, second), key=lambda copy: copy.gray.size, reverse=True)
    if large.gray.shape == small.gray.shape:
        return _same_size(large, small)
    (high, wide), (low, narrow) = large.gray.shape, small.gray.shape
    if wide == narrow and 0 < high - low <= _MOST_CUT_OFF * high:
        top = _upper(large, low)
        evidence = _one_picture(top, small)
        return _measured("crop" if evidence else "", evidence, top.gray, small.gray)
    if bool(is_thumbnail_shape(np.array([[high, wide]]), np.array([[low, narrow]]))[0]):
        shrunk = np.asarray(cv2.resize(large.gray, (narrow, low), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        # The shrunk pixels are nobody's file: of a flat picture only the small JPEG's own loss can explain the rest.
        evidence = "resampled" if _looks_the_same(shrunk, small.gray) else _one_picture(Copy(b"", shrunk), small)
        return _measured("thumbnail" if evidence else "", evidence, shrunk, small.gray)
    return Comparison("", "", 0, 0, 0.0)


def _compare_turned(first: Copy, second: Copy) -> Comparison | None:
    """Whether one is the other turned or mirrored; only turns in which small versions of both agree are looked at."""
    small = [signature_square(copy.gray).astype(np.int64) for copy in (first, second)]
    for turn in range(1, N_TURNS):
        shape = turned(np.empty(first.gray.shape, bool), turn).shape
        if shape != second.gray.shape or np.abs(turned(small[0], turn) - small[1]).max() > _TURNED_LEVELS:
            continue
        moved = replace(first, gray=turned(first.gray, turn), turn=turn)
        if evidence := _one_picture(moved, second):
            return _measured("mirrored" if turn >= N_TURNS // 2 else "turned", evidence, moved.gray, second.gray)
    return None


def _same_size(a: Copy, b: Copy) -> Comparison:
    if evidence := _one_picture(a, b):
        return _measured("near" if evidence == "levels" else "same_picture", evidence, a.gray, b.gray)
    if (rows := _rows_left(a, b)) and (evidence := _one_picture(_upper(a, rows), _upper(b, rows))):
        return _measured("cut_off", evidence, a.gray, b.gray)
    rows = int(_OTHER_BAR_BELOW * a.gray.shape[0]) // _BLOCK * _BLOCK
    if rows and (evidence := _one_picture(_upper(a, rows), _upper(b, rows))):
        return _measured("other_bar", evidence, a.gray, b.gray)
    return _measured("", "", a.gray, b.gray)


def _rows_left(a: Copy, b: Copy) -> int:
    """Rows above the filled end of one of two pictures; 0 where none or both have one, or too little is left."""
    height = a.gray.shape[0]
    less, filled = sorted((filled_share(a.gray), filled_share(b.gray)))
    rows = (round((1 - filled) * height) - _LAST_BLOCKS) // _BLOCK * _BLOCK
    if not less < SUSPECT_SHARE <= filled or rows < _LEAST_LEFT * height:
        return 0
    return rows if all(_has_detail(copy.gray[:rows]) for copy in (a, b)) else 0


def _upper(copy: Copy, rows: int) -> Copy:
    return replace(copy, gray=np.ascontiguousarray(copy.gray[:rows]))


def _one_picture(a: Copy, b: Copy) -> Evidence:
    """What shows that two pictures of one shape are one; a JPEG's losses are those of its stored pixels."""
    for orientation in (jpeg_orientation(copy.data) for copy in (a, b) if is_jpeg(copy.data)):
        if orientation != UPRIGHT and not a.turn:
            a, b = (replace(copy, gray=as_stored(copy.gray, orientation)) for copy in (a, b))
            break
    for source, encoded in ((a, b), (b, a)):
        if (
            not is_jpeg(source.data)
            and not encoded.turn
            and _has_detail(encoded.gray)
            and is_reencoding(source.gray, encoded.data)
        ):
            return "re_encoded"
    if _jpeg_explains(a, b):
        return "quantisation"
    if _is_near(a.gray, b.gray):
        return "levels"
    return "gray_scale" if (a.deep or b.deep) and _is_near_in_other_grays(a, b) else ""


def _is_near_in_other_grays(a: Copy, b: Copy) -> bool:
    """Whether one picture is the other after a linear change of its grays, within what JPEGs among them explain."""
    wide, narrow = sorted((a, b), key=lambda copy: -float(copy.gray.std()))
    mapped = _mapped_to(wide.gray, narrow.gray)
    if mapped is None:
        return False
    changed = Copy(b"", mapped)
    return _is_near(mapped, narrow.gray) or _jpeg_explains(changed, narrow)


def _mapped_to(wide: NDArray[np.uint8], narrow: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """``wide`` with gain and offset that bring it nearest to ``narrow``; None if there is no such change.

    Black and white pixels are left out: there a program may have clipped.
    """
    x, y = wide.ravel()[::_FITTED_EVERY], narrow.ravel()[::_FITTED_EVERY]
    inside = (x > 0) & (x < 255) & (y > 0) & (y < 255)
    if np.count_nonzero(inside) < 2 or np.ptp(x[inside]) == 0:
        return None
    gain, offset = np.polyfit(x[inside].astype(np.float64), y[inside].astype(np.float64), 1)
    if gain <= 0:
        return None
    levels: NDArray[np.uint8] = np.clip(np.rint(gain * np.arange(256) + offset), 0, 255).astype(np.uint8)
    return np.asarray(levels[wide])


def _has_detail(gray: NDArray[np.uint8]) -> bool:
    """Whether enough blocks are of more than one level: any empty frame may end up as the same flat JPEG."""
    height, width = (length // _BLOCK * _BLOCK for length in gray.shape)
    if not height or not width:
        return False
    blocks = gray[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    return float(np.mean(blocks.max(axis=(1, 3)) > blocks.min(axis=(1, 3)))) >= _SHARE_TELLING


def _measured(relation: Relation, evidence: Evidence, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Comparison:
    difference = cv2.absdiff(a, b)
    return Comparison(
        relation, evidence, int(np.count_nonzero(difference)), int(difference.max()), float(difference.mean())
    )


def _is_near(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    difference = cv2.absdiff(a, b)
    if int(difference.max()) > _NEAR_LEVELS:
        return False
    return int(np.count_nonzero(difference)) <= _NEAR_SHARE * a.size or _detail_correlation(a, b) >= _NEAR_CORRELATION


def _detail_correlation(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Correlation of the steps from pixel to pixel; 0 where one of the pictures has none."""
    x, y = (np.diff(gray.astype(np.float32), axis=1).ravel() for gray in (a, b))
    scale = float(np.sqrt(np.dot(x, x) * np.dot(y, y)))
    return float(np.dot(x, y)) / scale if scale else 0.0


def _jpeg_explains(a: Copy, b: Copy) -> bool:
    """Whether the difference of two pictures of one shape is within the quantisation of the JPEGs among them.

    Where a decoder has clipped to black or white the single coefficients say nothing, but clipping only brings a block
    nearer to its original: there the energy of the difference has the same bound.
    """
    steps = [found for found in (_steps(a), _steps(b)) if found is not None]
    height, width = (length // _BLOCK * _BLOCK for length in a.gray.shape)
    if not steps or not height or not width:
        return False
    bound = np.asarray(sum(step / 2 for step in steps) + _ROUNDING, np.float32)
    first, second = _blocks(a.gray[:height, :width]), _blocks(b.gray[:height, :width])
    difference = first - second
    explained = np.all(np.abs(_cosines(difference)) <= bound, axis=(1, 2))
    clipped = np.any((first == 0) | (first == 255) | (second == 0) | (second == 255), axis=(1, 2))
    explained |= clipped & (np.sum(difference**2, axis=(1, 2)) <= float(np.sum(bound**2)))
    return float(np.mean(~explained)) <= _SHARE_UNEXPLAINED and _is_telling(first, bound)


def _steps(copy: Copy) -> NDArray[np.float32] | None:
    """Quantisation steps of a JPEG as they lie in ``copy.gray``."""
    steps = luma_steps(copy.data)
    return steps.T if steps is not None and copy.turn % 2 else steps


def _is_telling(blocks: NDArray[np.float32], bound: NDArray[np.float32]) -> bool:
    """Whether enough blocks have detail that stands out of what is explained: else any empty frame equals any other."""
    detail = np.abs(_cosines(blocks))
    detail[:, 0, 0] = 0
    return float(np.mean(np.any(detail > 2 * bound, axis=(1, 2)))) >= _SHARE_TELLING


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


def _looks_the_same(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    """Whether two small pictures agree up to a resampling filter and a JPEG's losses.

    They are compared at half their size: filters differ in the finest detail, which is gone there.
    """
    half = (max(1, a.shape[1] // 2), max(1, a.shape[0] // 2))
    x, y = (np.asarray(cv2.resize(gray, half, interpolation=cv2.INTER_AREA), np.float64).ravel() for gray in (a, b))
    if float(np.abs(x - y).mean()) > _THUMBNAIL_MEAN_LEVELS or x.std() == 0 or y.std() == 0:
        return False
    return float(np.corrcoef(x, y)[0, 1]) >= _THUMBNAIL_CORRELATION
