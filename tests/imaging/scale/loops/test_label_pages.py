"""Pages of print against the same said in NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.imaging.scale.loops.label_pages import print_page, risen_page

SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 40))
SHARES = st.sampled_from([0.0, 0.2, 0.5, 1.0])
SEEDS = st.integers(0, 2**32 - 1)
MARGIN = 3


def _mask(shape: tuple[int, int], share: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    return (rng.random(shape) < share).astype(np.uint8)


def _framed(page: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.pad(np.rint(page).astype(np.uint8), MARGIN, constant_values=255)


@settings(max_examples=80, deadline=None)
@given(SHAPES, SHARES, SHARES, SEEDS)
def test_print_on_constant_background(shape: tuple[int, int], covered: float, shown: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cut = rng.integers(0, 256, shape, dtype=np.uint8)
    foreground, near = _mask(shape, covered, rng), _mask(shape, shown, rng)
    background = int(np.floor(np.median(cut[foreground == 0]))) if (foreground == 0).any() else 0
    difference = np.abs(cut.astype(int) - background) * near
    expected = 255.0 - np.minimum(difference * (255.0 / max(1, difference.max())), 255.0)
    assert np.array_equal(print_page(cut, foreground, near, MARGIN), _framed(expected))


@settings(max_examples=80, deadline=None)
@given(SHAPES, SHARES, SHARES, SEEDS, st.sampled_from([0.5, 0.8, 0.95]))
def test_print_on_a_specimen(shape: tuple[int, int], covered: float, wider: float, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    cut = rng.integers(0, 256, shape, dtype=np.uint8)
    foreground = _mask(shape, covered, rng)
    beside = np.maximum(foreground, _mask(shape, wider, rng))
    ground = cut[beside == 0].astype(float)
    ground = ground if ground.size >= 20 else cut[foreground == 0].astype(float)
    expected = np.full(shape, 255.0)
    if ground.size and foreground.any():
        middle = np.median(ground)
        sign = 1 if np.median(cut[foreground > 0]) > middle else -1
        background = max(0.0, float(np.quantile(sign * (ground - middle), share)))
        risen = np.maximum(sign * (cut - middle) - background, 0.0)
        expected = 255.0 - risen * (255.0 / max(1.0, risen.max()))
    found = risen_page(cut, foreground, beside, 20, share, MARGIN)
    # Between two values NumPy may round the quantile in the last bit otherwise.
    assert np.abs(found.astype(int) - _framed(expected)).max() <= 1


@pytest.mark.parametrize("foreground", [0, 1])
def test_all_foreground_or_none_is_a_white_page(foreground: int) -> None:
    cut = np.arange(50, dtype=np.uint8).reshape(5, 10)
    mask = np.full_like(cut, foreground)
    assert risen_page(cut, mask, mask, 20, 0.8, MARGIN).min() == 255
