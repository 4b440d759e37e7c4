"""Runs of flat rows of one level against the same said row by row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.imaging.scale.loops.constant_rows import constant_runs

BACKGROUND = 3


def _slowly(rows: NDArray[np.uint8], levels: NDArray[np.int16], is_flat: NDArray[np.bool_]) -> list[list[int]]:
    runs: list[list[int]] = []
    level = 0
    for row in np.flatnonzero(is_flat).tolist():
        gap = slice(runs[-1][1], row) if runs else slice(0, 0)
        background = (np.abs(rows[gap].astype(int) - level) <= BACKGROUND).mean(axis=1) >= 0.3
        own = np.abs(levels[gap].astype(int) - level) <= 16
        length = gap.stop - gap.start
        is_bridged = length <= 3 or (length <= 40 and bool((background | own).all()))
        if runs and abs(int(levels[row]) - level) <= 3 and is_bridged:
            runs[-1][1] = row + 1
        else:
            runs.append([row, row + 1])
            level = int(levels[row])
    return runs


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 120), st.sampled_from([0.0, 0.3, 0.7, 0.95, 1.0]), st.integers(0, 2**32 - 1))
def test_runs_are_those_found_row_by_row(height: int, flat: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = np.repeat(rng.choice([60, 62, 70, 200], height // 10 + 1), 10)[:height]
    rows = np.clip(base[:, None] + rng.choice([0, 0, 2, 90, -50], (height, 20)), 0, 255).astype(np.uint8)
    levels = np.median(rows, axis=1).astype(np.int16)
    is_flat = rng.random(height) < flat
    assert constant_runs(rows, levels, is_flat, BACKGROUND).tolist() == _slowly(rows, levels, is_flat)


@pytest.mark.parametrize(
    ("gap", "share", "runs"),
    [(3, 0.0, 1), (4, 0.0, 2), (40, 0.5, 1), (41, 0.5, 2), (10, 0.2, 2)],
    ids=["lines", "more than lines", "dense print", "too much print", "too dense"],
)
def test_gaps(gap: int, share: float, runs: int) -> None:
    rows = np.full((60, 100), 250, np.uint8)
    rows[8 : 8 + gap, round(100 * share) :] = 0
    is_flat = np.ones(60, np.bool_)
    is_flat[8 : 8 + gap] = False
    levels = np.where(is_flat, 250, 0).astype(np.int16)
    found = constant_runs(rows, levels, is_flat, BACKGROUND)
    assert len(found) == runs
    assert found[0, 0] == 0
    assert found[-1, 1] == 60
