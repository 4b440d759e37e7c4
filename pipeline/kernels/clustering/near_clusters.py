"""The nearest living clusters of some clusters (Ward's distance) from lower bounds, proven in float64.

Products of short float32 rows (`pipeline.kernels.neighbours.lower_bounds`), or of full ones where no projection
shortens the data, bound the distances between centroids from below; those times ``m n / (m + n)`` (m and n rows) bound
Ward's. The clusters of smallest bound are evaluated from differences in float64. What this leaves open is decided by a
second product, after which every cluster that could be nearer is evaluated.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled
from pipeline.kernels.neighbours.certified_search import prepare_search
from pipeline.kernels.neighbours.exact_search import Frame, find_frame, kth_smallest, squared_distances
from pipeline.kernels.neighbours.lower_bounds import LowerBounds, contracting_basis, full_rows, shortened_rows

_QUERY_ROWS = 1024
_CLUSTER_ROWS = 2048
_CHUNK = 64
_PROBE_NEIGHBOURS = 8
_FLOAT32_ALLOWANCE = 1 - 2.0**-20  # six roundings of what a product is weighted with
_FLOAT64_ALLOWANCE = 1 - 2.0**-30


@dataclass(frozen=True, slots=True)
class Bounds:
    """Float32 rows of all clusters, in the places of the clusters; updated as these merge.

    Attributes
    ----------
    features : float32 [n, w]
    norms : float32 [n]
        Lowered, see `LowerBounds`.
    basis : float64 [D, p] or None
        None where the rows are full.
    frame : Frame
    slack, underflow : float
        See `LowerBounds`. A centroid is never longer than the longest of its rows: they hold for all clusters.
    """

    features: NDArray[np.float32]
    norms: NDArray[np.float32]
    basis: NDArray[np.float64] | None
    frame: Frame
    slack: float
    underflow: float

    @classmethod
    def of_rows(cls, rows: NDArray[np.float64]) -> "Bounds":
        """Shorten the rows as the neighbours' search would, or keep them as they are."""
        components = prepare_search(rows, min(_PROBE_NEIGHBOURS, len(rows) - 1)).components
        frame = find_frame(rows)
        basis = contracting_basis(rows, frame, components) if components else None
        found = _shorten(rows, frame, basis)
        return cls(found.rows, found.norms, basis, frame, found.slack, found.underflow)

    def update(self, places: NDArray[np.int64], centroids: NDArray[np.float64]) -> None:
        """Compute the rows of some clusters again."""
        found = _shorten(centroids, self.frame, self.basis)
        self.features[places] = found.rows
        self.norms[places] = found.norms


def _shorten(rows: NDArray[np.float64], frame: Frame, basis: NDArray[np.float64] | None) -> LowerBounds:
    return full_rows(rows, frame) if basis is None else shortened_rows(rows, frame, basis)


@dataclass(frozen=True, slots=True)
class Lists:
    """Of each cluster the nearest others that are known, and how near any other can be.

    Attributes
    ----------
    rows : int32 [n, m]
        Clusters by a row of theirs, nearest first; the first ``counts`` of a list are valid.
    distances : float64 [n, m]
        Ward's, ``m n / (m + n) |a - b|^2``, when the list was made.
    sizes : float64 [n, m]
        Of the clusters then.
    counts : int64 [n]
    limits : float64 [n]
        No cluster that descends from none of the list is nearer.
    """

    rows: NDArray[np.int32]
    distances: NDArray[np.float64]
    sizes: NDArray[np.float64]
    counts: NDArray[np.int64]
    limits: NDArray[np.float64]


def scan(
    queries: NDArray[np.int64],
    alive: NDArray[np.int64],
    groups: NDArray[np.int64],
    centroids: NDArray[np.float64],
    sizes: NDArray[np.float64],
    bounds: Bounds,
    lists: Lists,
) -> int:
    """Write the lists of some clusters anew.

    Parameters
    ----------
    queries : int64 [Q]
        The clusters, by their places.
    alive : int64 [n]
        Those that may be listed.
    groups : int64
        Of all places; no cluster is listed that is of the query's own group.
    centroids : float64 [places, D]
    sizes : float64 [places]
    bounds : Bounds
    lists : Lists

    Returns
    -------
    int
        How many needed the second product.

    Notes
    -----
    Time ``2 Q n w`` float32 operations and, a query, some two lists of float64 distances.
    """
    features, norms, others = bounds.features, bounds.norms, sizes.astype(np.float32)
    if len(alive) < len(features):
        features, norms, others = features[alive], norms[alive], others[alive]
    of_alive = groups[alive]
    length, repeated = lists.rows.shape[1], 0
    for start in range(0, len(queries), _QUERY_ROWS):
        part = queries[start : start + _QUERY_ROWS]
        own, own_norms, own_sizes = bounds.features[part], bounds.norms[part], sizes[part].astype(np.float32)
        found = np.empty((len(part), 2 * length), dtype=np.int32)
        values = np.empty((len(part), 2 * length), dtype=np.float32)
        counts, limits = np.zeros(len(part), dtype=np.int64), np.full(len(part), np.inf, dtype=np.float32)
        for first in range(0, len(alive), _CLUSTER_ROWS):
            tile = slice(first, first + _CLUSTER_ROWS)
            products = own @ features[tile].T
            _list_smallest(
                products, groups[part], of_alive[tile], alive[tile], own_norms, norms[tile], own_sizes, others[tile],
                length, found, values, counts, limits,
            )  # fmt: skip
        scale_sq = bounds.frame.scale**2
        unproven = _evaluate(
            part, found, counts, limits, centroids, sizes, bounds.slack, bounds.underflow, scale_sq,
            lists.rows, lists.distances, lists.sizes, lists.counts, lists.limits,
        )  # fmt: skip
        again = np.flatnonzero(unproven)
        repeated += len(again)
        part, own = part[again], own[again]
        for first in range(0, len(alive) if len(again) else 0, _CLUSTER_ROWS):
            tile = slice(first, first + _CLUSTER_ROWS)
            _evaluate_within(
                own @ features[tile].T, part, groups, of_alive[tile], alive[tile], own_norms[again], norms[tile],
                own_sizes[again], others[tile], centroids, sizes, bounds.slack, bounds.underflow, scale_sq,
                lists.rows, lists.distances, lists.sizes, lists.counts, lists.limits,
            )  # fmt: skip
    return repeated


@compiled
def _list_smallest(
    products: NDArray[np.float32],
    query_groups: NDArray[np.int64],
    groups: NDArray[np.int64],
    clusters: NDArray[np.int64],
    query_norms: NDArray[np.float32],
    norms: NDArray[np.float32],
    query_sizes: NDArray[np.float32],
    sizes: NDArray[np.float32],
    length: int,
    found: NDArray[np.int32],
    values: NDArray[np.float32],
    counts: NDArray[np.int64],
    limits: NDArray[np.float32],
) -> None:
    """Append those clusters of a tile whose bound is below the limit of the row; keep the ``length`` smallest."""
    two = np.float32(2)
    bounds = np.empty(products.shape[1], dtype=np.float32)
    for row in range(products.shape[0]):
        limit, norm, size, own_group = limits[row], query_norms[row], query_sizes[row], query_groups[row]
        for column in range(products.shape[1]):
            weight = size * sizes[column] / (size + sizes[column])
            bounds[column] = (norm + norms[column] - two * products[row, column]) * weight
        for begin in range(0, products.shape[1], _CHUNK):
            end = min(begin + _CHUNK, products.shape[1])
            hits = np.int32(0)
            for column in range(begin, end):
                hits += np.int32(bounds[column] < limit)
            if hits == 0:
                continue
            for column in range(begin, end):
                if not bounds[column] < limit or groups[column] == own_group:
                    continue
                found[row, counts[row]], values[row, counts[row]] = clusters[column], bounds[column]
                counts[row] += 1
                if counts[row] == found.shape[1]:
                    limit = np.float32(kth_smallest(values[row], length))
                    counts[row] = _keep_to(limit, length, found[row], values[row])
        limits[row] = limit


@compiled
def _keep_to(limit: np.float32, length: int, found: NDArray[np.int32], values: NDArray[np.float32]) -> int:
    """Move what is at most the limit to the front, ``length`` of it at most; how many."""
    kept = 0
    for place in range(found.shape[0]):
        if values[place] <= limit and kept < length:
            found[kept], values[kept] = found[place], values[place]
            kept += 1
    return kept


@compiled
def _evaluate(
    queries: NDArray[np.int64],
    found: NDArray[np.int32],
    counts: NDArray[np.int64],
    limits: NDArray[np.float32],
    centroids: NDArray[np.float64],
    sizes: NDArray[np.float64],
    slack: float,
    underflow: float,
    scale_sq: float,
    list_rows: NDArray[np.int32],
    list_distances: NDArray[np.float64],
    list_sizes: NDArray[np.float64],
    list_counts: NDArray[np.int64],
    list_limits: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Fill the lists from candidates; True where the nearest of them is not proven to be the nearest of all."""
    unproven = np.zeros(queries.shape[0], dtype=np.bool_)
    exact = np.empty(found.shape[1])
    for place in range(queries.shape[0]):
        query, count = queries[place], counts[place]
        rows = found[place, :count].astype(np.int64)
        ward_distances(query, rows, centroids, sizes, exact)
        limit = np.inf
        if limits[place] < np.inf:
            size = sizes[query]
            root = np.sqrt(max(np.float64(limits[place]) * _FLOAT32_ALLOWANCE - size * underflow, 0.0))
            root = root * _FLOAT64_ALLOWANCE - np.sqrt(size) * slack
            limit = max(root, 0.0) ** 2 * _FLOAT64_ALLOWANCE / scale_sq
        kept = fill_list(
            query, rows, exact, limit, sizes, list_rows, list_distances, list_sizes, list_counts, list_limits
        )
        unproven[place] = not kept <= limit
    return unproven


@compiled
def _evaluate_within(
    products: NDArray[np.float32],
    queries: NDArray[np.int64],
    groups: NDArray[np.int64],
    of_clusters: NDArray[np.int64],
    clusters: NDArray[np.int64],
    query_norms: NDArray[np.float32],
    norms: NDArray[np.float32],
    query_sizes: NDArray[np.float32],
    sizes32: NDArray[np.float32],
    centroids: NDArray[np.float64],
    sizes: NDArray[np.float64],
    slack: float,
    underflow: float,
    scale_sq: float,
    list_rows: NDArray[np.int32],
    list_distances: NDArray[np.float64],
    list_sizes: NDArray[np.float64],
    list_counts: NDArray[np.int64],
    list_limits: NDArray[np.float64],
) -> None:
    """Put into the lists all clusters of a tile that their bounds allow to be as near as the last of the list."""
    two = np.float32(2)
    one_row, one_distance = np.empty(1, dtype=np.int64), np.empty(1)
    for row in range(products.shape[0]):
        query, norm, size = queries[row], query_norms[row], query_sizes[row]
        last = list_counts[query] - 1
        reach = _reach(list_distances[query, last], sizes[query], slack, underflow, scale_sq)
        for column in range(products.shape[1]):
            weight = size * sizes32[column] / (size + sizes32[column])
            bound = (norm + norms[column] - two * products[row, column]) * weight
            cluster = clusters[column]
            if (
                bound > reach
                or of_clusters[column] == groups[query]
                or _is_listed(cluster, list_rows[query, : last + 1])
            ):
                continue
            one_row[0] = cluster
            ward_distances(query, one_row, centroids, sizes, one_distance)
            if one_distance[0] < list_distances[query, last]:
                list_rows[query, last] = cluster
                list_distances[query, last], list_sizes[query, last] = one_distance[0], sizes[cluster]
                _sink(list_rows[query], list_distances[query], list_sizes[query], last)
                reach = _reach(list_distances[query, last], sizes[query], slack, underflow, scale_sq)
        list_limits[query] = list_distances[query, last]


@compiled
def _reach(distance: float, size: float, slack: float, underflow: float, scale_sq: float) -> float:
    """The largest computed bound of a cluster that may be this near."""
    root = np.sqrt(distance * scale_sq) / _FLOAT64_ALLOWANCE + np.sqrt(size) * slack
    reach: float = (root / _FLOAT64_ALLOWANCE) ** 2 / _FLOAT32_ALLOWANCE + size * underflow
    return reach


@compiled
def _is_listed(cluster: int, rows: NDArray[np.int32]) -> bool:
    found = False
    for row in rows:
        found = found or row == cluster
    return found


@compiled
def _sink(rows: NDArray[np.int32], distances: NDArray[np.float64], sizes: NDArray[np.float64], place: int) -> None:
    """Move the entry at a place forward to where it belongs."""
    while place > 0 and (
        distances[place] < distances[place - 1]
        or (distances[place] == distances[place - 1] and rows[place] < rows[place - 1])
    ):
        rows[place], rows[place - 1] = rows[place - 1], rows[place]
        distances[place], distances[place - 1] = distances[place - 1], distances[place]
        sizes[place], sizes[place - 1] = sizes[place - 1], sizes[place]
        place -= 1


@compiled
def ward_distances(
    query: int,
    rows: NDArray[np.int64],
    centroids: NDArray[np.float64],
    sizes: NDArray[np.float64],
    distances: NDArray[np.float64],
) -> None:
    """Write Ward's distance of one cluster to some others: ``m n / (m + n) |a - b|^2``, from differences."""
    squared_distances(centroids[query], centroids, rows, distances)
    size = sizes[query]
    for place in range(rows.shape[0]):
        other = sizes[rows[place]]
        distances[place] *= size * other / (size + other)


@compiled
def fill_list(
    query: int,
    rows: NDArray[np.int64],
    exact: NDArray[np.float64],
    limit: float,
    sizes: NDArray[np.float64],
    list_rows: NDArray[np.int32],
    list_distances: NDArray[np.float64],
    list_sizes: NDArray[np.float64],
    list_counts: NDArray[np.int64],
    list_limits: NDArray[np.float64],
) -> float:
    """Write the nearest of some clusters as a list, equal distances by row; the least distance."""
    by_row = np.argsort(rows)
    order = by_row[np.argsort(exact[: rows.shape[0]][by_row], kind="mergesort")]
    count = min(rows.shape[0], list_rows.shape[1])
    for place in range(count):
        row = rows[order[place]]
        list_rows[query, place] = row
        list_distances[query, place], list_sizes[query, place] = exact[order[place]], sizes[row]
    list_counts[query] = count
    list_limits[query] = min(limit, exact[order[count]]) if count < rows.shape[0] else limit
    return exact[order[0]] if count else np.inf
