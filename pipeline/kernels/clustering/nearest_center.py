"""The nearest centre of every row, exactly: a float32 product decides where it can, float64 differences elsewhere.

With ``x`` a row and ``c`` a centre, both about a common origin and in units that keep them well within float32,
``|x - c|^2 = |x|^2 + (|c|^2 - 2 x.c)``. The float32 expansion lies within ``margin (|x|^2 + |c|^2)`` of the truth,
``margin = 1.01 D u / (1 - D u) + 16 u`` with ``u = 2^-24`` (see `pipeline.kernels.neighbours.exact_search`). Where the
second smallest lower bound exceeds the smallest upper bound the label is proven; else all centres that may be the
nearest are evaluated from differences in float64, ties to the lowest. So labels depend neither on the blocks nor on the
library that multiplies.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import Vectors
from pipeline.kernels.compiled import compiled
from pipeline.kernels.neighbours.exact_search import squared_distance

TILE_ROWS = 2048

_UNIT_ROUNDOFF = 2.0**-24
_PLAIN_RANGE = 2.0**30
_ABOVE, _BELOW = 1 + 2.0**-40, 1 - 2.0**-40  # for the rounding of bounds


@dataclass(frozen=True, slots=True)
class ProductFrame:
    """Where rows are moved to and how they are scaled before they are multiplied.

    Attributes
    ----------
    origin : float64 [D]
    scale : float
        A power of two.
    plain : bool
        Rows are multiplied as they are: origin 0, scale 1, float32.
    """

    origin: NDArray[np.float64]
    scale: float
    plain: bool


@dataclass(frozen=True, slots=True)
class PreparedCenters:
    """Centres with what a product needs of them.

    Attributes
    ----------
    values : float32 or float64 [k, D]
        As they are.
    tile : float32 [D, k]
        About the origin, scaled, transposed.
    low_norms : float32 [k]
        Squared norms less the error of the product.
    slack : float64 [k]
        Upper less lower bound, the row's share left out.
    margin, underflow : float
    frame : ProductFrame
    """

    values: Vectors
    tile: NDArray[np.float32]
    low_norms: NDArray[np.float32]
    slack: NDArray[np.float64]
    margin: float
    underflow: float
    frame: ProductFrame


class NearestCenters(Protocol):
    """Finds the nearest centre of every row, wherever it multiplies; picklable where tasks go to other processes."""

    def __call__(
        self, rows: Vectors, centers: PreparedCenters
    ) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
        """As `nearest_centers`: the same labels, and bounds that hold."""


def choose_frame(
    origin: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], dtype: np.dtype[np.generic]
) -> ProductFrame:
    """Multiply float32 rows as they are unless their common offset would cost digits, or their range is extreme.

    Parameters
    ----------
    origin, low, high : float64 [D]
        About the mean, and the least and largest values of every column.
    dtype : dtype
        Of the rows.
    """
    reach = np.maximum(high - origin, origin - low)
    extent = float(reach.max(initial=0.0))
    offset_sq, spread_sq = float(origin @ origin), float(reach @ reach) / 16
    far = float(np.maximum(np.abs(low), np.abs(high)).max(initial=0.0))
    plain = dtype == np.float32 and offset_sq <= spread_sq and 1 / _PLAIN_RANGE < far < _PLAIN_RANGE
    if plain:
        return ProductFrame(np.zeros_like(origin), 1.0, plain=True)
    exponent = max(math.frexp(extent)[1], -500)
    return ProductFrame(origin, math.ldexp(1.0, -exponent) if extent > 0 else 1.0, plain=False)


def prepare_centers(centers: Vectors, frame: ProductFrame) -> PreparedCenters:
    """Move, scale and transpose the centres, once a sweep."""
    width = centers.shape[1]
    error = width * _UNIT_ROUNDOFF / (1 - width * _UNIT_ROUNDOFF)
    margin = 1.01 * error + 16 * _UNIT_ROUNDOFF
    underflow = width * 2.0**-118
    moved = (centers.astype(np.float64) - frame.origin) * frame.scale
    tile = np.ascontiguousarray(moved.astype(np.float32).T)
    norms = np.einsum("ji,ji->i", tile, tile, dtype=np.float64)
    low_norms = (norms * (1 - margin) - underflow).astype(np.float32)
    return PreparedCenters(centers, tile, low_norms, 2 * margin * norms + 2 * underflow, margin, underflow, frame)


def framed_rows(rows: Vectors, frame: ProductFrame) -> NDArray[np.float32]:
    """Rows as they are multiplied; the rows themselves where the frame is plain."""
    if frame.plain:
        return np.asarray(rows, dtype=np.float32)
    moved: NDArray[np.float64] = np.subtract(rows, frame.origin, dtype=np.float64)
    moved *= frame.scale
    return moved.astype(np.float32)


def nearest_centers(
    rows: Vectors, centers: PreparedCenters
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Find the nearest centre of every row.

    Returns
    -------
    labels : int32 [N]
        Ties to the lowest.
    upper, lower : float64 [N]
        The distance to that centre is at most ``upper``, to any other at least ``lower`` (infinity for one centre).

    Notes
    -----
    Time ``2 N k D`` float32 operations; memory ``4 * 2048 (k + D)`` bytes.
    """
    labels = np.empty(len(rows), np.int32)
    upper, lower = np.empty(len(rows)), np.empty(len(rows))
    for start in range(0, len(rows), TILE_ROWS):
        part = slice(start, start + TILE_ROWS)
        tile = framed_rows(rows[part], centers.frame)
        norms = np.einsum("ij,ij->i", tile, tile, dtype=np.float64)
        _decide(
            tile @ centers.tile,
            norms,
            centers.low_norms,
            centers.slack,
            centers.margin,
            1 / centers.frame.scale,
            rows[part],
            centers.values,
            labels[part],
            upper[part],
            lower[part],
        )
    return labels, upper, lower


def settle(
    rows: Vectors,
    centers: PreparedCenters,
    norms: NDArray[np.float64],
    best: NDArray[np.int64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Decide from each row's two least lower bounds, made elsewhere; what they do not prove is multiplied again here.

    Parameters
    ----------
    rows : float32 or float64 [N, D]
    centers : PreparedCenters
    norms : float64 [N]
        Squared norms of the framed rows.
    best : int64 [N]
        Centre of the least bound.
    first, second : float64 [N]
        The least bounds ``low_norms - 2 x.c`` of float32 products; infinite where there is no second centre.

    Returns
    -------
    labels, upper, lower
        As `nearest_centers`.
    """
    own = 2 * centers.margin * norms
    limit = first + centers.slack[best] + own
    base = norms * (1 - centers.margin)
    unit = 1 / centers.frame.scale
    labels = best.astype(np.int32)
    upper = unit * np.sqrt(np.maximum(base + limit, 0.0)) * _ABOVE
    lower = unit * np.sqrt(np.maximum(base + second, 0.0)) * _BELOW
    left_open = np.flatnonzero(~(second > limit))
    if len(left_open):
        labels[left_open], upper[left_open], lower[left_open] = nearest_centers(rows[left_open], centers)
    return labels, upper, lower


@compiled
def _decide(
    products: NDArray[np.float32],
    norms: NDArray[np.float64],
    low_norms: NDArray[np.float32],
    slack: NDArray[np.float64],
    margin: float,
    unit: float,
    rows: Vectors,
    centers: Vectors,
    labels: NDArray[np.int32],
    upper: NDArray[np.float64],
    lower: NDArray[np.float64],
) -> None:
    two = np.float32(2)
    n_centers = products.shape[1]
    values = np.empty(n_centers, np.float32)
    for row in range(products.shape[0]):
        for j in range(n_centers):
            values[j] = low_norms[j] - two * products[row, j]
        best, first, second = 0, np.float32(np.inf), np.float32(np.inf)
        for j in range(n_centers):
            value = values[j]
            if value < second:
                if value < first:
                    second, first, best = first, value, j
                else:
                    second = value
        own = 2 * margin * norms[row]
        limit = np.float64(first) + slack[best] + own
        base = norms[row] * (1 - margin)
        if np.float64(second) > limit:
            labels[row] = best
            upper[row] = _above(unit * np.sqrt(max(base + limit, 0.0)))
            lower[row] = _below(unit * np.sqrt(max(base + np.float64(second), 0.0)))
            continue
        nearest, runner_up = np.inf, np.inf
        for j in range(n_centers):
            if np.float64(values[j]) <= limit:
                distance_sq = squared_distance(rows[row], centers[j])
                if distance_sq < nearest:
                    nearest, runner_up, best = distance_sq, nearest, j
                elif distance_sq < runner_up:
                    runner_up = distance_sq
        labels[row] = best
        upper[row] = _above(np.sqrt(nearest))
        others = unit * np.sqrt(max(base + limit, 0.0))
        lower[row] = _below(min(np.sqrt(runner_up), others)) if n_centers > 1 else np.inf


@compiled
def _above(value: float) -> float:
    return value * _ABOVE


@compiled
def _below(value: float) -> float:
    return value * _BELOW


@compiled
def own_distances_sq(
    rows: Vectors, centers: Vectors, labels: NDArray[np.int32], chosen: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Squared distance of some rows to their own centres, from differences in float64."""
    found = np.empty(chosen.shape[0])
    for i in range(chosen.shape[0]):
        row = chosen[i]
        found[i] = squared_distance(rows[row], centers[labels[row]])
    return found
