"""Mean shift by scikit-learn.

References
----------
D. Comaniciu, P. Meer, "Mean shift: a robust approach toward feature space analysis", IEEE Transactions on Pattern
Analysis and Machine Intelligence 24, 603 (2002), doi 10.1109/34.1000236.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from pipeline.errors import UsageError
from pipeline.kernels.clustering.result import Clustering, by_appearance, checked_rows

MOST_ROWS = 5000
_SAMPLE_ROWS = 1000


def mean_shift(
    vectors: ArrayLike, *, bandwidth: float | None = None, quantile: float = 0.1, seed: int = 0
) -> Clustering:
    """Cluster by the peak of density that each row climbs to; it finds the number of clusters.

    Parameters
    ----------
    vectors : array_like, [N, D]
        2 to 5,000 rows.
    bandwidth : float, optional
        Radius of the flat kernel, in the unit of the vectors. Left out: the mean distance of rows to the farthest of
        that ``quantile`` of all rows that is nearest, estimated from at most 1,000 rows.
    quantile : float
        0 to 1, neither.
    seed : int
        Of that sample.

    Returns
    -------
    Clustering
        With ``centers`` (float64 [k, D]) and the attribute ``bandwidth``.

    Raises
    ------
    UsageError, StageError, InvalidDataError
        Settings out of range, too few rows or a bandwidth that comes to 0; more than 5,000 rows; a NaN or an infinity.

    Notes
    -----
    Time ``N^2 D`` an iteration, up to 300 of them. Of equally dense peaks scikit-learn's order decides.
    """
    from sklearn.cluster import MeanShift, estimate_bandwidth

    if not 0 < quantile < 1 or not (bandwidth is None or 0 < bandwidth < math.inf):
        raise UsageError(f"bandwidth is {bandwidth} and quantile {quantile}; expected a positive number, and 0 to 1")
    reason = "every row climbs on its own through all others; take a sample"
    found = checked_rows(vectors, "mean shift", least=2, most=MOST_ROWS, reason=reason)
    if bandwidth is None:
        sample = min(_SAMPLE_ROWS, len(found.rows))
        radius = float(estimate_bandwidth(found.rows, quantile=quantile, n_samples=sample, random_state=seed))
    else:
        radius = math.ldexp(bandwidth, -found.exponent)
    if not 0 < radius < math.inf:
        raise UsageError("the bandwidth comes to 0, or to more than float64 holds; give one, or a larger quantile")
    model = MeanShift(bandwidth=radius).fit(found.rows)
    labels = by_appearance(model.labels_)
    _, first = np.unique(labels, return_index=True)
    return Clustering(
        labels,
        {"centers": found.place(model.cluster_centers_[model.labels_[first]])},
        {"bandwidth": math.ldexp(radius, found.exponent)},
    )
