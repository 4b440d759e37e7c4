"""Exact neighbours from lower bounds: evaluate the candidates, prove that no other row is nearer, or search in full.

Three ways lead to the same bits, and `prepare_search` takes the one that promises to be fastest:

- ``projected``: products of some 32 to 128 principal components and the length of the remainder bound the distances
  from below (`pipeline.kernels.neighbours.lower_bounds`). The rows of smallest bound are evaluated in float64. Where
  the k-th of these distances is smaller than whatever a row that was not listed can have, the answer is proven;
  elsewhere `exact_search` looks again, in full.
- ``tiles``: the same with the full rows, for data that no projection shortens.
- ``direct``: `exact_search` alone, for small sets and for data full of ties, which no strict bound can separate.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import Vectors
from pipeline.kernels.compiled import compiled
from pipeline.kernels.neighbours.candidates import Candidates, candidates_between, candidates_within
from pipeline.kernels.neighbours.exact_search import (
    QUERY_TILE_ROWS,
    Frame,
    exact_search,
    find_frame,
    kth_smallest,
    squared_distances,
)
from pipeline.kernels.neighbours.locality import locality_order
from pipeline.kernels.neighbours.lower_bounds import (
    MOST_COMPONENTS,
    LowerBounds,
    centred,
    contracting_basis,
    full_rows,
    shortened_rows,
)

Method = Literal["auto", "projected", "tiles", "direct"]

SMALLEST_SET = 4096
"""Fewer rows are searched directly: finding a way would take longer than any of them."""

_COMPONENTS = (16, 32, 64, MOST_COMPONENTS)
_SAMPLE_ROWS = 128
_SAMPLE_COLUMNS = 8192
_FEWEST_SAMPLE_COLUMNS = 2048
_BLOCK_ROWS = 2048
_LIST_SHARE = 0.9
_SPARE_LENGTH = 16
_EVALUATION_COST = 8.0  # of one feature in float64 from a row somewhere, in multiply-adds of a matrix product
_TILE_COST = 30.0  # of one entry of a tile beside its multiply-adds: written once, read once
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


def prepare_search(
    vectors: Vectors,
    k: int,
    *,
    split: int | None = None,
    reach: NDArray[np.float64] | None = None,
    method: Method = "auto",
) -> PreparedSearch:
    """Choose how to search the ``k`` nearest rows, from 128 rows searched in full.

    Parameters
    ----------
    vectors : float32 or float64 [N, D]
    k : int
        At least 1.
    split, reach : optional
        As in `certified_neighbours`.
    method : {"auto", "projected", "tiles", "direct"}
        Anything but ``"auto"`` is taken as it is.

    Raises
    ------
    InvalidDataError
        As `find_frame`.

    Notes
    -----
    What a projection would leave to do is counted between 128 rows and at most 8,192, so that data which no projection
    shortens cost no projection of all rows. Time ``2 * 128 N D`` operations and some 10 G for the basis, then
    ``2 N D p`` where it is used.
    """
    frame = find_frame(vectors)
    n_rows, width = vectors.shape
    columns = n_rows if split is None else min(split, n_rows - split)
    small = n_rows < SMALLEST_SET or 2 * k >= columns
    if method == "direct" or (method == "auto" and (small or not 0 < frame.scale < _LARGEST_SCALE)):
        return PreparedSearch(frame)
    if method == "tiles":
        return PreparedSearch(frame, full_rows(vectors, frame), plain_length(k, n_rows))
    choices = [p for p in _COMPONENTS if 2 * p <= width]
    if method == "projected":
        components = choices[-1] if choices else 1
        bounds = shortened_rows(vectors, frame, contracting_basis(vectors, frame, components))
        return PreparedSearch(frame, bounds, min(2 * k + 64, n_rows), components)
    if split is not None:
        k = min(k * -(-n_rows // columns), n_rows - 1)  # so many of all rows are as near as k of the smaller part
    return _cheapest(vectors, k, frame, choices, reach)


def certified_neighbours(
    vectors: Vectors,
    k: int,
    prepared: PreparedSearch,
    *,
    split: int | None = None,
    reach: NDArray[np.float64] | None = None,
    threads: int = 1,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the ``k`` nearest other rows of every row.

    Parameters
    ----------
    vectors : float32 or float64 [N, D]
    k : int
        At least 1.
    prepared : PreparedSearch
        `prepare_search` of these rows.
    split : int, optional
        If given, the rows before it look for rows from it on only, and those for these.
    reach : float64 [N], optional
        With a split: squared distances beyond which a row's neighbours need not be found, for as many nearer ones are
        known. Rows at this very distance are found.
    threads : int

    Returns
    -------
    rows : int64 [N, k]
        Nearest first, ties by row number; -1 where fewer than ``k`` rows may be, or need be, found.
    distances_sq : float64 [N, k]
        Infinity where the row is -1.
    """
    if prepared.bounds is None:
        rows, distances_sq = np.empty((len(vectors), k), dtype=np.int64), np.empty((len(vectors), k))
        _search_in_full(vectors, k, prepared.frame, np.arange(len(vectors)), split, rows, distances_sq)
        return rows, distances_sq
    order = _order(prepared.bounds.rows, split)
    bounds = prepared.bounds.reordered(order)
    if split is None:
        lists = candidates_within(bounds, prepared.length, threads=threads)
    else:
        limits = None if reach is None else _limits(bounds, reach[order])
        lists = candidates_between(bounds, split, prepared.length, limits=limits, threads=threads)
    return certify(vectors, k, prepared.frame, bounds, lists, order, split=split, reach=reach, threads=threads)


def certify(
    vectors: Vectors,
    k: int,
    frame: Frame,
    bounds: LowerBounds,
    lists: Candidates,
    order: NDArray[np.int64],
    *,
    split: int | None = None,
    reach: NDArray[np.float64] | None = None,
    threads: int = 1,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Evaluate lists of candidates, whoever made them, prove them, and search in full what they leave open.

    Parameters
    ----------
    vectors, k, split, reach, threads
        As in `certified_neighbours`.
    frame, bounds
        Of the vectors; the lists hold bounds of this kind.
    lists : Candidates
        List i belongs to the row ``order[i]`` and names rows by their places in ``order``.
    order : int64 [N]
    """
    n_rows = len(vectors)
    rows, distances_sq = np.full((n_rows, k), -1, dtype=np.int64), np.full((n_rows, k), np.inf)
    wanted = np.full(n_rows, min(k, n_rows - 1))
    if split is not None:
        wanted[:split], wanted[split:] = min(k, n_rows - split), min(k, split)
    within = np.full(n_rows, np.inf) if reach is None else reach
    proven = _evaluated(vectors, lists, order, wanted, within, bounds, rows, distances_sq, threads)
    _search_in_full(vectors, k, frame, np.flatnonzero(~proven), split, rows, distances_sq)
    return rows, distances_sq


def _search_in_full(
    vectors: Vectors,
    k: int,
    frame: Frame,
    queries: NDArray[np.int64],
    split: int | None,
    rows: NDArray[np.int64],
    distances_sq: NDArray[np.float64],
) -> None:
    for part in _in_tiles(queries, split):
        rows[part], distances_sq[part] = _direct(vectors, k, frame, part, split)


def _order(rows: NDArray[np.float32], split: int | None) -> NDArray[np.int64]:
    if split is None:
        return locality_order(rows)
    return np.concatenate([locality_order(rows[:split]), split + locality_order(rows[split:])])


def _in_tiles(rows: NDArray[np.int64], split: int | None) -> Iterator[NDArray[np.int64]]:
    """Pieces of at most 1,024 of the ascending row numbers, none of them on both sides of ``split``."""
    for side in np.split(rows, [] if split is None else [int(np.searchsorted(rows, split))]):
        for first in range(0, len(side), QUERY_TILE_ROWS):
            yield side[first : first + QUERY_TILE_ROWS]


def _direct(
    vectors: Vectors, k: int, frame: Frame, queries: NDArray[np.int64], split: int | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if split is None:
        return exact_search(vectors[queries], vectors, k, frame=frame, own_rows=queries)
    first, others = (split, vectors[split:]) if queries[0] < split else (0, vectors[:split])
    rows, distances_sq = exact_search(vectors[queries], others, k, frame=frame)
    rows[rows >= 0] += first
    return rows, distances_sq


def _evaluated(
    vectors: Vectors,
    lists: Candidates,
    order: NDArray[np.int64],
    wanted: NDArray[np.int64],
    reach: NDArray[np.float64],
    bounds: LowerBounds,
    rows: NDArray[np.int64],
    distances_sq: NDArray[np.float64],
    threads: int,
) -> NDArray[np.bool_]:
    """Write the proven rows' neighbours; which these are."""
    view = vectors.view()
    view.flags.writeable = False
    proven = np.zeros(len(order), dtype=np.bool_)

    def work(part: slice) -> None:
        _evaluate(
            view,
            lists.rows[part],
            lists.bounds[part],
            lists.counts[part],
            lists.limits[part],
            order,
            order[part],
            wanted,
            reach,
            bounds.slack,
            bounds.underflow,
            bounds.scale,
            rows,
            distances_sq,
            proven,
        )

    parts = [slice(first, first + _BLOCK_ROWS) for first in range(0, len(order), _BLOCK_ROWS)]
    if threads == 1:
        for part in parts:
            work(part)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, parts))
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


def _limits(bounds: LowerBounds, reach: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bounds from which on `_least_distance_sq` exceeds the reach: its inverse, rounded away from zero."""
    root = np.sqrt(reach) * bounds.scale / _FLOAT64_ALLOWANCE + bounds.slack
    least = ((root / _FLOAT64_ALLOWANCE) ** 2 + bounds.underflow) * (1 + 2.0**-40)
    with np.errstate(over="ignore"):
        return np.nextafter(least.astype(np.float32), np.float32(np.inf)) + np.float32(2.0**-126)


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
    wanted: NDArray[np.int64],
    reach: NDArray[np.float64],
    slack: float,
    underflow: float,
    scale: float,
    rows: NDArray[np.int64],
    distances_sq: NDArray[np.float64],
    proven: NDArray[np.bool_],
) -> None:
    """Evaluate each list in the order of its bounds until they exceed the k-th distance; say which are proven."""
    for place in range(queries.shape[0]):
        query = queries[place]
        count, k, kth = counts[place], wanted[query], reach[queries[place]]
        if k == 0 or (count < k and kth == np.inf):
            continue
        own = vectors[query].astype(np.float64)
        by_bound = np.argsort(bounds[place, :count])
        found = np.empty(count, dtype=np.int64)
        exact = np.empty(count)
        done = 0
        while done < count:
            stop = min(k, count) if done == 0 else min(done + _EVALUATIONS_AT_A_TIME, count)
            if _least_distance_sq(bounds[place, by_bound[done]], slack, underflow, scale) > kth:
                break
            for i in range(done, stop):
                found[i] = order[listed[place, by_bound[i]]]
            squared_distances(own, vectors, found[done:stop], exact[done:stop])
            done = stop
            if done >= k:
                kth = min(kth, kth_smallest(exact[:done], k))
        if not _least_distance_sq(limits[place], slack, underflow, scale) > kth:
            continue
        proven[query] = True
        n_found = min(k, done)
        _write_sorted(found[:done], exact[:done], rows[query, :n_found], distances_sq[query, :n_found])


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


def plain_length(k: int, n_rows: int) -> int:
    """Candidates to list where bounds are as good as distances: a few more than wanted."""
    return min(k + k // 8 + 8, n_rows)


def _cheapest(
    vectors: Vectors, k: int, frame: Frame, choices: list[int], reach: NDArray[np.float64] | None
) -> PreparedSearch:
    """Weigh the ways by what a sample of rows would have needed; costs are multiply-adds a row."""
    n_rows, width = vectors.shape
    sample = _evenly_spaced(n_rows, max(min(_SAMPLE_ROWS, (1 << 24) // n_rows), 16))
    if reach is not None and np.isfinite(reach[sample]).all():
        nearest, within = reach[sample] * frame.scale**2, np.full(len(sample), k)
    else:
        nearest, within = _nearest_of_sample(vectors, k, frame, sample)

    def cost(features: float, needed: NDArray[np.int64], length: int) -> float:
        products = 0.5 * n_rows * (features + _TILE_COST)
        evaluated = _EVALUATION_COST * width * float(np.minimum(needed, length).mean())
        unproven = float(np.mean(needed > length))
        return float(products + evaluated + unproven * n_rows * width)

    full_length = plain_length(k, n_rows)
    best, length, least = -1, 0, float(n_rows * width)
    if (plain := cost(width, within, full_length)) < least:
        best, length, least = 0, full_length, plain
    basis = contracting_basis(vectors, frame, choices[-1]) if choices else np.empty((width, 0))
    columns = _evenly_spaced(n_rows, min(max(n_rows // 4, _FEWEST_SAMPLE_COLUMNS), _SAMPLE_COLUMNS))
    for components, needed in _needed(vectors, frame, basis, choices, sample, columns, nearest):
        listed = min(max(int(1.1 * np.quantile(needed, _LIST_SHARE)), k) + _SPARE_LENGTH, n_rows)
        found = cost(components + 1, needed, listed) + 2 * components * width
        if found < least and listed <= _longest_list(k):
            best, length, least = components, listed, found
    if best < 0:
        return PreparedSearch(frame)
    bounds = shortened_rows(vectors, frame, basis[:, :best]) if best else full_rows(vectors, frame)
    return PreparedSearch(frame, bounds, length, best)


def _evenly_spaced(n_rows: int, wanted: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, n_rows - 1, min(wanted, n_rows)).astype(np.int64))


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


def _needed(
    vectors: Vectors,
    frame: Frame,
    basis: NDArray[np.float64],
    choices: list[int],
    sample: NDArray[np.int64],
    columns: NDArray[np.int64],
    nearest: NDArray[np.float64],
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """For every number of components about how many rows have a bound that does not exceed the k-th distance."""
    if not choices:
        return
    short, rest_sq = _projected(vectors, frame, basis, sample)
    columns_short, columns_rest_sq = _projected(vectors, frame, basis, columns)
    for components in choices:
        rows, others = (
            np.column_stack([part[:, :components], np.sqrt(rest + (part[:, components:] ** 2).sum(axis=1))])
            for part, rest in ((short, rest_sq), (columns_short, columns_rest_sq))
        )
        distances_sq = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * rows @ others.T
        share = (distances_sq <= nearest[:, None]).mean(axis=1)
        yield components, np.ceil(share * len(vectors)).astype(np.int64)


def _projected(
    vectors: Vectors, frame: Frame, basis: NDArray[np.float64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates of some rows along a basis, and the squared length of what they leave."""
    moved = centred(vectors[rows], frame)
    coordinates = moved @ basis
    rest = np.einsum("ij,ij->i", moved, moved) - np.einsum("ij,ij->i", coordinates, coordinates)
    return coordinates, np.maximum(rest, 0)
