"""Medians, shares and even rows of gray levels, against NumPy."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.imaging.scale.loops.level_counts import count_near, even_rows, median_level, row_levels


def _gray(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height * width).integers(0, 256, (height, width), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 5), (40, 61)])
def test_the_median_is_numpys_rounded_down(shape: tuple[int, int]) -> None:
    gray = _gray(*shape)
    for part in (gray, gray[::2, ::3], gray.T):
        assert median_level(part) == int(np.median(part))


def test_nothing_has_the_median_0() -> None:
    assert median_level(np.zeros((0, 7), np.uint8)) == 0


@pytest.mark.parametrize(("level", "tolerance"), [(0, 0), (3, 12), (255, 4), (128, 255)])
def test_what_is_near_a_level_is_counted(level: int, tolerance: int) -> None:
    gray = _gray(20, 30)
    near = np.abs(gray.astype(int) - level) <= tolerance
    assert count_near(gray, level, tolerance) == near.sum()
    assert count_near(gray[::2, 1:], level, tolerance) == near[::2, 1:].sum()


@pytest.mark.parametrize("width", [1, 2, 7, 128])
def test_each_row_has_its_upper_median_and_the_share_near_it(width: int) -> None:
    rows = _gray(30, width)
    rows[::2] //= 30
    medians, shares = row_levels(rows, 3)
    expected = np.sort(rows, axis=1)[:, width // 2].astype(int)
    assert medians.tolist() == expected.tolist()
    assert shares == pytest.approx((np.abs(rows - expected[:, None]) <= 3).mean(axis=1))


def test_rows_are_even_where_all_is_dark_or_all_is_bright() -> None:
    rows = np.array([[0, 4, 2], [0, 5, 0], [255, 251, 252], [255, 0, 255], [4, 255, 4], [251, 250, 255]], np.uint8)
    assert even_rows(rows, 4, 251).tolist() == [True, False, True, False, False, False]
    assert even_rows(rows.T, 4, 251).tolist() == [False, False, False]
