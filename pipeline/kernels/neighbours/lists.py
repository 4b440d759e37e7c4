"""Lists of nearest neighbours as partial results: from any two sets of rows, and merged in any order.

Every list holds true distances, so merging is associative, commutative and idempotent, and the lists of all pairs of
blocks merge to the very bits of one search of all rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import Vectors
from pipeline.kernels.compiled import compiled
from pipeline.kernels.neighbours.certified_search import certified_neighbours, memory_bytes, prepare_search
from pipeline.kernels.neighbours.exact_search import squared_distances

Search = Callable[[Vectors, int, int | None, NDArray[np.float64] | None], tuple[NDArray[np.int64], NDArray[np.float64]]]
"""``(vectors, k, split, reach)`` to rows and squared distances, as `certified_neighbours` gives them."""


@dataclass(frozen=True, slots=True)
class NeighbourLists:
    """The nearest of those rows that were looked at.

    Attributes
    ----------
    ids : int64 [N, k]
        Nearest first, equal distances by id; -1 where fewer than ``k`` were found.
    distances_sq : float64 [N, k]
        Infinity where the id is -1.
    """

    ids: NDArray[np.int64]
    distances_sq: NDArray[np.float64]

    @classmethod
    def empty(cls, n_rows: int, k: int) -> "NeighbourLists":
        """Nothing found yet: the identity of `merge_lists`."""
        return cls(np.full((n_rows, k), -1, dtype=np.int64), np.full((n_rows, k), np.inf))


def search_exactly(
    vectors: Vectors, k: int, split: int | None = None, reach: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Search in the way that suits the rows, on one thread: a `Search`."""
    prepared = prepare_search(vectors, k, split=split, reach=reach)
    return certified_neighbours(vectors, k, prepared, split=split, reach=reach)


def lists_within(
    vectors: Vectors, ids: NDArray[np.int64], k: int, *, search: Search = search_exactly
) -> NeighbourLists:
    """The nearest other rows of every row of one set.

    Parameters
    ----------
    vectors : float32 or float64 [N, D]
    ids : int64 [N]
        What to call the rows; ascending, so that ties by row number are ties by id.
    k : int
    search : callable
    """
    if len(vectors) < 2:
        return NeighbourLists.empty(len(vectors), k)
    return _named(*search(vectors, k, None, None), ids)


def lists_between(
    ones: Vectors,
    one_ids: NDArray[np.int64],
    others: Vectors,
    other_ids: NDArray[np.int64],
    k: int,
    *,
    reach: NDArray[np.float64] | None = None,
    search: Search = search_exactly,
) -> tuple[NeighbourLists, NeighbourLists]:
    """The nearest rows of two sets in each other, computing each pair once.

    ``reach`` (float64, of the one set's rows and then of the other's) are squared distances within which each row knows
    ``k`` others already: what is farther may be left out. It decides the speed, never what lists merge to.

    Both sets' ids ascend; a row of one set that has a higher id than one of the other may come before it.

    Notes
    -----
    Memory: `pair_memory_bytes` of the longer set's rows.
    """
    if ones.shape[1] != others.shape[1]:
        raise UsageError(f"rows have {ones.shape[1]} and {others.shape[1]} features; expected the same number")
    if len(ones) == 0 or len(others) == 0:
        return NeighbourLists.empty(len(ones), k), NeighbourLists.empty(len(others), k)
    split = len(ones)
    rows, distances_sq = search(np.concatenate([ones, others]), k, split, reach)
    found = _named(rows, distances_sq, np.concatenate([one_ids, other_ids]))
    return (
        NeighbourLists(found.ids[:split], found.distances_sq[:split]),
        NeighbourLists(found.ids[split:], found.distances_sq[split:]),
    )


def _named(rows: NDArray[np.int64], distances_sq: NDArray[np.float64], ids: NDArray[np.int64]) -> NeighbourLists:
    return NeighbourLists(np.where(rows >= 0, ids[rows], -1), distances_sq)


def merge_lists(one: NeighbourLists, other: NeighbourLists) -> NeighbourLists:
    """The ``k`` nearest of both, by distance and then id; an id in both counts once.

    Raises
    ------
    UsageError
        Lists of different shapes.
    """
    if one.ids.shape != other.ids.shape:
        raise UsageError(f"lists of {one.ids.shape} and {other.ids.shape} cannot be merged; expected the same shape")
    merged = NeighbourLists.empty(*one.ids.shape)
    _merge(
        np.ascontiguousarray(one.ids),
        np.ascontiguousarray(one.distances_sq),
        np.ascontiguousarray(other.ids),
        np.ascontiguousarray(other.distances_sq),
        merged.ids,
        merged.distances_sq,
    )
    return merged


@compiled
def _merge(
    ids: NDArray[np.int64],
    distances_sq: NDArray[np.float64],
    other_ids: NDArray[np.int64],
    other_distances_sq: NDArray[np.float64],
    merged_ids: NDArray[np.int64],
    merged_distances_sq: NDArray[np.float64],
) -> None:
    k = ids.shape[1]
    for row in range(ids.shape[0]):
        i = j = 0
        for place in range(k):
            one, other = distances_sq[row, i], other_distances_sq[row, j]
            same = ids[row, i] == other_ids[row, j]
            if one < other or (one == other and (ids[row, i] <= other_ids[row, j])):
                merged_ids[row, place], merged_distances_sq[row, place] = ids[row, i], one
                i += 1
                j += same
            else:
                merged_ids[row, place], merged_distances_sq[row, place] = other_ids[row, j], other
                j += 1


def pair_memory_bytes(block_rows: int, width: int, k: int) -> int:
    """The most that searching two blocks of so many rows takes, their rows included.

    ``16 B D`` bytes for the rows and their copy side by side (float32), and
    `pipeline.kernels.neighbours.certified_search.memory_bytes` of ``2 B`` rows.
    """
    return 16 * block_rows * width + memory_bytes(2 * block_rows, width, k)


def evaluated_lists(vectors: Vectors, candidates: NDArray[np.int64], k: int) -> NeighbourLists:
    """The ``k`` nearest of each row's candidates, by distances in float64, equal ones by row number.

    Parameters
    ----------
    vectors : float32 or float64 [N, D]
    candidates : int64 [N, C]
        Row numbers, in any order; negative ones, the row itself and repeated ones count for nothing.
    k : int
    """
    lists = NeighbourLists.empty(len(vectors), k)
    view = vectors.view()
    view.flags.writeable = False
    _evaluate(view, np.sort(candidates, axis=1), lists.ids, lists.distances_sq)
    return lists


@compiled
def _evaluate(
    vectors: Vectors, candidates: NDArray[np.int64], ids: NDArray[np.int64], distances_sq: NDArray[np.float64]
) -> None:
    k = ids.shape[1]
    exact = np.empty(candidates.shape[1])
    found = np.empty(candidates.shape[1], dtype=np.int64)
    for row in range(candidates.shape[0]):
        count, last = 0, -1
        for candidate in candidates[row]:
            if candidate < 0 or candidate in (row, last):
                continue
            found[count] = last = candidate
            count += 1
        squared_distances(vectors[row].astype(np.float64), vectors, found[:count], exact[:count])
        order = np.argsort(exact[:count], kind="mergesort")
        for place in range(min(k, count)):
            ids[row, place] = found[order[place]]
            distances_sq[row, place] = exact[order[place]]
