"""How much of a neighbourhood a code keeps: trustworthiness, continuity, and the share of neighbours kept.

References
----------
J. Venna, S. Kaski, "Neighborhood preservation in nonlinear projection methods: an experimental study", ICANN 2001,
doi 10.1007/3-540-44668-0_68.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError, Vectors, as_vectors, require_count, require_finite

_TILE_ROWS = 512


@dataclass(frozen=True, slots=True)
class Preservation:
    """What becomes of neighbourhoods from one space to another.

    Attributes
    ----------
    trustworthiness : float
        1 where no row becomes a neighbour that was none; each that does costs by how far it was.
    continuity : float
        1 where no row ceases to be a neighbour; each that does costs by how far it is now.
    share_kept : float
        Mean share of the neighbours that still are neighbours.
    n_neighbours, n_points : int
    """

    trustworthiness: float
    continuity: float
    share_kept: float
    n_neighbours: int
    n_points: int


def neighbourhood_preservation(vectors: ArrayLike, codes: ArrayLike, n_neighbours: int) -> Preservation:
    """Compare the neighbourhoods of the same rows in two spaces (Euclidean).

    Parameters
    ----------
    vectors : array_like, [N, D]
    codes : array_like, [N, d]
    n_neighbours : int
        At least 1 and less than N / 2, where the measures are defined.

    Returns
    -------
    Preservation
        Trustworthiness is scikit-learn's; continuity is the same with the spaces exchanged. Equal distances are in the
        order of rows.

    Raises
    ------
    UsageError
        Different numbers of rows.
    InvalidDataError
        Too few rows, or a NaN or an infinity.

    Notes
    -----
    ``2 N^2 (D + d)`` float64 operations and ``N^2 log N`` for the ranks; memory ``48 * 512 N`` bytes.
    """
    one, other = as_vectors(vectors), as_vectors(codes, "codes")
    require_count(n_neighbours, None, "n_neighbours")
    if len(one) != len(other):
        raise UsageError(f"there are {len(one)} vectors and {len(other)} codes; expected as many of each")
    n, k = len(one), n_neighbours
    if not 2 * k < n:
        raise InvalidDataError(f"neighbourhoods of {k} need more than {2 * k} rows; found {n}")
    require_finite(one)
    require_finite(other, "codes")
    one, other = _centred(one), _centred(other)
    intruded = left = kept = 0
    for start in range(0, n, _TILE_ROWS):
        before, after = _ranks(one, start), _ranks(other, start)
        intruded += int(np.maximum(before[after <= k] - k, 0).sum())
        left += int(np.maximum(after[before <= k] - k, 0).sum())
        kept += int(np.count_nonzero((before <= k) & (after <= k)))
    scale = 2.0 / (n * k * (2 * n - 3 * k - 1))
    # A row is its own neighbour of rank 0: counted as kept and nowhere else.
    return Preservation(1 - scale * intruded, 1 - scale * left, (kept - n) / (n * k), k, n)


def _centred(rows: Vectors) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = rows - rows.mean(axis=0, dtype=np.float64)
    return centred


def _ranks(rows: NDArray[np.float64], start: int) -> NDArray[np.int64]:
    """Of every row as seen from those of a tile: 0 for itself, 1 for its nearest other row."""
    tile = rows[start : start + _TILE_ROWS]
    distances_sq = (rows**2).sum(axis=1) - 2 * tile @ rows.T
    distances_sq[np.arange(len(tile)), start + np.arange(len(tile))] = -np.inf
    order = np.argsort(distances_sq, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(rows))[None, :], axis=1)
    return ranks
