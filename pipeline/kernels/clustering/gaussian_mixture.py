"""Gaussian mixtures by scikit-learn (expectation maximisation).

References
----------
A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from incomplete data via the EM algorithm", Journal of
the Royal Statistical Society B 39, 1 (1977), doi 10.1111/j.2517-6161.1977.tb01600.x.
"""

import warnings
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from pipeline.errors import UsageError
from pipeline.kernels.clustering.result import Clustering, checked_rows

Covariance = Literal["full", "tied", "diag", "spherical"]

WORK = 2e11
_REGULARISATION = 1e-6  # of variances of rows within [-2, 2]


def gaussian_mixture(
    vectors: ArrayLike,
    k: int,
    *,
    covariance: Covariance = "diag",
    n_init: int = 1,
    max_iterations: int = 100,
    tolerance: float = 1e-3,
    seed: int = 0,
) -> Clustering:
    """Fit k normal distributions and give each row to the likeliest.

    Parameters
    ----------
    vectors : array_like, [N, D]
        At least 2 rows; at most so many that ``N k D`` (``N k D^2`` with full or tied covariances) is 2e11.
    k : int
        1 to the number of distinct rows.
    covariance : {"full", "tied", "diag", "spherical"}
        A matrix each, one for all, variances of the features, or one variance each. Full ones of many features need
        many rows: reduce by principal components first.
    n_init : int
        Starts; the likeliest is kept.
    max_iterations, tolerance : int, float
        Of expectation maximisation; the gain in mean log likelihood that ends it.
    seed : int

    Returns
    -------
    Clustering
        With ``probabilities`` (float64 [N], of the row's own component), ``centers`` (float64 [k, D]) and ``weights``
        (float64 [k]); attributes ``iterations``, ``converged`` (0 or 1), ``bic`` (of the scaled rows: compare it for
        one set of vectors only). A component that is nobody's likeliest leaves its label empty.

    Raises
    ------
    UsageError, StageError, InvalidDataError
        Settings out of range; too many rows; a NaN or an infinity.

    Notes
    -----
    Variances are kept above a millionth of the squared extent. Time ``N k D`` (``N k D^2``) an iteration; memory
    ``8 N (D + 3 k)`` bytes. A row that two components claim alike goes to the first.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    if covariance not in get_args(Covariance) or n_init < 1 or max_iterations < 1 or not tolerance >= 0:
        raise UsageError(
            f"covariance is {covariance!r}, n_init {n_init}, max_iterations {max_iterations}, tolerance {tolerance}; "
            f"expected one of {', '.join(get_args(Covariance))}, positive numbers, and at least 0"
        )
    width = getattr(vectors, "shape", (0, 1))[-1]
    each = max(k, 1) * max(width, 1) ** (2 if covariance in ("full", "tied") else 1)
    found = checked_rows(
        vectors,
        "a Gaussian mixture",
        least=2,
        most=int(WORK / each),
        reason="an iteration would take minutes; take fewer principal components, diag covariances, or a sample",
        k=k,
    )
    model = GaussianMixture(
        k,
        covariance_type=covariance,
        n_init=n_init,
        max_iter=max_iterations,
        tol=tolerance,
        reg_covar=_REGULARISATION,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told as an attribute
        model.fit(found.rows)
    shares = model.predict_proba(found.rows)
    arrays = {
        "probabilities": shares.max(axis=1),
        "centers": found.place(model.means_),
        "weights": model.weights_,
    }
    attributes = {
        "iterations": int(model.n_iter_),
        "converged": int(model.converged_),
        "bic": float(model.bic(found.rows)),
    }
    return Clustering(shares.argmax(axis=1).astype(np.int32), arrays, attributes)
