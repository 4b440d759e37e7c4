"""Ticks, whole rows and edges of strokes, drawn by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.imaging.scale.loops.strokes import foreground_heights, is_edged, tick_at_end, whole_rows


def _line(*, left: int = 20, right: int = 80, up: int = 6, down: int = 4, tick: int = 2) -> NDArray[np.uint8]:
    """A line of two rows, 20:22, with a tick at both ends."""
    foreground = np.zeros((40, 100), np.uint8)
    foreground[20:22, left:right] = 1
    for column in (left, right - tick):
        foreground[20 - up : 22 + down, column : column + tick] = 1
    return foreground


@pytest.mark.parametrize(("up", "down", "tick"), [(6, 4, 2), (5, 0, 1), (0, 9, 3)])
def test_both_ticks_are_measured(up: int, down: int, tick: int) -> None:
    foreground = _line(up=up, down=down, tick=tick)
    assert tick_at_end(foreground, 20, 20, 2, 1, 3, 8) == (20, tick, up, down)
    assert tick_at_end(foreground, 79, 20, 2, -1, 3, 8) == (79, tick, up, down)


def test_a_tick_at_the_edge_of_the_picture_counts() -> None:
    foreground = _line(left=0, right=100)
    assert tick_at_end(foreground, 0, 20, 2, 1, 3, 8) == (0, 2, 6, 4)
    assert tick_at_end(foreground, 99, 20, 2, -1, 3, 8) == (99, 2, 6, 4)


def test_heights_are_of_the_foreground_that_hangs_together_with_the_row_up_to_its_last_column() -> None:
    foreground = _line(up=6, down=4)
    foreground[5, 20:80] = 1
    assert foreground_heights(foreground, 20, 79, 1, 4).tolist() == [2, 2, 2, 12, 12]
    assert foreground_heights(foreground, 20, 20, -1, 4).tolist() == [2, 2, 2, 12, 12]
    assert foreground_heights(foreground, 21, 77, 1, 3).tolist() == [2, 2, 2, 2, 12, 12]
    assert foreground_heights(foreground, 20, 10, 1, 2).tolist() == [0, 0, 0]


@pytest.mark.parametrize("foreground", [_line(up=0, down=0), _line(up=1, down=1), _line(tick=7)])
def test_too_low_and_too_wide_is_no_tick(foreground: NDArray[np.uint8]) -> None:
    assert tick_at_end(foreground, 20, 20, 2, 1, 3, 8) == (20, 0, 0, 0)


def test_what_rises_further_in_is_no_tick() -> None:
    foreground = _line(up=0, down=0)
    foreground[10:22, 24:26] = 1
    assert tick_at_end(foreground, 20, 20, 2, 1, 3, 8) == (20, 0, 0, 0)


def test_whole_rows_are_those_covered_in_their_length() -> None:
    foreground = np.zeros((10, 50), np.uint8)
    foreground[3, 10:40] = foreground[4, 10:39] = foreground[5, 10:20] = foreground[6, 10:40] = 1
    assert whole_rows(foreground, 10, 2, 30, 6, 1.0) == (2, 3, 6)
    assert whole_rows(foreground, 10, 2, 30, 6, 0.95) == (3, 3, 6)
    assert whole_rows(foreground, 10, 7, 30, 3, 0.5) == (0, -1, -1)


def test_a_stroke_is_edged_where_both_sides_have_another_level() -> None:
    gray = np.full((40, 100), 90, np.uint8)
    gray[20:23, 10:90] = 200
    assert is_edged(gray, (10, 20, 80, 3), 3, 35, 0.8)
    gray[23:30, 10:90] = 190
    assert not is_edged(gray, (10, 20, 80, 3), 3, 35, 0.8)
    assert not is_edged(gray, (10, 1, 80, 3), 3, 35, 0.8)
    assert not is_edged(gray, (10, 36, 80, 3), 3, 35, 0.8)
