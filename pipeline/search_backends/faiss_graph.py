"""Approximate nearest neighbours by FAISS's HNSW graph, with their recall measured: for sets too large for exactness.

FAISS is an optional dependency (``pip install "semcorpus[approximate]"``). It was chosen by measurement among those
that are kept well (`benchmarks.neighbours`). The graph is built on one thread in the order of the rows, so that the
same vectors give the same lists; the distances of what it finds are evaluated anew in float64, and equal ones are
ordered by row number, as the exact search does.

References
----------
Yu. A. Malkov, D. A. Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable
small world graphs", IEEE Trans. PAMI 42, 824 (2020), doi 10.1109/TPAMI.2018.2889473.
"""

import importlib.metadata
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import Vectors, as_vectors, require_count, require_finite
from pipeline.kernels.neighbours.directions import unit_rows
from pipeline.kernels.neighbours.exact_search import exact_search, find_frame
from pipeline.kernels.neighbours.lists import NeighbourLists, evaluated_lists
from pipeline.kernels.neighbours.nearest import Metric

_BUILDING_BREADTH = 200
_RECALL_ROWS = 500
_QUERY_ROWS = 8192


@dataclass(frozen=True, slots=True)
class ApproximateNeighbours:
    """What was found, how, and how much of the truth it holds.

    Attributes
    ----------
    lists : NeighbourLists
        Row numbers and squared distances (of directions, for the cosine).
    method : str
        Library, version and parameters.
    recall : float
        Share of the true neighbours that the sampled rows' lists hold: those no farther than the true k-th.
    recall_rows : int
        Rows sampled, evenly spaced.
    """

    lists: NeighbourLists
    method: str
    recall: float
    recall_rows: int


def approximate_neighbours(
    vectors: ArrayLike, k: int, *, metric: Metric = "euclidean", links: int = 32, breadth: int = 200
) -> ApproximateNeighbours:
    """Find about the ``k`` nearest other rows of every row.

    Parameters
    ----------
    vectors : array_like, [N, D]
        At least ``k + 1`` rows.
    k : int
    metric : {"euclidean", "cosine"}
    links : int
        Of a row in the graph (M).
    breadth : int
        Of the search (ef); at least ``2 k`` is taken.

    Raises
    ------
    UsageError
        FAISS is not installed, or ``k`` is not less than the number of rows.
    InvalidDataError
        A NaN or an infinity; with the cosine also a row of zeros.

    Notes
    -----
    Time about ``N log N``, on one thread; memory ``4 N D`` bytes for FAISS's copy, ``8 N M`` for the graph and
    ``16 N k``. A row whose search ends with fewer than k rows is searched exactly. Recall costs ``2 * 500 N D``
    operations.
    """
    library = require_faiss()
    array = as_vectors(vectors)
    require_count(k, len(array) - 1, "k")
    require_finite(array)
    array = unit_rows(array) if metric == "cosine" else array
    breadth = max(breadth, 2 * k)
    found = _found(library, array, k, links, breadth)
    lists = evaluated_lists(array, found, k)
    _complete(array, lists, k)
    recall, n_sampled = _recall(array, lists, k)
    version = importlib.metadata.version("faiss-cpu")
    method = f"FAISS {version} HNSW, M = {links}, ef = {_BUILDING_BREADTH} building and {breadth} searching"
    return ApproximateNeighbours(lists, method, recall, n_sampled)


def require_faiss() -> object:
    """Import FAISS, or say how to get it."""
    try:
        import faiss
    except ImportError as error:
        raise UsageError(
            'Approximate neighbours need FAISS, which is not installed: pip install "semcorpus[approximate]" (the '
            "package faiss-cpu), or set neighbours.approximate_above = 0 to search exactly."
        ) from error
    return faiss


def _found(library: Any, array: Vectors, k: int, links: int, breadth: int) -> NDArray[np.int64]:
    rows = np.ascontiguousarray(array, dtype=np.float32)
    threads = library.omp_get_max_threads()
    library.omp_set_num_threads(1)  # rows inserted side by side would make another graph every time
    try:
        index = library.IndexHNSWFlat(rows.shape[1], links)
        index.hnsw.efConstruction, index.hnsw.efSearch = _BUILDING_BREADTH, breadth
        index.add(rows)
        found: NDArray[np.int64] = np.concatenate(
            [index.search(rows[start : start + _QUERY_ROWS], k + 1)[1] for start in range(0, len(rows), _QUERY_ROWS)]
        )
    finally:
        library.omp_set_num_threads(threads)
    return found


def _complete(array: Vectors, lists: NeighbourLists, k: int) -> None:
    short = np.flatnonzero(lists.ids[:, -1] < 0)
    if len(short):
        rows, distances_sq = exact_search(array[short], array, k, frame=find_frame(array), own_rows=short)
        lists.ids[short], lists.distances_sq[short] = rows, distances_sq


def _recall(array: Vectors, lists: NeighbourLists, k: int) -> tuple[float, int]:
    sample = np.unique(np.linspace(0, len(array) - 1, min(_RECALL_ROWS, len(array))).astype(np.int64))
    _, true = exact_search(array[sample], array, k, frame=find_frame(array), own_rows=sample)
    right = lists.distances_sq[sample] <= true[:, -1:]
    return float(right.mean()), len(sample)
