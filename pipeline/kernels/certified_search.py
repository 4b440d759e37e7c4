"""Exact neighbours from lower bounds: evaluate the candidates, prove that no other row is nearer, or search in full.

Three ways lead to the same bits, and `prepare_search` takes the one that promises to be fastest:

- ``projected``: products of some 32 to 128 principal components and the length of the remainder bound the distances
  from below (`pipeline.kernels.lower_bounds`). The rows of smallest bound are evaluated in float64. Where the k-th
  of these distances is smaller than whatever a row that was not listed can have, the answer is proven; elsewhere
  `exact_search` looks again, in full.
- ``tiles``: the same with the full rows, for data that no projection shortens.
- ``direct``: `exact_search` alone, for small sets and for data full of ties, which no strict bound can separate.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import Vectors
from pipeline.kernels.candidates import Candidates, candidates_of_all, candidates_of_block
from pipeline.kernels.compiled import compiled
from pipeline.kernels.exact_search import (
    QUERY_TILE_ROWS,
    Frame,
    exact_search,
    find_frame,
    kth_smallest,
    squared_distance,
)
from pipeline.kernels.locality import locality_order
from pipeline.kernels.lower_bounds import (
    MOST_COMPONENTS,
    LowerBounds,
    centred,
    fewer_components,
    full_rows,
    shortened_rows,
)

Method = Literal["auto", "projected", "tiles", "direct"]

SMALLEST_SET = 4096
"""Fewer rows are searched directly: finding a way would take longer than any of them."""

_COMPONENTS = (16, 32, 64, MOST_COMPONENTS)
_SAMPLE_ROWS = 128
_BLOCK_ROWS = 2048
_LIST_SHARE = 0.9
_EVALUATION_COST = 8.0  # of one feature in float64 from a row somewhere, in multiply-adds of a matrix product
_TILE_COST = 40.0  # of one entry of a tile beside its multiply-adds: written once, read twice
_LARGEST_SCALE = 2.0**300  # beyond it squares of differences would underflow
_EVALUATIONS_AT_A_TIME = 16
_FLOAT64_ALLOWANCE = 1 - 2.0**-30


@dataclass(frozen=True, slots=True)
class PreparedSearch:
    """What all blocks of a search share. It decides the speed and the memory, never the answer.

    Attributes
    ----------
    frame : Frame
    bounds : LowerBounds or None
        None for the direct search.
    length : int
        Candidates to list for every row.
    components : int
        Of the projection; 0 where the rows are full.
    """

    frame: Frame
    bounds: LowerBounds | None = None
    length: int = 0
    components: int = 0

    @property
    def method(self) -> Method:
        """The way it goes."""
        if self.bounds is None:
            return "direct"
        return "projected" if self.components else "tiles"


def prepare_search(vectors: Vectors, k: int, *, pairs_once: bool, method: Method = "auto") -> PreparedSearch:
    """Choose how to search the ``k`` nearest rows of all rows, from 128 rows searched in full.

    Parameters
    ----------
    vectors : float32 or float64 [N, D]
    k : int
        At least 1.
    pairs_once : bool
        Whether all rows will be searched in one call, which computes each pair once; else in blocks, for which
        plain tiles gain nothing over the direct search.
    method : {"auto", "projected", "tiles", "direct"}
        Anything but ``"auto"`` is taken as it is.

    Raises
    ------
    InvalidDataError
        As `find_frame`.

    Notes
    -----
    Time about ``2 N D (128 + 128)`` operations; memory ``4 N (130 + p)`` bytes and blocks of 2,048 rows, and the
    ``4 * 128 * N`` (at most 64 MiB) of the sample.
    """
    frame = find_frame(vectors)
    n_rows, width = vectors.shape
    small = n_rows < SMALLEST_SET or 2 * k >= n_rows
    if method == "direct" or (method == "auto" and (small or not 0 < frame.scale < _LARGEST_SCALE)):
        return PreparedSearch(frame)
    if method == "tiles":
        return PreparedSearch(frame, full_rows(vectors, frame), _plain_length(k, n_rows))
    choices = [p for p in _COMPONENTS if 2 * p <= width]
    if method == "projected":
        components = choices[-1] if choices else 1
        return PreparedSearch(frame, shortened_rows(vectors, frame, components), min(2 * k + 64, n_rows), components)
    return _cheapest(vectors, k, frame, choices, pairs_once)


def certified_neighbours(
    vectors: Vectors, k: int, prepared: PreparedSearch, *, start: int = 0, stop: int | None = None, threads: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the ``k`` nearest other rows of the rows ``start`` to ``stop - 1``.

    Returns
    -------
    rows : int64 [stop - start, k]
        ``k`` at most N - 1; nearest first, ties by row number.
    distances_sq : float64 [stop - start, k]
    """
    n_rows = len(vectors)
    stop = n_rows if stop is None else stop
    if prepared.bounds is None:
        return _direct(vectors, k, prepared.frame, np.arange(start, stop, dtype=np.int64))
    if start == 0 and stop == n_rows:
        order = locality_order(prepared.bounds.rows)
        bounds = prepared.bounds.reordered(order)
        lists = candidates_of_all(bounds, prepared.length, threads=threads)
        queries = order
    else:
        order, bounds = np.arange(n_rows), prepared.bounds
        lists = candidates_of_block(bounds, start, stop, prepared.length)
        queries = np.arange(start, stop, dtype=np.int64)
    rows = np.empty((stop - start, k), dtype=np.int64)
    distances_sq = np.empty((stop - start, k))
    proven = _evaluated(vectors, lists, order, queries, bounds, rows, distances_sq, start)
    unproven = np.flatnonzero(~proven)
    for first in range(0, len(unproven), QUERY_TILE_ROWS):
        part = unproven[first : first + QUERY_TILE_ROWS]
        rows[part], distances_sq[part] = _direct(vectors, k, prepared.frame, part + start)
    return rows, distances_sq


def _direct(
    vectors: Vectors, k: int, frame: Frame, queries: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return exact_search(vectors[queries], vectors, k, frame=frame, own_rows=queries)


def _evaluated(
    vectors: Vectors,
    lists: Candidates,
    order: NDArray[np.int64],
    queries: NDArray[np.int64],
    bounds: LowerBounds,
    rows: NDArray[np.int64],
    distances_sq: NDArray[np.float64],
    start: int,
) -> NDArray[np.bool_]:
    view = vectors.view()
    view.flags.writeable = False
    proven = np.zeros(len(queries), dtype=np.bool_)
    _evaluate(
        view,
        lists.rows,
        lists.bounds,
        lists.counts,
        lists.limits,
        order,
        queries,
        bounds.slack,
        bounds.underflow,
        bounds.scale,
        start,
        rows,
        distances_sq,
        proven,
    )
    return proven


def memory_bytes(n_rows: int, width: int, k: int, *, threads: int = 1) -> int:
    """The most that preparing and searching all rows takes beside the input: the formula of the docs.

    ``N (8 w + 16 L + 8 s + 40 k + 1200) + 48 * 2048 * D + 2^24 threads + 8 * 1024 (D + 3 k)`` and 64 MiB, with
    ``w = D`` features of the rows multiplied (129 where they are projected), lists of ``L = 4 k + 256``, and a
    sample of ``s = min(128, 2^24 / N)`` rows.
    """
    sample = min(_SAMPLE_ROWS, max((1 << 24) // max(n_rows, 1), 16))
    by_row = 8 * width + 16 * _longest_list(k) + 8 * sample + 40 * k + 1200
    tiles = threads * (1 << 24) + 48 * 2048 * width + 8 * QUERY_TILE_ROWS * (width + 3 * k)
    return n_rows * by_row + tiles + (64 << 20)


def _longest_list(k: int) -> int:
    return 4 * k + 256


@compiled
def _least_distance_sq(bound: float, slack: float, underflow: float, scale: float) -> float:
    """The smallest squared distance, as `squared_distance` computes it, that a lower bound allows."""
    least = (np.sqrt(max(bound - underflow, 0.0)) * _FLOAT64_ALLOWANCE - slack) * _FLOAT64_ALLOWANCE / scale
    return least * least if least > 0 else -1.0


@compiled
def _evaluate(
    vectors: Vectors,
    listed: NDArray[np.int32],
    bounds: NDArray[np.float32],
    counts: NDArray[np.int64],
    limits: NDArray[np.float32],
    order: NDArray[np.int64],
    queries: NDArray[np.int64],
    slack: float,
    underflow: float,
    scale: float,
    start: int,
    rows: NDArray[np.int64],
    distances_sq: NDArray[np.float64],
    proven: NDArray[np.bool_],
) -> None:
    """Evaluate each list in the order of its bounds until they exceed the k-th distance; say which are proven."""
    k = rows.shape[1]
    for place in range(queries.shape[0]):
        query = queries[place]
        count = counts[place]
        if count < k:
            continue
        by_bound = np.argsort(bounds[place, :count])
        found = np.empty(count, dtype=np.int64)
        exact = np.empty(count)
        done, kth = 0, np.inf
        while done < count:
            stop = k if done == 0 else min(done + _EVALUATIONS_AT_A_TIME, count)
            if done and _least_distance_sq(bounds[place, by_bound[done]], slack, underflow, scale) > kth:
                break
            for i in range(done, stop):
                found[i] = order[listed[place, by_bound[i]]]
                exact[i] = squared_distance(vectors[query], vectors[found[i]])
            done = stop
            kth = kth_smallest(exact[:done], k)
        if not _least_distance_sq(limits[place], slack, underflow, scale) > kth:
            continue
        proven[query - start] = True
        _write_sorted(found[:done], exact[:done], rows[query - start], distances_sq[query - start])


@compiled
def _write_sorted(
    found: NDArray[np.int64], exact: NDArray[np.float64], rows: NDArray[np.int64], distances_sq: NDArray[np.float64]
) -> None:
    """Sort by distance, then by row number."""
    nearest = np.argsort(exact)
    for i in range(1, nearest.shape[0]):
        item = nearest[i]
        j = i - 1
        while j >= 0 and exact[nearest[j]] == exact[item] and found[nearest[j]] > found[item]:
            nearest[j + 1] = nearest[j]
            j -= 1
        nearest[j + 1] = item
    for i in range(rows.shape[0]):
        rows[i] = found[nearest[i]]
        distances_sq[i] = exact[nearest[i]]


def _plain_length(k: int, n_rows: int) -> int:
    return min(k + k // 8 + 8, n_rows)


def _cheapest(vectors: Vectors, k: int, frame: Frame, choices: list[int], pairs_once: bool) -> PreparedSearch:
    """Weigh the ways by what a sample of rows would have needed; costs are multiply-adds a row."""
    n_rows, width = vectors.shape
    sample = np.unique(np.linspace(0, n_rows - 1, max(min(_SAMPLE_ROWS, (1 << 24) // n_rows), 16)).astype(np.int64))
    nearest, within = _nearest_of_sample(vectors, k, frame, sample)

    def cost(features: float, needed: NDArray[np.int64], length: int) -> float:
        products = n_rows * (features + _TILE_COST) * (0.5 if pairs_once else 1.0)
        evaluated = _EVALUATION_COST * width * float(np.minimum(needed, length).mean())
        unproven = float(np.mean(needed > length))
        return float(products + evaluated + unproven * n_rows * width)

    best, least = PreparedSearch(frame), float(n_rows * width)
    plain = cost(width, within, _plain_length(k, n_rows))
    if pairs_once and plain < least:
        best, least = PreparedSearch(frame, None, _plain_length(k, n_rows)), plain
    longest = shortened_rows(vectors, frame, choices[-1]) if choices else None
    for components in choices:
        assert longest is not None
        needed = _needed(fewer_components(longest, components), sample, nearest)
        length = min(max(int(1.1 * np.quantile(needed, _LIST_SHARE)), k) + 8, n_rows)
        found = cost(components + 1, needed, length)
        if found < least and length <= _longest_list(k):
            best, least = PreparedSearch(frame, None, length, components), found
    if best.components:
        assert longest is not None
        return replace(best, bounds=fewer_components(longest, best.components))
    return replace(best, bounds=full_rows(vectors, frame)) if best.length else best


def _nearest_of_sample(
    vectors: Vectors, k: int, frame: Frame, sample: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The k-th squared distance (scaled, and rough: float32), and how many rows float32 cannot tell from nearer."""
    queries = centred(vectors[sample], frame).astype(np.float32)
    query_norms = np.einsum("ij,ij->i", queries, queries)[:, None]
    distances_sq = np.empty((len(sample), len(vectors)), dtype=np.float32)
    norms = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = centred(vectors[start : start + _BLOCK_ROWS], frame).astype(np.float32)
        part = slice(start, start + _BLOCK_ROWS)
        norms[part] = np.einsum("ij,ij->i", block, block)
        distances_sq[:, part] = query_norms + norms[part] - 2 * (queries @ block.T)
    distances_sq[np.arange(len(sample)), sample] = np.inf
    nearest = np.maximum(np.partition(distances_sq, k - 1, axis=1)[:, k - 1], 0)
    distances_sq -= 2 * 2.0**-24 * vectors.shape[1] * (query_norms + norms)
    within: NDArray[np.int64] = (distances_sq <= nearest[:, None]).sum(axis=1)
    return nearest.astype(np.float64), within


def _needed(bounds: LowerBounds, sample: NDArray[np.int64], nearest: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows whose bound does not exceed the k-th distance: so many candidates a row of the sample needs."""
    reach = ((np.sqrt(nearest) + bounds.slack) ** 2).astype(np.float32)[:, None]
    products = bounds.rows[sample] @ bounds.rows.T
    needed: NDArray[np.int64] = ((bounds.norms[sample, None] + bounds.norms - 2 * products) <= reach).sum(axis=1)
    return needed
