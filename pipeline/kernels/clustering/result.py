"""What a method of clustering gives back, and what it asks of its input."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import StageError, UsageError
from pipeline.kernels.arrays import Vectors, as_vectors, require_count, require_finite
from pipeline.kernels.clustering.points import group_equal_rows, scaled_rows


@dataclass(frozen=True, slots=True)
class Clustering:
    """One partition.

    Attributes
    ----------
    labels : int32 [N]
        0 to k - 1, -1 for noise.
    arrays : dict
        What the method adds: centres, probabilities, ...; named in its docstring.
    attributes : dict
        Numbers that belong to it: iterations, likelihood, the width that was chosen, ...
    """

    labels: NDArray[np.int32]
    arrays: dict[str, NDArray[np.generic]] = field(default_factory=dict)
    attributes: dict[str, float | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScaledRows:
    """Float64 rows about the origin and within [-2, 2], so that no square overflows.

    Attributes
    ----------
    rows : float64 [N, D]
    exponent : int
        A length of the vectors given is one of ``rows`` times ``2**exponent``.
    origin : float64 [D]
        In the unit of the vectors given.
    """

    rows: NDArray[np.float64]
    exponent: int
    origin: NDArray[np.float64]

    def place(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points among ``rows``, as they lie among the vectors given."""
        placed: NDArray[np.float64] = np.ldexp(points, self.exponent) + self.origin
        return placed


def checked_rows(
    vectors: ArrayLike, method: str, *, least: int = 1, most: int, reason: str, k: int | None = None
) -> ScaledRows:
    """Check vectors before a method sees them.

    Parameters
    ----------
    vectors : array_like, [N, D]
    method : str
        For messages.
    least, most : int
        Rows that the method needs, and can take.
    reason : str
        Why no more, and what to do instead.
    k : int, optional
        Clusters wanted: at most the distinct rows.

    Raises
    ------
    UsageError
        Too few rows, ``k`` out of range, no matrix of real numbers.
    StageError
        Too many rows.
    InvalidDataError
        A NaN or an infinity.
    """
    array = as_vectors(vectors)
    if len(array) < least:
        raise UsageError(f"{method} needs at least {least} rows; found {len(array)}")
    require_rows(len(array), method, most, reason)
    require_finite(array)
    if k is not None:
        require_clusters(array, k)
    return ScaledRows(*scaled_rows(array))


def require_rows(n_rows: int, method: str, most: int, reason: str) -> None:
    """Raise `StageError` where a method is given more rows than it can take."""
    if n_rows > most:
        raise StageError(f"{method} takes at most {most:,} rows; found {n_rows:,}: {reason}")


def require_clusters(array: Vectors, k: int) -> None:
    """Raise `UsageError` unless k is 1 to the number of distinct rows."""
    require_count(k, len(array), "k")
    if k > 1 and (distinct := len(group_equal_rows(array)[1])) < k:
        raise UsageError(f"k is {k}; there are only {distinct} distinct rows")


def rows_for(operations: float, width: int, most: int) -> int:
    """How many rows a method of ``N^2 D`` operations may take."""
    return min(most, int(math.sqrt(operations / width)))


def neighbour_graph_rows(indices: ArrayLike, n_neighbors: int) -> NDArray[np.int64]:
    """The first columns of a table of neighbours, checked.

    Raises
    ------
    UsageError
        Not a table of row numbers, or fewer columns than asked for (unless these are all other rows).
    """
    table = np.asarray(indices)
    if table.ndim != 2 or table.dtype.kind not in "iu" or len(table) < 2:
        raise UsageError(f"neighbours are {table.dtype} of the shape {table.shape}; expected integers, [N, K], N > 1")
    require_count(n_neighbors, None, "n_neighbors")
    wanted = min(n_neighbors, len(table) - 1)
    if table.shape[1] < wanted:
        raise UsageError(f"there are {table.shape[1]} neighbours a row; expected {wanted}: give a wider table")
    chosen = table[:, :wanted].astype(np.int64)
    if chosen.min() < 0 or chosen.max() >= len(table):
        raise UsageError(f"neighbours are no row numbers; expected 0 to {len(table) - 1}")
    return chosen


def by_appearance(labels: NDArray[Any]) -> NDArray[np.int32]:
    """Number clusters in the order of their first rows; negative ones become -1."""
    renamed = np.full(len(labels), -1, dtype=np.int32)
    kept = labels >= 0
    _, first, codes = np.unique(labels[kept], return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.argsort(first)] = np.arange(len(first))
    renamed[kept] = rank[codes]
    return renamed
