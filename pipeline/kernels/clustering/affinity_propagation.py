"""Affinity propagation by scikit-learn.

References
----------
B. J. Frey, D. Dueck, "Clustering by passing messages between data points", Science 315, 972 (2007),
doi 10.1126/science.1136800.
"""

import math
import warnings

import numpy as np
from numpy.typing import ArrayLike

from pipeline.errors import StageError, UsageError
from pipeline.kernels.clustering.result import Clustering, checked_rows

MOST_ROWS = 5000


def affinity_propagation(
    vectors: ArrayLike,
    *,
    preference: float | None = None,
    damping: float = 0.9,
    max_iterations: int = 500,
    seed: int = 0,
) -> Clustering:
    """Cluster by exemplars that rows agree on; it finds the number of clusters.

    Parameters
    ----------
    vectors : array_like, [N, D]
        2 to 5,000 rows.
    preference : float, optional
        Minus the squared distance at which a row rather is an exemplar itself, in the square of the vectors' unit: the
        lower, the fewer clusters. The median of all similarities if left out.
    damping : float
        0.5 to 1 (not 1); larger is slower and steadier.
    max_iterations : int
    seed : int
        Of the noise that breaks ties.

    Returns
    -------
    Clustering
        With ``exemplars`` (int64 [k], rows) and the attribute ``iterations``.

    Raises
    ------
    UsageError, InvalidDataError
        Settings out of range or too few rows; a NaN or an infinity.
    StageError
        More than 5,000 rows, all distances equal, or no convergence: an unconverged state is no partition.

    Notes
    -----
    Time ``N^2`` an iteration, memory ``32 N^2`` bytes.
    """
    from sklearn.cluster import AffinityPropagation
    from sklearn.exceptions import ConvergenceWarning

    if not 0.5 <= damping < 1 or max_iterations < 1 or not (preference is None or math.isfinite(preference)):
        raise UsageError(
            f"damping is {damping}, max_iterations {max_iterations} and preference {preference}; expected 0.5 to 1, "
            "at least 1, and a number"
        )
    reason = "it holds four N x N matrices; take a sample"
    found = checked_rows(vectors, "affinity propagation", least=2, most=MOST_ROWS, reason=reason)
    scaled = None if preference is None else math.ldexp(preference, -2 * found.exponent)
    model = AffinityPropagation(
        damping=damping, max_iter=max_iterations, preference=scaled, random_state=seed, copy=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)  # told below
        try:
            model.fit(found.rows)
        except UserWarning as error:
            raise StageError("all rows are equally far from each other: none is a better exemplar") from error
    if len(model.cluster_centers_indices_) == 0 or model.n_iter_ >= max_iterations or (model.labels_ < 0).any():
        raise StageError(
            f"affinity propagation did not settle in {max_iterations} iterations; take more of them, more damping than "
            f"{damping}, or a lower preference"
        )
    return Clustering(
        model.labels_.astype(np.int32),
        {"exemplars": model.cluster_centers_indices_.astype(np.int64)},
        {"iterations": int(model.n_iter_)},
    )
