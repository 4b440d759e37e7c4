"""k-means of vectors in memory: `minibatch_kmeans`, and exact assignment to centres."""

from numpy.typing import ArrayLike

from pipeline.errors import UsageError
from pipeline.kernels.arrays import as_vectors, require_count
from pipeline.kernels.clustering.assignment import assign_to_centers
from pipeline.kernels.clustering.blockwise_kmeans import MAX_SWEEPS, KMeansResult, k_means
from pipeline.kernels.clustering.lloyd import ArrayReader

__all__ = ["KMeansResult", "assign_to_centers", "minibatch_kmeans"]


def minibatch_kmeans(
    vectors: ArrayLike,
    k: int,
    *,
    seed: int,
    batch_size: int | None = None,
    max_epochs: int = MAX_SWEEPS,
    n_init: int | None = None,
    centers: ArrayLike | None = None,
    tolerance: float | None = None,
) -> KMeansResult:
    """Cluster rows into ``k`` clusters, none of them empty: some starts on a large batch, then full sweeps.

    Parameters
    ----------
    vectors : array_like, [N, D]
    k : int
        1 to the number of distinct rows.
    seed : int
        0 to 2**32 - 1.
    batch_size : int, optional
        Rows that starts are tried on, k at least. None: 256 a cluster and at least 32,768, at most 256 MiB.
    max_epochs : int
        At most so many sweeps over all rows move the centres.
    n_init : int, optional
        Starts; None: two to twenty, as many as cost about half a second.
    centers : array_like, [k, D], optional
        Begin from these instead, without starts.
    tolerance : float, optional
        It ends when at most this share of the rows changed their label. None: 0 where a sweep costs at most 2^32
        multiply-adds (a twentieth of a second), else 0.001.

    Returns
    -------
    KMeansResult

    Raises
    ------
    UsageError
        No rows, ``k`` larger than their number, or an option out of range.
    InvalidDataError
        Fewer than ``k`` distinct rows (the number is given), a NaN or an infinity, or distances that do not fit into
        float32.

    Notes
    -----
    Cost: `pipeline.kernels.clustering.blockwise_kmeans.k_means`, which does the same over blocks read from anywhere.
    """
    array = as_vectors(vectors)
    require_count(k, max(len(array), 1), "k")
    if max_epochs < 1:
        raise UsageError(f"max_epochs is {max_epochs}; expected at least 1")
    given = None if centers is None else as_vectors(centers, "centers")
    return k_means(
        ArrayReader(array),
        len(array),
        [k],
        seed=seed,
        centers=[given],
        n_starts=n_init,
        sample_rows=batch_size,
        max_sweeps=max_epochs,
        tolerance=tolerance,
    )[0]
