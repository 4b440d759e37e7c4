"""Candidate pairs whose signatures differ although they may show one picture: small ones, and other grays."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.signatures.candidate_pairs import near_signature_pairs

MOST_SMALL_SCALE: Final = 0.75
"""A thumbnail is at most so large beside its picture."""

ASPECT_TOLERANCE: Final = 0.01
"""So much may the scales of width and height differ, beside the rounding to whole pixels."""

# The rows of a small picture are rounded to whole pixels, so that its signature's cells lie up to a seventh of a cell
# away from its original's. Differences seen at 160 px: up to 18 gray levels.
_SMALL_PX: Final = 512
_SMALL_TOLERANCE: Final = 16

# Signatures are brought to one mean and one deviation. Rounding to 8 bits moves such a value by 0.5 levels of the
# original's deviation: a picture that has less than this says nothing.
_MEAN, _DEVIATION = 128.0, 40.0
_LEAST_DEVIATION: Final = 1.25
_GRAY_TOLERANCE: Final = 16


def thumbnail_pairs(
    signatures: NDArray[np.uint8],
    shape: NDArray[np.int64],
    *,
    crowd: int,
    new: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Pairs of which one may be the other scaled down, and is so small that its signature is not exact.

    Parameters
    ----------
    signatures : ndarray of uint8, [n, pixels]
    shape : ndarray of int64, [n, 2]
        Height and width in pixels.
    crowd : int
        See `near_signature_pairs`.
    new : ndarray of bool, [n], optional
        Only pairs with a row of these.

    Returns
    -------
    ndarray of int64, [pairs, 2]
        Rows (a < b).
    """
    small = shape[:, 1] <= _SMALL_PX
    if not small.any() or not _may_have_originals(shape, small):
        return np.empty((0, 2), np.int64)
    pairs = near_signature_pairs(
        signatures, tolerance=_SMALL_TOLERANCE, crowd=crowd, new=small if new is None else new
    ).pairs
    kept: NDArray[np.int64] = pairs[
        is_thumbnail_shape(shape[pairs[:, 0]], shape[pairs[:, 1]]) & small[pairs].any(axis=1)
    ]
    return kept


def is_thumbnail_shape(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether one of two pictures of these heights and widths, int64 [n, 2], has the shape of the other scaled down."""
    swap = first[:, 1] < second[:, 1]
    large, small = np.where(swap[:, None], second, first), np.where(swap[:, None], first, second)
    scale = small[:, 1] / large[:, 1]
    rows = small[:, 0] / large[:, 0]
    return np.asarray((scale <= MOST_SMALL_SCALE) & (np.abs(rows - scale) <= ASPECT_TOLERANCE * scale), bool)


def _may_have_originals(shape: NDArray[np.int64], small: NDArray[np.bool_]) -> bool:
    return bool(shape[small, 1].min() <= MOST_SMALL_SCALE * shape[:, 1].max())


def other_gray_pairs(
    signatures: NDArray[np.uint8],
    deep: NDArray[np.bool_],
    *,
    crowd: int,
    new: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Pairs that look alike but for brightness and contrast, of which one is ``deep``: has more than 8 bits.

    What a program makes 8 bits of is not the canonical gray of the deep picture, but mostly a linear map of it.

    Parameters
    ----------
    signatures : ndarray of uint8, [n, pixels]
    deep : ndarray of bool, [n]
    crowd, new
        See `thumbnail_pairs`.

    Returns
    -------
    ndarray of int64, [pairs, 2]
        Rows (a < b).
    """
    if not deep.any():
        return np.empty((0, 2), np.int64)
    pairs = near_signature_pairs(_standardised(signatures), tolerance=_GRAY_TOLERANCE, crowd=crowd, new=new).pairs
    kept: NDArray[np.int64] = pairs[deep[pairs].any(axis=1)]
    return kept


def _standardised(signatures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each signature with one mean and one deviation; one gray level throughout where it has too little contrast."""
    values = signatures.astype(np.float32)
    deviation = values.std(axis=1, keepdims=True)
    values -= values.mean(axis=1, keepdims=True)
    values *= _DEVIATION / np.maximum(deviation, _LEAST_DEVIATION)
    values[deviation[:, 0] < _LEAST_DEVIATION] = 0
    return np.asarray(np.clip(np.rint(values + _MEAN), 0, 255), np.uint8)
