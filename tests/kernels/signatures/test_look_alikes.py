"""Groups of look-alikes: near, turned, and by way of a third."""

import numpy as np

from pipeline.kernels.signatures.look_alikes import look_alike_groups


def test_near_and_turned_pictures_are_linked_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (6, 16, 16)).astype(np.uint8)
    pictures[2] = np.clip(pictures[0].astype(int) + 5, 0, 255)  # near 0
    pictures[3] = np.clip(pictures[2].astype(int) + 5, 0, 255)  # near 2, not near 0
    pictures[5] = np.rot90(pictures[1])
    signatures = pictures.reshape(6, -1)
    found = look_alike_groups(signatures, pictures, tolerance=6, crowd=64)
    assert found.tolist() == [0, 1, 0, 0, 4, 1]
