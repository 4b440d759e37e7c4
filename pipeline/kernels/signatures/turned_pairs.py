"""Candidate pairs of which one picture is the other turned by quarters or mirrored."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.signatures.candidate_pairs import near_signature_pairs
from pipeline.kernels.turns import N_TURNS, turned

# Means of quadrants hardly move when a copy is made; where they are nearer than this, either order is tried.
_UNCERTAIN_LEVELS: Final = 1.0


def turned_pairs(
    squares: NDArray[np.uint8], *, tolerance: int, crowd: int, new: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Pairs (a < b) of which one looks like the other turned by quarters or mirrored, and not only as it is.

    Every picture is brought to the turns in which its brightest quadrant is the upper left one and the upper right one
    is brighter than the lower left one; several turns where that is not clear. Then look-alikes are searched once. A
    picture whose values span at most twice the tolerance has no turn that could be told: it is in no pair.

    Parameters
    ----------
    squares : ndarray of uint8, [n, size, size]
        Signatures of whole pictures, stretched to squares of even size.
    tolerance, crowd, new
        See `near_signature_pairs`.

    Returns
    -------
    ndarray of int64, [pairs, 2]
    """
    if len(squares) < 2:
        return np.empty((0, 2), np.int64)
    telling = np.ptp(squares.reshape(len(squares), -1), axis=1) > 2 * tolerance
    owner, turn = _standing(squares)
    owner, turn = owner[telling[owner]], turn[telling[owner]]
    variants = np.empty((len(owner), squares[0].size), np.uint8)
    for number in range(N_TURNS):
        chosen = turn == number
        variants[chosen] = turned(squares[owner[chosen]], number).reshape(-1, variants.shape[1])
    asked = None if new is None else new[owner]
    found = near_signature_pairs(variants, tolerance=tolerance, crowd=crowd, new=asked).pairs
    found = found[turn[found[:, 0]] != turn[found[:, 1]]]
    pairs = np.sort(owner[found], axis=1)
    return np.asarray(np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0), np.int64).reshape(-1, 2)


def _standing(squares: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and turns in which each stands as it should; a row comes several times where that is not clear."""
    half = squares.shape[1] // 2
    means = squares.reshape(len(squares), 2, half, 2, half).mean(axis=(2, 4))
    brightest = means.max(axis=(1, 2))
    owners, turns = [], []
    for number in range(N_TURNS):
        quadrant = turned(means, number)
        stands = quadrant[:, 0, 0] >= brightest - _UNCERTAIN_LEVELS
        stands &= quadrant[:, 0, 1] >= quadrant[:, 1, 0] - _UNCERTAIN_LEVELS
        owners.append(np.flatnonzero(stands))
        turns.append(np.full(len(owners[-1]), number))
    owner, turn = np.concatenate(owners), np.concatenate(turns)
    order = np.lexsort((turn, owner))
    return owner[order].astype(np.int64), turn[order].astype(np.int64)
