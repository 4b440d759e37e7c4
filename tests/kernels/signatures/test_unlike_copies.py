"""Candidates whose signatures differ: pairs by brute force are the same ones."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.signatures.unlike_copies import is_thumbnail_shape, other_gray_pairs, thumbnail_pairs

RNG = np.random.default_rng(11)


def _varied(base: NDArray[np.uint8], levels: int) -> NDArray[np.uint8]:
    return np.clip(base.astype(int) + RNG.integers(-levels, levels + 1, base.shape), 0, 255).astype(np.uint8)


def test_small_pictures_may_differ_more() -> None:
    originals = RNG.integers(30, 220, (40, 768), dtype=np.uint8)
    signatures = np.vstack([originals, _varied(originals, 14)])
    shape = np.array([[960, 1280]] * 40 + [[120, 160]] * 40)
    expected = [[row, row + 40] for row in range(40)]
    assert thumbnail_pairs(signatures, shape, crowd=64).tolist() == expected
    new = np.zeros(80, bool)
    new[[3, 47]] = True
    assert thumbnail_pairs(signatures, shape, crowd=64, new=new).tolist() == [[3, 43], [7, 47]]
    shape[40:] = [720, 960]
    assert not len(thumbnail_pairs(signatures, shape, crowd=64)), "a large picture's signature is exact"
    shape[40:] = [160, 160]
    assert not len(thumbnail_pairs(signatures, shape, crowd=64)), "another shape"
    shape[:] = [120, 160]
    assert not len(thumbnail_pairs(signatures, shape, crowd=64)), "nothing is larger"


def test_shapes_of_thumbnails() -> None:
    large = np.array([[960, 1280]] * 4)
    small = np.array([[480, 640], [724, 960], [800, 1000], [123, 160]])
    assert is_thumbnail_shape(large, small).tolist() == [True, True, False, False]
    assert is_thumbnail_shape(small, large).tolist() == [True, True, False, False]


def test_another_gray_scale_is_seen_through() -> None:
    deep = RNG.integers(0, 256, (30, 768), dtype=np.uint8)
    gain, offset = RNG.uniform(0.1, 0.8, (30, 1)), RNG.uniform(0, 50, (30, 1))
    signatures = np.vstack([deep, (gain * deep + offset).astype(np.uint8)])
    is_deep = np.arange(60) < 30
    assert other_gray_pairs(signatures, is_deep, crowd=64).tolist() == [[row, row + 30] for row in range(30)]
    assert not len(other_gray_pairs(signatures, np.zeros(60, bool), crowd=64)), "of 8 bits both"


def test_pictures_without_contrast_are_no_candidates() -> None:
    flat = (100 + RNG.integers(0, 2, (20, 768))).astype(np.uint8)
    assert not len(other_gray_pairs(flat, np.ones(20, bool), crowd=64))
