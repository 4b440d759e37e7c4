"""Checks and conversions of the arrays that kernels are given."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import StageError, UsageError

Vectors = NDArray[np.floating]
"""float32 or float64, [rows, features]."""

_EXACT_IN_FLOAT32 = (np.bool_, np.int8, np.uint8, np.int16, np.uint16, np.float16)
_FINITE_BLOCK_ROWS = 4096


class InvalidDataError(StageError, ValueError):
    """The numbers themselves rule the computation out: not finite, too few, all equal."""


def as_vectors(values: ArrayLike, name: str = "vectors") -> Vectors:
    """Give a C-contiguous float32 or float64 matrix; no copy where the input already is one.

    Parameters
    ----------
    values : array_like, [N, D]
        Real numbers. float32 and float64 are kept; what float32 holds exactly (bool, 8 and 16 bits) becomes
        float32, everything else float64. Memory maps stay maps.
    name : str
        What to call the array in messages.

    Raises
    ------
    UsageError
        Not two axes, no columns, or not real numbers.
    """
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] == 0:
        raise UsageError(f"{name} has the shape {array.shape}; expected [rows, features] with at least one feature")
    if array.dtype.kind not in "fiub":
        raise UsageError(f"{name} has the type {array.dtype}; expected real numbers")
    if array.dtype.type in (np.float32, *_EXACT_IN_FLOAT32):
        return np.ascontiguousarray(array, dtype=np.float32)
    return np.ascontiguousarray(array, dtype=np.float64)


def require_finite(vectors: Vectors, name: str = "vectors") -> None:
    """Raise `InvalidDataError` naming the first row that holds a NaN or an infinity."""
    for start in range(0, len(vectors), _FINITE_BLOCK_ROWS):
        finite = np.isfinite(vectors[start : start + _FINITE_BLOCK_ROWS]).all(axis=1)
        if not finite.all():
            row = start + int(np.argmin(finite))
            raise InvalidDataError(
                f"row {row} of {name} holds a NaN or an infinity; leave that row out or compute it again"
            )


def as_codes(labels: ArrayLike, name: str = "labels") -> tuple[NDArray[np.int64], NDArray[np.generic]]:
    """Number labels 0, 1, ... in their sorted order.

    Parameters
    ----------
    labels : array_like, [N]
        Integers, booleans or text.

    Returns
    -------
    codes : int64 [N]
    values : ndarray, [n_labels]
        The distinct labels, sorted; ``values[codes]`` are the labels.

    Raises
    ------
    UsageError
        Not one axis, or neither integers nor text (floats are refused: NaN is no label).
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise UsageError(f"{name} has the shape {array.shape}; expected one axis")
    if array.dtype == object and all(isinstance(label, str) for label in array):
        array = array.astype(str)
    if array.size and array.dtype.kind not in "iubUST":
        raise UsageError(f"{name} has the type {array.dtype}; expected integers or text")
    values, codes = np.unique(array, return_inverse=True)
    return codes.astype(np.int64, copy=False), values


def require_count(k: int, most: int | None, name: str) -> None:
    """Raise `UsageError` unless ``1 <= k <= most`` (no upper end where ``most`` is None)."""
    if k < 1 or (most is not None and k > most):
        expected = "at least 1" if most is None else f"1 to {most}"
        raise UsageError(f"{name} is {k}; expected {expected}")
