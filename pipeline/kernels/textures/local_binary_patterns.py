"""Uniform local binary patterns, the same for every quarter turn and mirror image.

References
----------
Ojala, Pietikainen and Maenpaa 2002, doi:10.1109/TPAMI.2002.1017623.
"""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled

CIRCLES = ((8, 1.0), (16, 2.0), (24, 3.0))
"""Numbers of points and radii in pixels."""

WIDTH = sum(points + 2 for points, _ in CIRCLES)


def local_binary_patterns(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of pixels by the number of brighter points on a circle around them, for each of `CIRCLES`.

    Parameters
    ----------
    picture : float64 [H, W]
        H and W at least 8.

    Returns
    -------
    float64 [54]
        For P points: P + 1 shares of the patterns with at most two changes between brighter and darker, by how many
        points are brighter (or equal), and the share of all other patterns. Each circle's add up to 1.
    """
    return np.concatenate([_shares(picture, *_offsets(points, radius)) for points, radius in CIRCLES])


def _offsets(points: int, radius: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    angles = 2 * math.pi * np.arange(points) / points
    # Rounded, so that points that lie on pixels are those pixels in all quarter turns.
    return np.round(-radius * np.sin(angles), 9), np.round(radius * np.cos(angles), 9)


@compiled
def _shares(
    picture: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    height, width = picture.shape
    points = len(rows)
    margin = int(np.ceil(np.abs(rows).max()))
    counts = np.zeros(points + 2)
    brighter = np.zeros(points, np.bool_)
    for y in range(margin, height - margin):
        for x in range(margin, width - margin):
            for p in range(points):
                top, left = int(np.floor(rows[p])), int(np.floor(columns[p]))
                down, right = rows[p] - top, columns[p] - left
                # A point on a pixel must not look beyond it: the picture may end there.
                below = top + 1 if down > 0 else top
                beside = left + 1 if right > 0 else left
                upper = (1 - right) * picture[y + top, x + left] + right * picture[y + top, x + beside]
                lower = (1 - right) * picture[y + below, x + left] + right * picture[y + below, x + beside]
                brighter[p] = (1 - down) * upper + down * lower >= picture[y, x] - 1e-9
            changes, bright = 0, 0
            for p in range(points):
                bright += brighter[p]
                changes += brighter[p] != brighter[p - 1]
            counts[bright if changes <= 2 else points + 1] += 1
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares
