"""Exact nearest-neighbour search: float32 products choose candidates, float64 differences decide.

The squared distance of two rows is expanded as ``|a|^2 + |b|^2 - 2 a.b``, so that a matrix product does the
work. The expansion cancels, so its error is bounded and the bound is used:

Rows are moved by a common origin and scaled by a power of two into [-1, 1] and rounded to float32. With
``u = 2**-24``, ``g = D u / (1 - D u)`` and ``n`` the sum of both squared norms, whatever the order of
summation:

- the product's error changes ``-2 a.b`` by at most ``2 g |a| |b| <= g n``;
- rounding the rows to float32 changes the squared distance by at most ``4.1 u n``;
- rounding the norms and their sum costs at most ``3.1 u n``, the float64 re-evaluation far less than ``u n``;
- what underflows is less than ``D 2**-120`` in these units.

So the squared distance lies within ``margin * n`` of the expansion with ``margin = 1.01 g + 16 u``. A column
is left out only when its lower bound is not below an upper bound of the k-th best of the columns before it;
everything else is evaluated from differences in float64. The answer therefore depends neither on the origin,
nor on the tiles, nor on the library that multiplies matrices, nor on its threads: rows are bit-identical
however the queries are split.

Squared distances are sums of float64 squares accumulated in 32 interleaved lanes (see `squared_distance`);
ties are ties of these sums and go to the lower row number.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError, Vectors, require_finite
from pipeline.kernels.compiled import compiled

QUERY_TILE_ROWS = 1024
VECTOR_TILE_ROWS = 2048
MOST_FEATURES = 1 << 20

_FRAME_BLOCK_ROWS = 4096
_UNIT_ROUNDOFF = 2.0**-24
_LARGEST_DISTANCE = 3e38  # distances are handed out as float32
_SMALLEST_EXTENT = 2.0**-126  # below it all distances would be subnormal in float32
_SPARE_CANDIDATES = 128
_SCAN_CHUNK = 64
_LANES = 32
_AT_A_TIME = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the float32 copies of the rows are centred, and by what power of two they are scaled.

    Any frame gives the same neighbours; a good one gives fewer candidates. Compute it once (`find_frame`)
    and hand it to every block of a large set.

    Attributes
    ----------
    origin : float64 [D]
    scale : float
        A power of two.
    """

    origin: NDArray[np.float64]
    scale: float


def find_frame(vectors: Vectors, queries: Vectors | None = None) -> Frame:
    """Centre on the mean of ``vectors`` and scale so that both sets lie within [-1, 1].

    One pass over each set in blocks of 4,096 rows.

    Raises
    ------
    InvalidDataError
        A NaN or an infinity, or distances that would not fit into float32, or all vanish there.
    """
    total, low, high = _column_extents(vectors, "vectors")
    origin = total / max(len(vectors), 1)
    if queries is not None and len(queries):
        _, query_low, query_high = _column_extents(queries, "queries")
        low, high = np.minimum(low, query_low), np.maximum(high, query_high)
    extent = float(np.max(np.maximum(high - origin, origin - low), initial=0.0))
    if not 2 * extent * math.sqrt(vectors.shape[1]) < _LARGEST_DISTANCE:
        raise InvalidDataError(
            f"values reach {extent:.3g} from their mean, so that distances do not fit into float32; rescale the vectors"
        )
    if 0 < extent < _SMALLEST_EXTENT:
        raise InvalidDataError(
            f"values reach only {extent:.3g} from their mean, so that distances vanish in float32; rescale the vectors"
        )
    exponent = max(math.frexp(extent)[1], -500)
    return Frame(origin=origin, scale=math.ldexp(1.0, -exponent) if extent > 0 else 1.0)


def _column_extents(
    vectors: Vectors, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    width = vectors.shape[1]
    total = np.zeros(width)
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    for start in range(0, len(vectors), _FRAME_BLOCK_ROWS):
        block = vectors[start : start + _FRAME_BLOCK_ROWS]
        with np.errstate(invalid="ignore", over="ignore"):
            total += block.sum(axis=0, dtype=np.float64)
            low = np.minimum(low, block.min(axis=0))
            high = np.maximum(high, block.max(axis=0))
    if len(vectors) and not (np.isfinite(low).all() and np.isfinite(high).all()):
        require_finite(vectors, name)
    return total, low, high


def exact_search(
    queries: Vectors,
    vectors: Vectors,
    k: int,
    *,
    frame: Frame,
    own_rows: NDArray[np.int64] | None = None,
    query_ranks: NDArray[np.int64] | None = None,
    vector_ranks: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the ``k`` nearest rows of ``vectors`` for every query, exactly.

    Parameters
    ----------
    queries : float32 or float64 [Q, D]
    vectors : float32 or float64 [N, D]
        Read in tiles, so a memory map will do.
    k : int
        At least 1.
    frame : Frame
        From `find_frame` over both sets.
    own_rows : int64 [Q], optional
        The row of ``vectors`` that each query must not find: itself.
    query_ranks, vector_ranks : int64 [Q] and [N], optional
        Where given, a query finds only rows of a smaller rank than its own.

    Returns
    -------
    rows : int64 [Q, k]
        Nearest first, ties by row number; -1 where fewer than ``k`` rows may be found.
    distances_sq : float64 [Q, k]
        Infinity where the row is -1.

    Notes
    -----
    Memory beyond input and output, in bytes:
    ``4 * 1024 * 2048 + 4 * D * (1024 + 2 * 2048) + 24 * 1024 * (2 k + 128)``, and 1 MiB of small arrays.
    Time: ``2 Q N D`` float32 operations and, a query, somewhat over ``k`` float64 distances. Where many more
    than ``k`` rows are nearer to each other than 1e-5 of the extent, those pairs cost float64 distances.
    """
    if vectors.shape[1] > MOST_FEATURES or queries.shape[1] != vectors.shape[1]:
        raise UsageError(
            f"queries have {queries.shape[1]} features and vectors {vectors.shape[1]}; "
            f"expected the same number, at most {MOST_FEATURES}"
        )
    queries, vectors = _read_only(queries), _read_only(vectors)
    rows = np.full((len(queries), k), -1, dtype=np.int64)
    distances_sq = np.full((len(queries), k), np.inf)
    none = np.empty(0, dtype=np.int64)
    for start in range(0, len(queries), QUERY_TILE_ROWS):
        part = slice(start, min(start + QUERY_TILE_ROWS, len(queries)))
        _search_tile(
            queries[part],
            vectors,
            frame,
            np.full(part.stop - start, -1, dtype=np.int64) if own_rows is None else own_rows[part],
            none if query_ranks is None else query_ranks[part],
            none if vector_ranks is None else vector_ranks,
            rows[part],
            distances_sq[part],
        )
    return rows, distances_sq


def _read_only(array: Vectors) -> Vectors:
    """View as a plain read-only array: one type to compile for, memory maps included."""
    view: Vectors = np.asarray(array).view()
    view.flags.writeable = False
    return view


def _search_tile(
    queries: Vectors,
    vectors: Vectors,
    frame: Frame,
    own_rows: NDArray[np.int64],
    query_ranks: NDArray[np.int64],
    vector_ranks: NDArray[np.int64],
    out_rows: NDArray[np.int64],
    out_distances_sq: NDArray[np.float64],
) -> None:
    n_queries, width = queries.shape
    k = out_rows.shape[1]
    product_error = width * _UNIT_ROUNDOFF / (1 - width * _UNIT_ROUNDOFF)
    margin = 1.01 * product_error + 16 * _UNIT_ROUNDOFF
    underflow = width * 2.0**-120
    query_tile, query_norms = _centred_tile(queries, frame)
    capacity = 2 * k + _SPARE_CANDIDATES
    found = np.empty((n_queries, capacity), dtype=np.int64)
    lower, upper = np.empty((n_queries, capacity)), np.empty((n_queries, capacity))
    counts = np.zeros(n_queries, dtype=np.int64)
    limits = np.full(n_queries, np.inf, dtype=np.float32)
    for start in range(0, len(vectors), VECTOR_TILE_ROWS):
        tile, norms = _centred_tile(vectors[start : start + VECTOR_TILE_ROWS], frame)
        _scan(
            query_tile @ tile.T,
            (norms * (1 - margin) - underflow).astype(np.float32),
            query_norms * (1 - margin),
            2 * margin * norms + 2 * underflow,
            2 * margin * query_norms,
            start,
            queries,
            vectors,
            frame.scale**2,
            k,
            own_rows,
            query_ranks,
            vector_ranks,
            found,
            lower,
            upper,
            counts,
            limits,
        )
    _finish(queries, vectors, k, found, lower, upper, counts, out_rows, out_distances_sq)


def _centred_tile(vectors: Vectors, frame: Frame) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    tile = np.empty(vectors.shape, dtype=np.float32)
    norms = np.empty(len(vectors))
    _centre(vectors, frame.origin, frame.scale, tile, norms)
    return tile, norms


@compiled
def squared_distance(a: Vectors, b: Vectors) -> float:
    """Sum of squared differences in float64: lane ``l`` of 32 takes the features ``l, l + 32, ...``.

    Fixed lanes let the compiler use vector units without leave to reorder sums. The lanes are added in halves.
    """
    width = a.shape[0]
    lanes = np.zeros(_LANES)
    whole = width - width % _LANES
    for start in range(0, whole, _LANES):
        one, other = a[start : start + _LANES], b[start : start + _LANES]
        for lane in range(_LANES):
            difference = np.float64(one[lane]) - np.float64(other[lane])
            lanes[lane] += difference * difference
    for i in range(whole, width):
        difference = np.float64(a[i]) - np.float64(b[i])
        lanes[i - whole] += difference * difference
    return _sum_of_lanes(lanes)


@compiled
def _sum_of_lanes(lanes: NDArray[np.float64]) -> float:
    half = _LANES // 2
    while half > 0:
        for lane in range(half):
            lanes[lane] += lanes[lane + half]
        half //= 2
    total: float = lanes[0]
    return total


@compiled
def squared_distances(
    query: NDArray[np.float64], vectors: Vectors, rows: NDArray[np.int64], distances_sq: NDArray[np.float64]
) -> None:
    """Write the `squared_distance` of a query to each of some rows, to the same bits.

    Four rows at a time, so that their reads from memory overlap: 2.4 times as fast where rows lie anywhere.
    """
    whole = query.shape[0] - query.shape[0] % _LANES
    four = rows.shape[0] - rows.shape[0] % _AT_A_TIME
    lanes = np.empty((_AT_A_TIME, _LANES))
    for first in range(0, four, _AT_A_TIME):
        lanes[:] = 0
        a, b = vectors[rows[first]], vectors[rows[first + 1]]
        c, d = vectors[rows[first + 2]], vectors[rows[first + 3]]
        for start in range(0, whole, _LANES):
            for lane in range(_LANES):
                feature = query[start + lane]
                difference = feature - np.float64(a[start + lane])
                lanes[0, lane] += difference * difference
                difference = feature - np.float64(b[start + lane])
                lanes[1, lane] += difference * difference
                difference = feature - np.float64(c[start + lane])
                lanes[2, lane] += difference * difference
                difference = feature - np.float64(d[start + lane])
                lanes[3, lane] += difference * difference
        for place in range(_AT_A_TIME):
            row = vectors[rows[first + place]]
            for i in range(whole, query.shape[0]):
                difference = query[i] - np.float64(row[i])
                lanes[place, i - whole] += difference * difference
            distances_sq[first + place] = _sum_of_lanes(lanes[place])
    for i in range(four, rows.shape[0]):
        distances_sq[i] = squared_distance(query, vectors[rows[i]])


@compiled
def _centre(
    vectors: Vectors,
    origin: NDArray[np.float64],
    scale: float,
    tile: NDArray[np.float32],
    norms: NDArray[np.float64],
) -> None:
    zero = np.zeros(vectors.shape[1], dtype=np.float32)
    for row in range(vectors.shape[0]):
        for column in range(vectors.shape[1]):
            tile[row, column] = np.float32((vectors[row, column] - origin[column]) * scale)
        norms[row] = squared_distance(tile[row], zero)


@compiled
def _not_below(value: float) -> np.float32:
    """Round to float32 upwards, so that a limit never becomes smaller than it was."""
    rounded = np.float32(value)
    return rounded if np.float64(rounded) >= value else np.nextafter(rounded, np.float32(np.inf))


@compiled
def _scan(
    products: NDArray[np.float32],
    low_columns: NDArray[np.float32],
    low_rows: NDArray[np.float64],
    slack_columns: NDArray[np.float64],
    slack_rows: NDArray[np.float64],
    first_column: int,
    queries: Vectors,
    vectors: Vectors,
    scale_sq: float,
    k: int,
    own_rows: NDArray[np.int64],
    query_ranks: NDArray[np.int64],
    vector_ranks: NDArray[np.int64],
    found: NDArray[np.int64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    counts: NDArray[np.int64],
    limits: NDArray[np.float32],
) -> None:
    """Append to every row's candidates those columns of a tile whose lower bound is below its limit."""
    two = np.float32(2)
    n_columns = products.shape[1]
    ranked = vector_ranks.shape[0] > 0
    for row in range(products.shape[0]):
        limit = limits[row]
        for begin in range(0, n_columns, _SCAN_CHUNK):
            end = min(begin + _SCAN_CHUNK, n_columns)
            hits = np.int32(0)
            for column in range(begin, end):
                hits += np.int32(low_columns[column] - two * products[row, column] < limit)
            if hits == 0:
                continue
            for column in range(begin, end):
                value = low_columns[column] - two * products[row, column]
                candidate = first_column + column
                if not value < limit or candidate == own_rows[row]:
                    continue
                if ranked and vector_ranks[candidate] >= query_ranks[row]:
                    continue
                count = counts[row]
                found[row, count] = candidate
                lower[row, count] = low_rows[row] + value
                upper[row, count] = lower[row, count] + slack_rows[row] + slack_columns[column]
                counts[row] = count + 1
                if count + 1 == found.shape[1]:
                    counts[row], bound = _tighten(
                        queries[row], vectors, scale_sq, k, found[row], lower[row], upper[row]
                    )
                    # Nothing is nearer than zero, and a later row loses the tie.
                    limit = np.float32(-np.inf) if bound == 0.0 else _not_below(bound - low_rows[row])
        limits[row] = limit


@compiled
def kth_smallest(values: NDArray[np.float64], k: int) -> float:
    """Quickselect by partitions without branches; NumPy's partition takes Numba seconds to compile."""
    scratch = values.copy()
    low, high = 0, scratch.shape[0]
    while True:
        one, other, third = scratch[low], scratch[(low + high) // 2], scratch[high - 1]
        pivot = max(min(one, other), min(max(one, other), third))
        smaller = low
        for i in range(low, high):
            value = scratch[i]
            scratch[i], scratch[smaller] = scratch[smaller], value
            smaller += value < pivot
        if k <= smaller:
            high = smaller
            continue
        equal = smaller
        for i in range(smaller, high):
            value = scratch[i]
            scratch[i], scratch[equal] = scratch[equal], value
            equal += value <= pivot
        if k <= equal:
            kth: float = pivot
            return kth
        low = equal


@compiled
def _tighten(
    query: Vectors,
    vectors: Vectors,
    scale_sq: float,
    k: int,
    found: NDArray[np.int64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> tuple[int, float]:
    """Drop from a full list what cannot be among the k best; give what is left and the bound that did it.

    A list stays in the order of row numbers, which is what settles ties.
    """
    bound = kth_smallest(upper, k)
    kept = _keep_up_to(bound, found, lower, upper, found.shape[0])
    if kept <= (3 * found.shape[0]) // 4:
        # Zero is reserved for an exact distance: an expansion's bound of zero proves no duplicates.
        return kept, max(bound, 5e-324)
    squared_distances(query.astype(np.float64), vectors, found[:kept], lower[:kept])
    for i in range(kept):
        lower[i] *= scale_sq
        upper[i] = lower[i]
    bound = kth_smallest(lower[:kept], k)
    places = k
    for i in range(kept):
        places -= lower[i] < bound
    count = 0
    for i in range(kept):
        if lower[i] < bound or (lower[i] == bound and places > 0):
            places -= lower[i] == bound
            found[count], lower[count], upper[count] = found[i], lower[i], upper[i]
            count += 1
    return count, bound


@compiled
def _keep_up_to(
    bound: float, found: NDArray[np.int64], lower: NDArray[np.float64], upper: NDArray[np.float64], count: int
) -> int:
    kept = 0
    for i in range(count):
        if lower[i] <= bound:
            found[kept], lower[kept], upper[kept] = found[i], lower[i], upper[i]
            kept += 1
    return kept


@compiled
def _finish(
    queries: Vectors,
    vectors: Vectors,
    k: int,
    found: NDArray[np.int64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    counts: NDArray[np.int64],
    rows: NDArray[np.int64],
    distances_sq: NDArray[np.float64],
) -> None:
    for query in range(queries.shape[0]):
        count = counts[query]
        if count > k:
            bound = kth_smallest(upper[query, :count], k)
            count = _keep_up_to(bound, found[query], lower[query], upper[query], count)
        exact = np.empty(count)
        squared_distances(queries[query].astype(np.float64), vectors, found[query, :count], exact)
        order = np.argsort(exact, kind="mergesort")
        for i in range(min(k, count)):
            rows[query, i] = found[query, order[i]]
            distances_sq[query, i] = exact[order[i]]
