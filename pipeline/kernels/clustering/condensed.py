"""All distances between distinct rows, each pair once, as SciPy's condensed matrix has them."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StageError, UsageError
from pipeline.kernels.compiled import compiled
from pipeline.kernels.neighbours.exact_search import squared_distance

Condensed = NDArray[np.float32] | NDArray[np.float64]

MEMORY_LIMIT_BYTES = 6 << 30
"""What a condensed matrix may take, unless told otherwise: 56,755 distinct rows in float32."""

FLOAT64_BYTES = 1 << 30
"""Matrices up to this size are kept in float64 (16,384 rows), larger ones in float32."""

_TILE_ROWS = 1024
_NARROW = 16
_CANCELS = 1e-6


def room_for(n_rows: int, *, method: str, limit_bytes: int, storage: Condensed | None) -> Condensed:
    """Give the place for a condensed matrix: the one handed in, or memory.

    Parameters
    ----------
    n_rows : int
        Distinct rows.
    method : str
        For the message.
    limit_bytes : int
        The most that may be taken where ``storage`` is None.
    storage : float32 or float64 [at least n_rows (n_rows - 1) / 2], optional
        For example a memory map; what it holds is written over.

    Raises
    ------
    StageError
        More than ``limit_bytes``.
    UsageError
        A ``storage`` that is too short or of another type.
    """
    pairs = n_rows * (n_rows - 1) // 2
    if storage is not None:
        if storage.ndim != 1 or storage.dtype not in (np.float32, np.float64) or len(storage) < pairs:
            raise UsageError(
                f"the storage is {storage.dtype} of the shape {storage.shape}; expected float32 or float64, "
                f"[at least {pairs}]"
            )
        return storage.view(np.ndarray)
    if 8 * pairs <= min(FLOAT64_BYTES, limit_bytes):
        return np.empty(pairs, dtype=np.float64)
    if 4 * pairs > limit_bytes:
        raise StageError(
            f"{method} linkage of {n_rows:,} rows would hold {4 * pairs / 2**30:.1f} GiB of distances, more "
            f"than the limit of {limit_bytes / 2**30:.1f} GiB; use ward, a sample, a higher limit, or hand in a "
            "memory map as the storage"
        )
    return np.empty(pairs, dtype=np.float32)


def fill_condensed(rows: NDArray[np.float64], out: Condensed, *, squared: bool) -> None:
    """Write the distances between all rows.

    Tiles of float64 products; pairs whose squared distance is below a millionth of their squared norms, and all pairs
    of rows of at most 16 features, are computed from differences, so that what ties stays tied there.

    Parameters
    ----------
    rows : float64 [n, D]
        Centred, without copies.
    out : float32 or float64 [n (n - 1) / 2]
    squared : bool
        Leave out the root.

    Notes
    -----
    Time ``N^2 D`` float64 operations; 8 MiB.
    """
    n_rows, width = rows.shape
    norms = np.einsum("ij,ij->i", rows, rows)
    cancels = math.inf if width <= _NARROW else _CANCELS
    room = np.zeros(_TILE_ROWS * _TILE_ROWS)
    for first in range(0, n_rows, _TILE_ROWS):
        for second in range(first, n_rows, _TILE_ROWS):
            ones, others = rows[first : first + _TILE_ROWS], rows[second : second + _TILE_ROWS]
            products = room[: len(ones) * len(others)].reshape(len(ones), len(others))
            if width > _NARROW:
                np.matmul(ones, others.T, out=products)
            _write_tile(products, rows, norms, first, second, cancels, squared, out)


@compiled
def _write_tile(
    products: NDArray[np.float64],
    rows: NDArray[np.float64],
    norms: NDArray[np.float64],
    first: int,
    second: int,
    cancels: float,
    squared: bool,
    out: Condensed,
) -> None:
    n_rows = rows.shape[0]
    others = norms[second : second + products.shape[1]]
    for i in range(products.shape[0]):
        row = first + i
        skipped = max(row + 1 - second, 0)
        values = products[i]
        # Without branches, so that it is done in vector units.
        near = 0
        for j in range(values.shape[0]):
            norm = norms[row] + others[j]
            values[j] = norm - 2.0 * values[j]
            near += not values[j] > cancels * norm
        if near:
            for j in range(skipped, values.shape[0]):
                if not values[j] > cancels * (norms[row] + others[j]):
                    values[j] = squared_distance(rows[row], rows[second + j])
        if skipped < values.shape[0]:
            begin = row_start(row, n_rows) + second
            wanted = values[skipped:]
            written = out[begin + skipped : begin + values.shape[0]]
            if squared:
                for j in range(written.shape[0]):
                    written[j] = wanted[j]
            else:
                for j in range(written.shape[0]):
                    written[j] = np.sqrt(wanted[j])


@compiled
def row_start(row: int, n_rows: int) -> int:
    """Where the entry of (row, column) would stand for column 0; it stands ``column`` farther, for column > row."""
    return row * (2 * n_rows - row - 1) // 2 - row - 1


@compiled
def entry(one: int, other: int, n_rows: int) -> int:
    """Where the distance between two different rows stands."""
    low, high = min(one, other), max(one, other)
    return row_start(low, n_rows) + high
