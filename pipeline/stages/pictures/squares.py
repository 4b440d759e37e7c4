"""Reading the stored squares of pictures, and the proportions of what each shows."""

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.index.arrays import StoredArray, open_array, read_array
from pipeline.stages.pictures.tables import PIXELS


def stored_squares(root: zarr.Group) -> StoredArray[np.uint8]:
    """The squares of all images, uint8 [n, S, S]."""
    return open_array(root, f"{PIXELS.place}/gray", np.uint8)


def width_over_height(root: zarr.Group) -> NDArray[np.float64]:
    """Of what the square of each image shows, float64 [n]."""
    shown = read_array(root, f"{PIXELS.place}/shown_px", np.int32)
    return np.asarray(shown[:, 0] / np.maximum(1, shown[:, 1]), np.float64)
