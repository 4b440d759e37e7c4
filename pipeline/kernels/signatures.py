"""Candidate pairs of look-alike pictures from their small signatures, without comparing all with all."""

import numpy as np
from numpy.typing import NDArray

_CHUNK = 4096


def near_signature_pairs(signatures: NDArray[np.uint8], *, tolerance: int) -> NDArray[np.int64]:
    """Pairs (a < b) whose signatures differ by at most ``tolerance`` gray levels anywhere.

    Exact: no such pair is missed. Signatures are sorted by their mean, and since means of a pair differ by at most
    ``tolerance`` too, only a window of the sorted list is looked at; the means of eighths thin it out before whole
    signatures are compared.

    Parameters
    ----------
    signatures : ndarray of uint8, [n, pixels]
    tolerance : int
        Gray levels.

    Returns
    -------
    ndarray of int64, [pairs, 2]
        Sorted by first, then second row. Pictures of one gray level throughout are never paired: their signature says
        nothing.

    Notes
    -----
    Memory O(n + window); time O(n log n + pairs in the windows x 9).
    """
    telling = np.flatnonzero(np.ptp(signatures, axis=1) > 0) if len(signatures) else np.empty(0, np.int64)
    if len(telling) < 2:
        return np.empty((0, 2), np.int64)
    pairs = np.sort(_pairs_of(signatures, telling, tolerance), axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _pairs_of(signatures: NDArray[np.uint8], rows: NDArray[np.int64], tolerance: int) -> NDArray[np.int64]:
    features = _coarse(signatures[rows])
    order = np.argsort(features[:, 0], kind="stable")
    rows, features = rows[order], features[order]
    stops = np.searchsorted(features[:, 0], features[:, 0] + tolerance, side="right")
    found = [np.empty((0, 2), np.int64)]
    for i in range(len(rows) - 1):
        others = np.arange(i + 1, stops[i])
        close = np.all(np.abs(features[others] - features[i]) <= tolerance, axis=1)
        for start in range(0, int(close.sum()), _CHUNK):
            chosen = others[close][start : start + _CHUNK]
            gap = np.abs(signatures[rows[chosen]].astype(np.int16) - signatures[rows[i]].astype(np.int16))
            near = chosen[gap.max(axis=1) <= tolerance]
            found.append(np.stack([np.full(len(near), rows[i]), rows[near]], axis=1))
    return np.concatenate(found)


def _coarse(signatures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Means of the whole signature and of its 8 eighths: each is 1-Lipschitz in the largest difference."""
    values = signatures.astype(np.float64)
    parts = np.stack([part.mean(axis=1) for part in np.array_split(values, 8, axis=1)], axis=1)
    return np.concatenate([values.mean(axis=1, keepdims=True), parts], axis=1)
