"""Spectral clustering on the graph of nearest neighbours.

References
----------
A. Y. Ng, M. I. Jordan, Y. Weiss, "On spectral clustering: analysis and an algorithm", NIPS 2001, 849.
U. von Luxburg, "A tutorial on spectral clustering", Statistics and Computing 17, 395 (2007),
doi 10.1007/s11222-007-9033-z.
A. Damle, V. Minden, L. Ying, "Simple, direct and efficient multi-way spectral clustering", Information and Inference 8,
181 (2019), doi 10.1093/imaiai/iay008 (labels by pivoted QR).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr, svd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from pipeline.errors import StageError, UsageError
from pipeline.kernels.arrays import Vectors, require_count
from pipeline.kernels.clustering.result import Clustering, by_appearance, neighbour_graph_rows, require_rows

MOST_ROWS = 200_000
MOST_CLUSTERS = 1000
_ITERATIONS_A_CLUSTER = 50


def spectral(
    indices: ArrayLike, k: int, *, distances: ArrayLike | None = None, n_neighbors: int = 15, seed: int = 0
) -> Clustering:
    """Cluster rows by the leading eigenvectors of their neighbours' graph.

    Rows are linked with weight 1 where each lists the other, 1/2 where one does.

    Parameters
    ----------
    indices : array_like of int, [N, K]
        Nearest other rows, as `pipeline.kernels.neighbours.nearest.nearest_neighbours` gives them; 2 to 200,000 rows.
    k : int
        2 to 1,000, and fewer than rows.
    distances : array_like, [N, K], optional
        Of those neighbours. The graph does without; rows at distance 0 are equal, and no more clusters are found than
        there are distinct rows.
    n_neighbors : int
        Columns used.
    seed : int
        Of the vector that the iteration starts from.

    Returns
    -------
    Clustering
        With ``eigenvalues`` (float64 [k]), those of the normalised graph, largest first: the drop after the k-th tells
        how well k clusters fit.

    Raises
    ------
    UsageError
        Settings out of range, no table of neighbours, more clusters than distinct rows, or a graph of more separate
        parts than k.
    StageError
        More than 200,000 rows, or no convergence.

    Notes
    -----
    Labels by QR with pivoting of the eigenvectors: no starts, no draws. Time about ``50 k`` products of the graph,
    ``N k^2`` operations; memory ``40 N k`` bytes.
    """
    table = neighbour_graph_rows(indices, n_neighbors)
    require_rows(len(table), "spectral clustering", MOST_ROWS, "its eigenvectors would take too long; take a sample")
    require_count(k, min(MOST_CLUSTERS, len(table) - 1), "k")
    if distances is not None:
        _require_distinct(table, np.asarray(distances), k)
    if k == 1:
        return Clustering(np.zeros(len(table), dtype=np.int32), {"eigenvalues": np.ones(1)})
    graph = neighbour_graph(table)
    parts = int(connected_components(graph, directed=False, return_labels=False))
    if parts > k:
        raise UsageError(
            f"the graph of {table.shape[1]} neighbours falls into {parts} parts, more than k = {k}; "
            "take more neighbours, or a larger k"
        )
    values, vectors = _leading(graph, k, seed)
    return Clustering(by_appearance(_labels(vectors)), {"eigenvalues": values})


def _require_distinct(table: NDArray[np.int64], distances: Vectors, k: int) -> None:
    if distances.ndim != 2 or len(distances) != len(table) or distances.shape[1] < table.shape[1]:
        raise UsageError(f"distances have the shape {distances.shape}; expected [{len(table)}, {table.shape[1]}]")
    # Equal rows list the lowest of them first, so that these links join them all.
    copies, place = np.nonzero(distances[:, : table.shape[1]] == 0)
    links = csr_array((np.ones(len(copies)), (copies, table[copies, place])), shape=(len(table), len(table)))
    distinct = int(connected_components(links, directed=False, return_labels=False))
    if k > distinct:
        raise UsageError(f"k is {k}; there are only {distinct} distinct rows")


def neighbour_graph(table: NDArray[np.int64]) -> csr_array:
    """Link neighbours: weight 1 where each lists the other, 1/2 where one does; no row with itself."""
    n, width = table.shape
    rows = np.repeat(np.arange(n), width)
    links = csr_array((np.full(n * width, 0.5), (rows, table.ravel())), shape=(n, n))
    links.setdiag(0)
    links.eliminate_zeros()
    return csr_array(links + links.T)


def _leading(graph: csr_array, k: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n = graph.shape[0]
    roots = 1 / np.sqrt(np.maximum(graph.sum(axis=1), 1e-12))
    scaled = graph.multiply(roots[:, None]).multiply(roots[None]).tocsr()
    if n <= max(2 * k + 2, 200):
        values, vectors = np.linalg.eigh(scaled.toarray())
        return values[::-1][:k].copy(), vectors[:, ::-1][:, :k].copy()
    start = np.random.default_rng(seed).standard_normal(n)
    try:
        values, vectors = eigsh(
            scaled, k, which="LA", v0=start, ncv=min(max(2 * k + 20, 40), n - 1), maxiter=_ITERATIONS_A_CLUSTER * k
        )
    except ArpackNoConvergence as error:
        raise StageError(
            f"the {k} leading eigenvectors of the graph did not converge; take more neighbours or a smaller k"
        ) from error
    order = np.argsort(-values)
    return values[order], vectors[:, order]


def _labels(vectors: NDArray[np.float64]) -> NDArray[np.generic]:
    pivots = qr(vectors.T, pivoting=True, mode="r")[-1][: vectors.shape[1]]
    left, _, right = svd(vectors[pivots].T)
    labels: NDArray[np.generic] = np.abs(vectors @ (left @ right.conj())).argmax(axis=1)
    return labels
