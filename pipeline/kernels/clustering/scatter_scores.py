"""Scores of a labelling without known labels, linear in the rows: Davies-Bouldin and Calinski-Harabasz.

References
----------
D. L. Davies, D. W. Bouldin, "A cluster separation measure", IEEE Transactions on Pattern Analysis and Machine
Intelligence 1, 224 (1979), doi 10.1109/TPAMI.1979.4766909.
T. Calinski, J. Harabasz, "A dendrite method for cluster analysis", Communications in Statistics 3, 1 (1974),
doi 10.1080/03610927408827101.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import Vectors, as_codes, as_vectors, require_finite
from pipeline.kernels.clustering.points import centred_rows
from pipeline.kernels.compiled import compiled

_BLOCK_ROWS = 2048


@dataclass(frozen=True, slots=True)
class ScatterScores:
    """How tight clusters are beside how far apart.

    Attributes
    ----------
    davies_bouldin : float
        Mean over the clusters of the worst ``(s_i + s_j) / d_ij``, s being the mean distance to the centre and d the
        distance of centres: at least 0, the lower the better; infinite where two centres coincide.
    calinski_harabasz : float
        Scatter between over scatter within clusters, each over its degrees of freedom: the higher the better; infinite
        where every row equals its centre.
    n_noise : int
        Rows of a negative label, left out of both.
    """

    davies_bouldin: float
    calinski_harabasz: float
    n_noise: int


def scatter_scores(vectors: ArrayLike, labels: ArrayLike) -> ScatterScores:
    """Score a labelling by the scatter about the centres, in float64 and two passes.

    Parameters
    ----------
    vectors : array_like, [N, D]
    labels : array_like of int, [N]
        Negative is noise. At least 2 clusters, fewer than there are labelled rows.

    Raises
    ------
    UsageError
        Labels of another length or not of integers, too few or too many clusters.
    InvalidDataError
        A NaN or an infinity.

    Notes
    -----
    Time ``N D + k^2 D``; memory a copy of the vectors, and ``8 k D + 8 k^2`` bytes.
    """
    array = as_vectors(vectors)
    require_finite(array)
    given = np.asarray(labels)
    if given.shape != (len(array),) or given.dtype.kind not in "iu":
        raise UsageError(f"labels are {given.dtype} of the shape {given.shape}; expected integers, [{len(array)}]")
    kept = np.flatnonzero(given >= 0)
    codes, clusters = as_codes(given[kept])
    k = len(clusters)
    if not 2 <= k < len(kept):
        raise UsageError(f"there are {k} clusters of {len(kept)} labelled rows; expected 2 to {len(kept) - 1}")
    rows = centred_rows(array)
    counts = np.bincount(codes)
    centers = np.zeros((k, rows.shape[1]))
    _add_rows(rows, kept, codes, centers)
    centers /= counts[:, None]
    spread, within = np.zeros(k), np.zeros(k)
    for start in range(0, len(kept), _BLOCK_ROWS):
        part = slice(start, start + _BLOCK_ROWS)
        difference = rows[kept[part]] - centers[codes[part]]
        distance_sq = np.einsum("ij,ij->i", difference, difference)
        spread += np.bincount(codes[part], np.sqrt(distance_sq), minlength=k)
        within += np.bincount(codes[part], distance_sq, minlength=k)
    between = centers - (counts[:, None] * centers).sum(axis=0) / len(kept)
    scatter = float((counts * np.einsum("ij,ij->i", between, between)).sum())
    inside = float(within.sum())
    ratio = scatter / inside * (len(kept) - k) / (k - 1) if inside > 0 else np.inf
    return ScatterScores(_davies_bouldin(centers, spread / counts), ratio, len(array) - len(kept))


@compiled
def _add_rows(rows: Vectors, kept: NDArray[np.int64], codes: NDArray[np.int64], sums: NDArray[np.float64]) -> None:
    for place in range(kept.shape[0]):
        total, row = sums[codes[place]], rows[kept[place]]
        for feature in range(row.shape[0]):
            total[feature] += row[feature]


def _davies_bouldin(centers: NDArray[np.float64], spread: NDArray[np.float64]) -> float:
    worst = np.zeros(len(centers))
    for cluster, center in enumerate(centers):
        apart = np.sqrt(((centers - center) ** 2).sum(axis=1))
        wide = spread + spread[cluster]
        ratios = np.full(len(centers), np.inf)
        np.divide(wide, apart, out=ratios, where=apart > 0)
        ratios[(wide == 0) & (apart > 0)] = 0
        ratios[cluster] = 0
        worst[cluster] = ratios.max()
    return float(worst.mean())
