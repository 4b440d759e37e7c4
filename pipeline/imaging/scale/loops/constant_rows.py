"""Blocks of rows of one gray level, as the background of a data bar is, with print on it or without."""

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.loops.level_counts import count_near
from pipeline.kernels.compiled import compiled

_LEVEL_DRIFT = 3
_LONGEST_GAP_PX = 3
_LONGEST_DENSE_GAP_PX = 40
_DENSE_DRIFT = 16
_DENSE_BACKGROUND_SHARE = 0.3


@compiled
def constant_runs(
    rows: NDArray[np.uint8], levels: NDArray[np.int16], is_flat: NDArray[np.bool_], tolerance: int
) -> NDArray[np.int32]:
    """Runs of flat rows of one level.

    Bridged are gaps of up to 3 rows (lines), and of up to 40 rows of dense print: their own median stays near the run's
    level (the noise of JPEG coding spoils the background between the letters), or a third of each row is background.

    Parameters
    ----------
    rows : uint8 ndarray, [rows, columns]
    levels : int16 ndarray, [rows]
        The median of each.
    is_flat : bool ndarray, [rows]
        Which ones are mostly of one level.
    tolerance : int
        How far background may be from the run's level.

    Returns
    -------
    int32 ndarray, [runs, 2]
        The first row of each, and the row after its last.
    """
    found = np.empty((len(levels), 2), np.int32)
    count = 0
    first, last, level = -1, -1, 0
    for row in range(len(levels)):
        if not is_flat[row]:
            continue
        goes_on = first >= 0 and abs(int(levels[row]) - level) <= _LEVEL_DRIFT
        if goes_on and row - last > _LONGEST_GAP_PX:
            goes_on = _is_bridge(rows[last:row], levels[last:row], level, tolerance)
        if not goes_on:
            if first >= 0:
                found[count, 0], found[count, 1] = first, last
                count += 1
            first, level = row, int(levels[row])
        last = row + 1
    if first >= 0:
        found[count, 0], found[count, 1] = first, last
        count += 1
    return found[:count]


@compiled
def _is_bridge(rows: NDArray[np.uint8], levels: NDArray[np.int16], level: int, tolerance: int) -> bool:
    if len(levels) > _LONGEST_DENSE_GAP_PX:
        return False
    for row in range(len(levels)):
        if abs(int(levels[row]) - level) <= _DENSE_DRIFT:
            continue
        if count_near(rows[row : row + 1], level, tolerance) / rows.shape[1] < _DENSE_BACKGROUND_SHARE:
            return False
    return True
