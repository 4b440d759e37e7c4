"""The connected pieces of an foreground mask."""

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.loops.foreground_runs import long_runs, pieces, pieces_with_core, runs


def piece_boxes(foreground: NDArray[np.uint8]) -> NDArray[np.int32]:
    """The 8-connected pieces of a mask of 0 and 1.

    Parameters
    ----------
    foreground : uint8 ndarray, [height, width]

    Returns
    -------
    int32 ndarray, [pieces, 5]
        x, y, width, height and area of each, in the order of their first runs.
    """
    return pieces(runs(foreground))


def keep_cored(foreground: NDArray[np.uint8], core: NDArray[np.uint8], share: float) -> NDArray[np.int32]:
    """Take the pieces off a mask of which less than a share lies in the core; those that stay, as `piece_boxes`."""
    return pieces_with_core(foreground, runs(foreground), core, share)


def long_pieces(foreground: NDArray[np.uint8], shortest_px: int) -> NDArray[np.int32]:
    """The pieces that the horizontal runs of at least a given length make up, as `piece_boxes` gives them."""
    return pieces(long_runs(foreground, shortest_px))
