"""Directions: rows scaled to length 1, whose Euclidean distances are those of the cosine."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import InvalidDataError, Vectors, require_finite

_BLOCK_ROWS = 4096


def unit_rows(vectors: Vectors, name: str = "vectors") -> NDArray[np.float64]:
    """Scale every row to length 1, in float64.

    The cosine distance ``1 - cos(a, b)`` of two rows is half the squared Euclidean distance of their directions, which
    does not cancel where directions are near. Equal rows have equal bits; rows that differ by a factor may differ in
    their last bits, so that their distance is 0 or about 1e-32.

    Raises
    ------
    InvalidDataError
        A row of zeros, which has no direction, or a NaN or an infinity; the row is named.
    """
    require_finite(vectors, name)
    directions = np.empty(vectors.shape)
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = vectors[start : start + _BLOCK_ROWS].astype(np.float64)
        largest = np.abs(block).max(axis=1, keepdims=True)
        if not largest.all():
            row = start + int(np.argmin(largest[:, 0]))
            raise InvalidDataError(
                f"row {row} of {name} is all zeros and has no direction; leave it out or use the Euclidean metric"
            )
        block /= largest  # squares of large or small numbers would not fit
        directions[start : start + _BLOCK_ROWS] = block / np.sqrt(np.einsum("ij,ij->i", block, block))[:, None]
    return directions
