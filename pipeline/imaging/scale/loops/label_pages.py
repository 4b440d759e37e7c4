"""A label cut out of a picture as a page of dark print on white, with a margin of white around it."""

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.loops.level_counts import level_of_rank, median_of_counts
from pipeline.kernels.compiled import compiled

_WHITE = 255
_LEVELS = 256


@compiled
def print_page(
    cut: NDArray[np.uint8], foreground: NDArray[np.uint8], near: NDArray[np.uint8], margin: int
) -> NDArray[np.uint8]:
    """Print on constant background: what differs from the background's level, to either side, is as dark as it differs.

    Parameters
    ----------
    cut : uint8 ndarray, [height, width]
    foreground : uint8 ndarray, [height, width]
        Not 0 where there is foreground. The background's level is the median elsewhere, 0 where there is no elsewhere.
    near : uint8 ndarray, [height, width]
        What is 0 here becomes white.
    margin : int
        White pixels on each side.

    Returns
    -------
    uint8 ndarray, [height + 2 margin, width + 2 margin]
        The darkest pixel is 0.
    """
    height, width = cut.shape
    counts = _counted(cut, foreground)
    background = int(median_of_counts(counts))
    darkest = 1
    for row in range(height):
        for column in range(width):
            if near[row, column] != 0:
                darkest = max(darkest, abs(int(cut[row, column]) - background))
    shades = np.empty(_LEVELS, np.uint8)
    for level in range(_LEVELS):
        shades[level] = np.rint(_WHITE - min(abs(level - background) * (_WHITE / darkest), float(_WHITE)))
    page = np.full((height + 2 * margin, width + 2 * margin), _WHITE, np.uint8)
    for row in range(height):
        for column in range(width):
            if near[row, column] != 0:
                page[row + margin, column + margin] = shades[cut[row, column]]
    return page


@compiled
def risen_page(
    cut: NDArray[np.uint8],
    foreground: NDArray[np.uint8],
    beside: NDArray[np.uint8],
    least_ground: int,
    share: float,
    margin: int,
) -> NDArray[np.uint8]:
    """Print on a specimen: what rises above the ground's levels, towards the foreground's.

    Parameters
    ----------
    cut : uint8 ndarray, [height, width]
    foreground : uint8 ndarray, [height, width]
        Not 0 where there is foreground.
    beside : uint8 ndarray, [height, width]
        Not 0 at the foreground and beside it: the ground is elsewhere, or where there is no foreground if that is less
        than ``least_ground`` pixels.
    least_ground : int
    share : float
        The quantile of the ground, measured from its median towards the foreground, up to which it becomes white.
    margin : int
        White pixels on each side.

    Returns
    -------
    uint8 ndarray, [height + 2 margin, width + 2 margin]
        The darkest pixel is 0; all white without foreground or without ground.
    """
    height, width = cut.shape
    page = np.full((height + 2 * margin, width + 2 * margin), _WHITE, np.uint8)
    ground = _counted(cut, beside)
    if ground.sum() < least_ground:
        ground = _counted(cut, foreground)
    every = _counted(cut, np.zeros_like(foreground))
    covered = every - _counted(cut, foreground)
    if ground.sum() == 0 or covered.sum() == 0:
        return page
    middle = median_of_counts(ground)
    sign = 1 if median_of_counts(covered) > middle else -1
    background = max(0.0, _quantile_from(ground, middle, sign, share))
    risen = np.zeros(_LEVELS)
    highest = 1.0
    for level in range(_LEVELS):
        risen[level] = max(sign * (level - middle) - background, 0.0)
        if every[level] > 0:
            highest = max(highest, risen[level])
    for row in range(height):
        for column in range(width):
            page[row + margin, column + margin] = np.rint(_WHITE - risen[cut[row, column]] * (_WHITE / highest))
    return page


@compiled
def _counted(cut: NDArray[np.uint8], left_out: NDArray[np.uint8]) -> NDArray[np.int32]:
    """How many pixels have each level, where ``left_out`` is 0."""
    counts = np.zeros(_LEVELS, np.int32)
    for row in range(cut.shape[0]):
        for column in range(cut.shape[1]):
            if left_out[row, column] == 0:
                counts[cut[row, column]] += 1
    return counts


@compiled
def _quantile_from(counts: NDArray[np.int32], middle: float, sign: int, share: float) -> float:
    """The quantile of how far levels are from ``middle`` towards a side; between two values as NumPy's default."""
    last = int(counts.sum()) - 1
    place = share * last
    rank = min(int(place), last)
    following = min(rank + 1, last)
    if sign < 0:
        rank, following = last - rank, last - following
    lower = sign * (level_of_rank(counts, rank) - middle)
    upper = sign * (level_of_rank(counts, following) - middle)
    part = place - int(place)
    return lower + (upper - lower) * part if part < 0.5 else upper - (upper - lower) * (1.0 - part)
