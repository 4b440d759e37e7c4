"""DBSCAN by scikit-learn: what is within reach of dense rows.

References
----------
M. Ester, H.-P. Kriegel, J. Sander, X. Xu, "A density-based algorithm for discovering clusters in large spatial
databases with noise", KDD 1996, 226.
E. Schubert et al., "DBSCAN revisited, revisited", ACM Transactions on Database Systems 42, 19 (2017),
doi 10.1145/3068335.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import StageError, UsageError
from pipeline.kernels.clustering.result import Clustering, by_appearance, checked_rows, rows_for
from pipeline.kernels.neighbours.nearest import nearest_neighbours, query_neighbours

WORK = 3e12
MOST_ROWS = 60_000
_REACH_QUANTILE = 0.9
_SAMPLE_ROWS = 256
_MOST_PAIRS = 1 << 27


def dbscan(vectors: ArrayLike, *, eps: float | None = None, min_samples: int = 5) -> Clustering:
    """Cluster by reach: rows with enough others within ``eps`` are dense; clusters are what these reach.

    Parameters
    ----------
    vectors : array_like, [N, D]
        At least 2 rows, at most 60,000 and so many that ``N^2 D`` is 3e12: 54,000 of 1,000 features.
    eps : float, optional
        In the unit of the vectors. Left out: the distance that nine rows in ten have to their
        ``min_samples - 1``-th neighbour at most, so that at most a tenth of the rows is not dense.
    min_samples : int
        Rows within ``eps``, the row itself counted, that make it dense.

    Returns
    -------
    Clustering
        With ``core`` (bool [N]): which rows are dense; and the attribute ``eps``.

    Raises
    ------
    UsageError, StageError, InvalidDataError
        Settings out of range or too few rows; too many rows, or so wide an ``eps`` that more than 2**27 pairs lie
        within it; a NaN or an infinity.

    Notes
    -----
    A row in reach of several clusters goes to the one whose first dense row is lowest. Time ``N^2 D``; memory 16 bytes
    a pair within ``eps``.
    """
    from sklearn.cluster import DBSCAN

    if min_samples < 1 or (eps is not None and not 0 < eps < math.inf):
        raise UsageError(f"eps is {eps} and min_samples {min_samples}; expected a positive number and at least 1")
    width = getattr(vectors, "shape", (0, 1))[-1]
    found = checked_rows(
        vectors,
        "DBSCAN",
        least=2,
        most=rows_for(WORK, max(width, 1), MOST_ROWS),
        reason="it looks at all pairs; take fewer principal components, or a sample",
    )
    reach = _usual_reach(found.rows, min_samples) if eps is None else math.ldexp(eps, -found.exponent)
    if not 0 < reach < math.inf:
        raise UsageError(
            f"eps comes to {math.ldexp(reach, found.exponent):.3g}; give a positive one in the vectors' unit"
        )
    _require_few_pairs(found.rows, reach)
    algorithm = "auto" if found.rows.shape[1] <= 16 else "brute"
    model = DBSCAN(eps=reach, min_samples=min_samples, algorithm=algorithm).fit(found.rows)
    core = np.zeros(len(found.rows), dtype=np.bool_)
    core[model.core_sample_indices_] = True
    return Clustering(by_appearance(model.labels_), {"core": core}, {"eps": math.ldexp(reach, found.exponent)})


def _usual_reach(rows: NDArray[np.float64], min_samples: int) -> float:
    distances = nearest_neighbours(rows, max(min(min_samples, len(rows)) - 1, 1))[1][:, -1]
    # Table distances are float32: a reach just below the distance it stands for would cut that row off.
    return float(np.quantile(distances, _REACH_QUANTILE)) * (1 + 1e-6)


def _require_few_pairs(rows: NDArray[np.float64], reach: float) -> None:
    sample = rows[np.unique(np.linspace(0, len(rows) - 1, min(_SAMPLE_ROWS, len(rows))).astype(np.int64))]
    columns = min(len(rows), 1 + 2 * _MOST_PAIRS // len(rows))
    within = (query_neighbours(sample, rows, columns)[1] <= reach).sum(axis=1).mean()
    if within * len(rows) > _MOST_PAIRS:
        raise StageError(
            f"some {within * len(rows):.2g} pairs of rows lie within eps, more than {_MOST_PAIRS:.2g} that are kept at "
            "a time; take a smaller eps, or a sample"
        )
