"""Pictures whose lower end is filled up, and the whole ones that they come from."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.kernels.signatures.cut_off_pairs import cut_off_pairs

ASKED = {"least": 0.05, "tolerance": 6, "crowd": 4}


def made(shares: list[float], whole: int = 40) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int64]]:
    """``whole`` noisy squares, then copies of the first ones with their ends filled."""
    squares = np.random.default_rng(0).integers(0, 256, (whole, 16, 16)).astype(np.uint8)
    copies = squares[: len(shares)].copy()
    for copy, share in zip(copies, shares, strict=True):
        copy[int((1 - share) * 16) :] = 7
    filled = np.array([0.0] * whole + shares, np.float32)
    return np.concatenate([squares, copies]), filled, np.full((whole + len(shares), 2), 480)


def test_every_cut_copy_finds_its_whole() -> None:
    squares, filled, shape = made([0.06, 0.17, 0.5, 0.8])
    assert cut_off_pairs(squares, filled, shape, **ASKED).tolist() == [[0, 40], [1, 41], [2, 42], [3, 43]]
    new = np.zeros(len(filled), bool)
    new[[1, 42]] = True
    assert cut_off_pairs(squares, filled, shape, **ASKED, new=new).tolist() == [[1, 41], [2, 42]]


@pytest.mark.parametrize("share", [0.95, 1.0])
def test_what_is_left_has_to_be_enough(share: float) -> None:
    assert not len(cut_off_pairs(*made([share]), **ASKED))


def test_another_shape_a_flat_rest_and_a_crowd_are_in_no_pair() -> None:
    squares, filled, shape = made([0.5])
    shape[0] = (480, 640)
    assert not len(cut_off_pairs(squares, filled, shape, **ASKED))
    shape[0] = 480
    squares[:5] = squares[0]
    assert not len(cut_off_pairs(squares, filled, shape, **ASKED))
    squares[[0, 40]] = 100
    assert not len(cut_off_pairs(squares, filled, shape, **ASKED))
