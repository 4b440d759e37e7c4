"""Statistics of gray levels that occur side by side, averaged over four directions.

References
----------
Haralick, Shanmugam and Dinstein 1973, doi:10.1109/TSMC.1973.4309314.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled

LEVELS = 32
STEPS = (1, 2, 4, 8)
"""Distances in pixels."""

STATISTICS = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation", "entropy")
WIDTH = len(STEPS) * len(STATISTICS)


def cooccurrence_statistics(levels: NDArray[np.int64]) -> NDArray[np.float64]:
    """`STATISTICS` at each of `STEPS`.

    Parameters
    ----------
    levels : int64 [H, W]
        0 to 31; H and W greater than 8.

    Returns
    -------
    float64 [24]
        A picture of one level has correlation 1, as its neighbours are all alike.
    """
    difference = np.subtract.outer(np.arange(LEVELS), np.arange(LEVELS)).astype(np.float64)
    found = []
    for step in STEPS:
        offsets = ((0, step), (step, step), (step, 0), (step, -step))
        found.append(np.mean([_statistics(_pairs(levels, *offset), difference) for offset in offsets], axis=0))
    return np.concatenate(found)


def _statistics(pairs: NDArray[np.float64], difference: NDArray[np.float64]) -> NDArray[np.float64]:
    share = pairs / pairs.sum()
    levels = np.arange(LEVELS)
    mean = float((share.sum(axis=1) * levels).sum())
    variance = float((share.sum(axis=1) * (levels - mean) ** 2).sum())
    together = float((share * np.outer(levels - mean, levels - mean)).sum())
    filled = share[share > 0]
    return np.array(
        [
            (share * difference**2).sum(),
            (share * np.abs(difference)).sum(),
            (share / (1 + difference**2)).sum(),
            np.sqrt((share**2).sum()),
            together / variance if variance > 0 else 1.0,
            -(filled * np.log(filled)).sum(),
        ]
    )


@compiled
def _pairs(levels: NDArray[np.int64], down: int, right: int) -> NDArray[np.float64]:
    """How often each two levels occur at an offset, in both orders."""
    height, width = levels.shape
    counts = np.zeros((LEVELS, LEVELS))
    for y in range(height - down):
        for x in range(max(0, -right), min(width, width - right)):
            one, other = levels[y, x], levels[y + down, x + right]
            counts[one, other] += 1
            counts[other, one] += 1
    return counts
