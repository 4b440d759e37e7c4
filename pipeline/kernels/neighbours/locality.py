"""An order of rows in which near rows mostly stand together, so that tiles of rows are compact."""

import numpy as np
from numpy.typing import NDArray

_ROWS_PER_CENTER = 256
_MOST_CENTERS = 512
_SAMPLE_PER_CENTER = 32
_SWEEPS = 3
_BLOCK_ROWS = 4096


def locality_order(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """Sort rows by the nearest of about ``N / 256`` centres, and the centres along a path of near ones.

    Only speed may depend on this order: neither its quality nor its bits are promised. Seeded; time
    ``2 N p N / 256`` float32 operations at most.
    """
    n_centers = min(len(rows) // _ROWS_PER_CENTER, _MOST_CENTERS)
    if n_centers < 2:
        return np.arange(len(rows))
    centers = _centers(rows, n_centers)
    place = np.empty(n_centers, dtype=np.int64)
    place[_path(centers)] = np.arange(n_centers)
    order: NDArray[np.int64] = np.argsort(place[_nearest(rows, centers)], kind="stable")
    return order


def _centers(rows: NDArray[np.float32], n_centers: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    sample = rows[np.sort(rng.permutation(len(rows))[: n_centers * _SAMPLE_PER_CENTER])]
    centers = sample[rng.permutation(len(sample))[:n_centers]]
    for _ in range(_SWEEPS):
        nearest = _nearest(sample, centers)
        counts = np.bincount(nearest, minlength=n_centers)
        by_center = sample[np.argsort(nearest, kind="stable")]
        filled = np.flatnonzero(counts)
        starts = (np.cumsum(counts) - counts)[filled]
        centers[filled] = np.add.reduceat(by_center, starts, axis=0) / counts[filled, None]
    return centers


def _nearest(rows: NDArray[np.float32], centers: NDArray[np.float32]) -> NDArray[np.int64]:
    norms = np.einsum("ij,ij->i", centers, centers)
    nearest = np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), _BLOCK_ROWS):
        products = rows[start : start + _BLOCK_ROWS] @ (-2 * centers).T
        nearest[start : start + _BLOCK_ROWS] = (products + norms).argmin(axis=1)
    return nearest


def _path(centers: NDArray[np.float32]) -> list[int]:
    """Always go on to the nearest centre not yet visited."""
    norms = np.einsum("ij,ij->i", centers, centers)
    distances_sq = norms[:, None] + norms - 2 * (centers @ centers.T)
    np.fill_diagonal(distances_sq, np.inf)
    path = [int(np.argmin(norms))]
    for _ in range(len(centers) - 1):
        distances_sq[:, path[-1]] = np.inf
        path.append(int(np.argmin(distances_sq[path[-1]])))
    return path
