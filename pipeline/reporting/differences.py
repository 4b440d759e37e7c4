"""The difference of two pictures as a picture, so that a person can see what a pair of files has not in common."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SHOWN_PX = 240
_TRIED_PX = 96  # longest edge at which the turns are compared
_SAME_SHAPE = 0.03  # two widths over heights that differ by no more are of one shape


@dataclass(frozen=True, slots=True)
class Difference:
    """Gray uint8 [height, width] of at most 240 px, black where nothing differs, and how it is to be read.

    A pixel is the largest difference of those that it stands for, so that a single one is seen.
    """

    pixels: NDArray[np.uint8]
    note: str


def difference_picture(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Difference | None:
    """Return the absolute difference, brightened so that its largest value is white.

    The second is laid over the first in that of its eight turns and mirror images which differs least; the larger of
    the two is shrunk to the smaller. Where the shapes differ but not the widths, the upper rows that both have are
    compared, as for another data bar.

    Parameters
    ----------
    first, second : uint8 [height, width]

    Returns
    -------
    Difference or None
        None where the shapes have nothing in common, as for a crop.

    Examples
    --------
    >>> one = np.arange(12, dtype=np.uint8).reshape(3, 4)
    >>> difference_picture(one, np.rot90(one)).note
    'no difference (turned or mirrored)'
    """
    turns = [turn for turn in _turns(second) if _same_shape(first, turn)]
    if not turns:
        if first.shape[1] != second.shape[1]:
            return None
        rows = min(len(first), len(second))
        return _brightened(first[:rows], second[:rows], f" in the {rows:,} upper rows")
    costs = [_cost(first, turn) for turn in turns]
    best = int(np.argmin(costs))
    turned = " (turned or mirrored)" if turns[best] is not turns[0] or turns[0].shape != second.shape else ""
    return _brightened(*_alike(first, turns[best]), turned)


def _turns(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [np.rot90(side, quarter) for side in (pixels, pixels[:, ::-1]) for quarter in range(4)]


def _same_shape(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
    ratio = (first.shape[1] * second.shape[0]) / (first.shape[0] * second.shape[1])
    return bool(abs(ratio - 1) <= _SAME_SHAPE)


def _cost(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    edge = min(_TRIED_PX, *first.shape, *second.shape)
    small = [_shrunk(pixels, (edge, edge)).astype(np.float64) for pixels in (first, second)]
    return float(np.abs(small[0] - small[1]).mean())


def _alike(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Both in the size of the smaller one."""
    if first.shape == second.shape:
        return first, second
    height, width = min(first.shape, second.shape, key=lambda shape: shape[0] * shape[1])
    return _shrunk(first, (width, height)), _shrunk(second, (width, height))


def _shrunk(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.BOX))


def _brightened(first: NDArray[np.uint8], second: NDArray[np.uint8], where: str) -> Difference:
    apart = np.abs(first.astype(np.int16) - second.astype(np.int16))
    most = int(apart.max(initial=0))
    if not most:
        return Difference(np.zeros_like(first), f"no difference{where}")
    factor = 255 / most
    note = f"largest difference {most}{where}" + (f", brightened {factor:.0f} times" if factor >= 2 else "")
    return Difference((_largest(apart) * factor).astype(np.uint8), note)


def _largest(apart: NDArray[np.int16]) -> NDArray[np.int16]:
    """The largest value of each block of a grid of at most `_SHOWN_PX` blocks a side."""
    step = -(-max(apart.shape) // _SHOWN_PX)
    for axis in (0, 1):
        apart = np.maximum.reduceat(apart, np.arange(0, apart.shape[axis], step), axis=axis)
    return apart
