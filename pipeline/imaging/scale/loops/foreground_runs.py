"""Horizontal runs of a mask and the connected pieces they make up, without a label for each pixel.

Print covers little of a picture: a list of its runs is found in a fraction of the time that labelling all pixels takes,
and boxes and areas follow from the runs alone. Runs are joined with union-find, row by row.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled
from pipeline.kernels.union_find import find_root

_WORD: Final = 8
_FIRST_CAPACITY: Final = 1024


def runs(mask: NDArray[np.uint8]) -> NDArray[np.int32]:
    """All horizontal runs of a mask.

    Parameters
    ----------
    mask : uint8 ndarray, [height, width]
        Of 0 and 1.

    Returns
    -------
    int32 ndarray, [runs, 3]
        Row, first column, column after the last; row by row, from left to right.
    """
    height, width = mask.shape
    if not mask.size:
        return np.zeros((0, 3), np.int32)
    if width % _WORD or not mask.flags.c_contiguous:
        padded = np.zeros((height, -(-width // _WORD) * _WORD), np.uint8)
        padded[:, :width] = mask
        mask = padded
    return _runs(mask, mask.view(np.uint64))


@compiled
def _more_room(runs: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    if count < len(runs):
        return runs
    larger = np.empty((2 * count, 3), np.int32)
    for run in range(count):
        for value in range(3):
            larger[run, value] = runs[run, value]
    return larger


@compiled
def _runs(mask: NDArray[np.uint8], words: NDArray[np.uint64]) -> NDArray[np.int32]:
    found = np.empty((_FIRST_CAPACITY, 3), np.int32)
    count = 0
    all_covered = np.uint64(0x0101010101010101)
    for row in range(mask.shape[0]):
        first = -1
        for k in range(words.shape[1]):
            word = words[row, k]
            if word == (all_covered if first >= 0 else np.uint64(0)):
                continue
            for column in range(_WORD * k, _WORD * k + _WORD):
                if mask[row, column] == 0:
                    if first >= 0:
                        found = _more_room(found, count)
                        found[count, 0], found[count, 1], found[count, 2] = row, first, column
                        count += 1
                        first = -1
                elif first < 0:
                    first = column
        if first >= 0:
            found = _more_room(found, count)
            found[count, 0], found[count, 1], found[count, 2] = row, first, mask.shape[1]
            count += 1
    return found[:count]


@compiled
def long_runs(mask: NDArray[np.uint8], shortest: int) -> NDArray[np.int32]:
    """The runs of a mask that have at least a given length, as `runs` gives them.

    Only every ``shortest``-th pixel of a row is looked at first: a run as long as that covers one of them.

    Parameters
    ----------
    mask : uint8 ndarray, [height, width]
        Not 0 where there is foreground.
    shortest : int
        In pixels, 1 or more.
    """
    height, width = mask.shape
    found = np.empty((_FIRST_CAPACITY, 3), np.int32)
    count = 0
    for row in range(height):
        column = shortest - 1
        while column < width:
            if mask[row, column] == 0:
                column += shortest
                continue
            first, end = column, column + 1
            while first > 0 and mask[row, first - 1] != 0:
                first -= 1
            while end < width and mask[row, end] != 0:
                end += 1
            if end - first >= shortest:
                found = _more_room(found, count)
                found[count, 0], found[count, 1], found[count, 2] = row, first, end
                count += 1
            column = end + shortest
    return found[:count]


@compiled
def owners(runs: NDArray[np.int32]) -> tuple[NDArray[np.int64], int]:
    """To which 8-connected piece each run belongs, and how many there are.

    Parameters
    ----------
    runs : int32 ndarray, [runs, 3]
        Sorted by row, then column.

    Returns
    -------
    int64 ndarray [runs], int
        Pieces are counted from 0 in the order of their first runs.
    """
    n = len(runs)
    parent = np.arange(n)
    above = 0
    for run in range(n):
        row, first, end = runs[run]
        while above < run and (runs[above, 0] < row - 1 or (runs[above, 0] < row and runs[above, 2] < first)):
            above += 1
        touching = above
        while touching < run and runs[touching, 0] < row and runs[touching, 1] <= end:
            one, other = find_root(parent, run), find_root(parent, touching)
            parent[max(one, other)] = min(one, other)
            touching += 1
    # The root of a piece is its first run: whoever comes later finds its piece numbered already.
    owner = np.empty(n, np.int64)
    count = 0
    for run in range(n):
        root = find_root(parent, run)
        if root == run:
            owner[run] = count
            count += 1
        else:
            owner[run] = owner[root]
    return owner, count


@compiled
def pieces(runs: NDArray[np.int32]) -> NDArray[np.int32]:
    """The 8-connected pieces that runs make up.

    Returns
    -------
    int32 ndarray, [pieces, 5]
        x, y, width, height and area of each, in the order of their first runs.
    """
    owner, count = owners(runs)
    found = np.zeros((count, 5), np.int32)
    for run in range(len(runs)):
        row, first, end = runs[run]
        piece = found[owner[run]]
        left, right = piece[0], piece[0] + piece[2]
        if piece[4] == 0:
            piece[1], left, right = row, first, end
        piece[0], piece[2] = min(left, first), max(right, end) - min(left, first)
        piece[3] = row + 1 - piece[1]
        piece[4] += end - first
    return found


@compiled
def pieces_with_core(
    mask: NDArray[np.uint8], runs: NDArray[np.int32], core: NDArray[np.uint8], share: float
) -> NDArray[np.int32]:
    """Keep the pieces of a mask that have a core: two thresholds, as for edges.

    Parameters
    ----------
    mask : uint8 ndarray, [height, width]
        Of 0 and 1; the pieces without a core are taken off it.
    runs : int32 ndarray, [runs, 3]
        Its runs.
    core : uint8 ndarray, [height, width]
        Not 0 in the core.
    share : float
        How much of a piece's area must lie in the core.

    Returns
    -------
    int32 ndarray, [pieces, 5]
        Those that stay, as `pieces` gives them.
    """
    owner, count = owners(runs)
    core_area, area = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for run in range(len(runs)):
        row, first, end = runs[run]
        cored = 0
        for column in range(first, end):
            cored += core[row, column] != 0
        core_area[owner[run]] += cored
        area[owner[run]] += end - first
    has_core = np.zeros(count, np.bool_)
    for piece in range(count):
        has_core[piece] = core_area[piece] >= share * area[piece]
    for run in range(len(runs)):
        if not has_core[owner[run]]:
            row, first, end = runs[run]
            for column in range(first, end):
                mask[row, column] = 0
    return pieces(runs)[has_core]
