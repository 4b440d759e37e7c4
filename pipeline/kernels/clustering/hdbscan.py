"""HDBSCAN by scikit-learn: clusters that persist over densities, the rest noise.

References
----------
R. J. G. B. Campello, D. Moulavi, J. Sander, "Density-based clustering based on hierarchical density estimates",
PAKDD 2013, 160, doi 10.1007/978-3-642-37456-2_14.
"""

from typing import Literal

from numpy.typing import ArrayLike

from pipeline.errors import UsageError
from pipeline.kernels.clustering.result import Clustering, by_appearance, checked_rows, rows_for

WORK = 1e11
MOST_ROWS = 60_000


def hdbscan(
    vectors: ArrayLike,
    *,
    min_cluster_size: int = 15,
    min_samples: int | None = None,
    selection: Literal["eom", "leaf"] = "eom",
) -> Clustering:
    """Cluster by density at all scales.

    Parameters
    ----------
    vectors : array_like, [N, D]
        At least ``min_cluster_size`` rows, at most 60,000 and so many that ``N^2 D`` is 1e11: 10,000 of 1,000 features.
    min_cluster_size : int
        Smaller groups are noise.
    min_samples : int, optional
        Neighbours that the density is estimated from, the row itself counted; ``min_cluster_size`` if left out.
    selection : {"eom", "leaf"}
        The most persistent clusters, or the smallest ones.

    Returns
    -------
    Clustering
        With ``probabilities`` (float64 [N]): how firmly a row belongs to its cluster, 0 for noise.

    Raises
    ------
    UsageError, StageError, InvalidDataError
        Settings out of range or too few rows; too many rows; a NaN or an infinity.

    Notes
    -----
    Deterministic; of equal distances scikit-learn's sort decides. Time up to ``N^2 D``; memory a few copies.
    """
    from sklearn.cluster import HDBSCAN

    if min_cluster_size < 2 or (min_samples is not None and min_samples < 1) or selection not in ("eom", "leaf"):
        raise UsageError(
            f"min_cluster_size is {min_cluster_size}, min_samples {min_samples} and selection {selection!r}; expected "
            "at least 2, at least 1, and eom or leaf"
        )
    width = getattr(vectors, "shape", (0, 1))[-1]
    found = checked_rows(
        vectors,
        "HDBSCAN",
        least=max(min_cluster_size, min_samples or 1),
        most=rows_for(WORK, max(width, 1), MOST_ROWS),
        reason="its search takes N^2 D operations; take fewer principal components, or a sample",
    )
    model = HDBSCAN(
        min_cluster_size=min_cluster_size, min_samples=min_samples, cluster_selection_method=selection, copy=True
    ).fit(found.rows)
    return Clustering(by_appearance(model.labels_), {"probabilities": model.probabilities_})
