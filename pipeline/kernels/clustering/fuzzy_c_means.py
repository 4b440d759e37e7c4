"""Fuzzy c-means: rows belong to all clusters by degrees.

References
----------
J. C. Bezdek, R. Ehrlich, W. Full, "FCM: the fuzzy c-means clustering algorithm", Computers & Geosciences 10, 191
(1984), doi 10.1016/0098-3004(84)90020-7.
R. Winkler, F. Klawonn, R. Kruse, "Fuzzy c-means in high dimensional spaces", International Journal of Fuzzy System
Applications 1, 1 (2011), doi 10.4018/ijfsa.2011010101 (centres that fall together).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import StageError, UsageError
from pipeline.kernels.clustering.result import Clustering, checked_rows

WORK = 2e11
_BLOCK_ROWS = 2048
_TOGETHER = 1e-3


def fuzzy_c_means(
    vectors: ArrayLike,
    k: int,
    *,
    fuzziness: float = 1.2,
    max_iterations: int = 300,
    tolerance: float = 1e-5,
    seed: int = 0,
) -> Clustering:
    """Minimise the sum over rows and clusters of membership**fuzziness times squared distance.

    Parameters
    ----------
    vectors : array_like, [N, D]
        At most so many rows that ``N k D`` is 2e11.
    k : int
        1 to the number of distinct rows.
    fuzziness : float
        Above 1; near 1 is k-means. The usual 2 lets all centres fall together in many features (see the second
        reference), which is refused as no partition.
    max_iterations, tolerance : int, float
        It ends when no centre moves farther than ``tolerance`` of the largest extent.
    seed : int
        Of the start (k-means++).

    Returns
    -------
    Clustering
        Labels are the largest membership, the first of equals; with ``memberships`` (float32 [N, k]) and ``centers``
        (float64 [k, D]); attributes ``iterations``, ``converged`` (0 or 1).

    Raises
    ------
    UsageError, InvalidDataError
        Settings out of range; a NaN or an infinity.
    StageError
        Too many rows, or centres that fell together.

    Notes
    -----
    A row at a centre belongs to it alone (to several at one place alike). Sums over blocks of 2,048 rows in their
    order, float64. Time ``4 N k D`` an iteration; memory ``4 N k + 8 N D`` bytes.
    """
    from sklearn.cluster import kmeans_plusplus

    if not 1 < fuzziness < np.inf or max_iterations < 1 or not tolerance >= 0:
        raise UsageError(
            f"fuzziness is {fuzziness}, max_iterations {max_iterations} and tolerance {tolerance}; expected above 1, "
            "at least 1, and at least 0"
        )
    width = getattr(vectors, "shape", (0, 1))[-1]
    reason = "an iteration would take minutes; take k-means, or a sample"
    most = int(WORK / (max(k, 1) * max(width, 1)))
    found = checked_rows(vectors, "fuzzy c-means", most=most, reason=reason, k=k)
    centers = np.array(kmeans_plusplus(found.rows, k, random_state=seed)[0])
    iterations, moved = 0, np.inf
    while iterations < max_iterations and moved > tolerance:
        iterations += 1
        updated = _updated(found.rows, centers, fuzziness)
        moved = float(np.sqrt(((updated - centers) ** 2).sum(axis=1)).max())
        centers = updated
    _require_apart(found.rows, centers, fuzziness)
    memberships = np.empty((len(found.rows), k), dtype=np.float32)
    for start in range(0, len(memberships), _BLOCK_ROWS):
        part = slice(start, start + _BLOCK_ROWS)
        memberships[part] = _memberships(found.rows[part], centers, fuzziness)
    return Clustering(
        memberships.argmax(axis=1).astype(np.int32),
        {"memberships": memberships, "centers": found.place(centers)},
        {"iterations": iterations, "converged": int(moved <= tolerance)},
    )


def _memberships(rows: NDArray[np.float64], centers: NDArray[np.float64], fuzziness: float) -> NDArray[np.float64]:
    norms = np.einsum("ij,ij->i", rows, rows)[:, None] + np.einsum("ij,ij->i", centers, centers)
    distances_sq = norms - 2 * (rows @ centers.T)
    # What the expansion cannot tell from zero is at the centre.
    distances_sq = np.where(distances_sq > 1e-13 * norms, distances_sq, 0.0)
    least = distances_sq.min(axis=1, keepdims=True)
    at_center = distances_sq == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        degrees = (least / distances_sq) ** (1 / (fuzziness - 1))
    degrees = np.where(at_center.any(axis=1, keepdims=True), at_center, degrees)
    shares: NDArray[np.float64] = degrees / degrees.sum(axis=1, keepdims=True)
    return shares


def _updated(rows: NDArray[np.float64], centers: NDArray[np.float64], fuzziness: float) -> NDArray[np.float64]:
    sums, weights = np.zeros_like(centers), np.zeros(len(centers))
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = rows[start : start + _BLOCK_ROWS]
        degrees = _memberships(block, centers, fuzziness) ** fuzziness
        sums += degrees.T @ block
        weights += degrees.sum(axis=0)
    # A centre to which nothing belongs at all stays where it is.
    return np.where(weights[:, None] > 0, sums / np.maximum(weights, 1e-300)[:, None], centers)


def _require_apart(rows: NDArray[np.float64], centers: NDArray[np.float64], fuzziness: float) -> None:
    spread = float(np.sqrt(np.einsum("ij,ij->i", rows, rows).mean()))
    for place, center in enumerate(centers[:-1]):
        nearest = float(np.sqrt(((centers[place + 1 :] - center) ** 2).sum(axis=1).min()))
        if nearest < _TOGETHER * spread:
            raise StageError(
                f"centres of fuzzy c-means fell together at fuzziness {fuzziness}: there are fewer than "
                f"{len(centers)} clusters to tell apart; take a fuzziness nearer to 1, fewer features or a smaller k"
            )
