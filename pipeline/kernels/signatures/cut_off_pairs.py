"""Candidate pairs of which one picture is the other with its lower end filled up, as a broken upload leaves it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_FEWEST_ROWS: Final = 2


def cut_off_pairs(
    squares: NDArray[np.uint8],
    filled: NDArray[np.float32],
    shape: NDArray[np.int64],
    *,
    least: float,
    tolerance: int,
    crowd: int,
    new: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Pairs (a < b) of one shape that look alike above the filled end of one of them.

    Every picture with a filled end is compared with all of its shape, so that it costs some n x 256 bytes of reading.
    One that has too little above its end, or no contrast there, or as many look-alikes as a crowd, is in no pair.

    Parameters
    ----------
    squares : ndarray of uint8, [n, size, size]
        Signatures of whole pictures, stretched to squares.
    filled : ndarray of float32, [n]
        Shares of the rows that are filled with one value at the lower end.
    shape : ndarray of int64, [n, 2]
        Height and width in pixels.
    least : float
        From this share on an end counts as filled.
    tolerance, crowd, new
        See `pipeline.kernels.signatures.candidate_pairs.near_signature_pairs`.

    Returns
    -------
    ndarray of int64, [pairs, 2]
    """
    pairs = [np.empty((0, 2), np.int64)]
    for row in np.flatnonzero((filled >= least) & (filled < 1)).tolist():
        kept = int((1 - filled[row]) * squares.shape[1]) - 1  # a cell at the edge has a part of the filling
        if kept < _FEWEST_ROWS or np.ptp(squares[row, :kept]) <= 2 * tolerance:
            continue
        asked = (shape == shape[row]).all(axis=1)
        asked[row] = False
        if new is not None and not new[row]:
            asked &= new
        others = np.flatnonzero(asked)
        here, there = squares[row, :kept], squares[others, :kept]
        differing = (np.maximum(here, there) - np.minimum(here, there)).max(axis=(1, 2), initial=0)
        alike = others[differing <= tolerance]
        if len(alike) < crowd:
            pairs.append(np.stack([np.minimum(alike, row), np.maximum(alike, row)], axis=1))
    return np.unique(np.concatenate(pairs), axis=0)
