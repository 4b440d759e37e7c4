"""Counts of gray levels against NumPy's own."""

import numpy as np
import pytest

from pipeline.imaging.scale.gray_levels import median_level, near_level, row_shares, share_near


@pytest.mark.parametrize("size", [1, 2, 3, 10, 255, 256, 1001])
def test_median_is_numpys_rounded_down(size: int) -> None:
    values = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    assert median_level(values) == int(np.median(values))


def test_median_of_two_far_apart_levels_is_their_middle_and_of_nothing_0() -> None:
    assert median_level(np.array([[0, 0], [255, 255]], np.uint8)) == 127
    assert median_level(np.zeros((0, 4), np.uint8)) == 0


def test_median_of_a_strided_picture() -> None:
    gray = np.random.default_rng(1).integers(0, 256, (50, 60), dtype=np.uint8)
    assert median_level(gray[::4, ::3]) == int(np.median(gray[::4, ::3]))


@pytest.mark.parametrize("level", [0, 3, 128, 254, 255])
def test_near_level_and_shares_are_those_of_the_difference(level: int) -> None:
    gray = np.random.default_rng(level).integers(0, 256, (20, 30), dtype=np.uint8)
    near = np.abs(gray.astype(int) - level) <= 12
    assert np.array_equal(near_level(gray, level, 12) > 0, near)
    assert share_near(gray, level, 12) == pytest.approx(near.mean())
    assert row_shares(near_level(gray, level, 12)) == pytest.approx(near.mean(axis=1))


def test_share_of_nothing_is_0() -> None:
    assert share_near(np.zeros((0, 5), np.uint8), 0, 3) == 0.0
