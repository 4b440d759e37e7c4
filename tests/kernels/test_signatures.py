"""Candidate pairs: exactly those that comparing all with all finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.kernels.signatures import near_signature_pairs


def _all_with_all(signatures: NDArray[np.uint8], tolerance: int) -> list[list[int]]:
    values = signatures.astype(int)
    telling = [len(set(row.tolist())) > 1 for row in values]
    return [
        [a, b]
        for a in range(len(values))
        for b in range(a + 1, len(values))
        if telling[a] and telling[b] and abs(values[a] - values[b]).max() <= tolerance
    ]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_finds_what_all_with_all_finds(n: int, tolerance: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 256, (4, 768))
    rows = base[rng.integers(0, 4, n)] + rng.integers(-tolerance, tolerance + 1, (n, 768)) * (rng.random((n, 1)) < 0.7)
    signatures = np.clip(rows, 0, 255).astype(np.uint8)
    assert near_signature_pairs(signatures, tolerance=tolerance).tolist() == _all_with_all(signatures, tolerance)


def test_pictures_of_one_gray_level_say_nothing() -> None:
    signatures = np.full((3, 768), 200, np.uint8)
    assert near_signature_pairs(signatures, tolerance=6).shape == (0, 2)


def test_none_and_one() -> None:
    assert near_signature_pairs(np.empty((0, 768), np.uint8), tolerance=6).shape == (0, 2)
    assert near_signature_pairs(np.arange(768, dtype=np.uint8)[None], tolerance=6).shape == (0, 2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 40), st.integers(0, 12), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_with_new_rows_only_their_pairs(n: int, tolerance: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 256, (3, 768))
    rows = base[rng.integers(0, 3, n)] + rng.integers(-tolerance, tolerance + 1, (n, 768)) * (rng.random((n, 1)) < 0.7)
    signatures = np.clip(rows, 0, 255).astype(np.uint8)
    new = rng.random(n) < share
    expected = [[a, b] for a, b in _all_with_all(signatures, tolerance) if new[a] or new[b]]
    assert near_signature_pairs(signatures, tolerance=tolerance, new=new).tolist() == expected


@pytest.mark.parametrize("pixels", [1, 2, 3, 5])
@pytest.mark.parametrize("tolerance", [0, 1, 64, 255])
def test_few_pixels_and_all_tolerances(pixels: int, tolerance: int) -> None:
    signatures = np.random.default_rng(1).integers(0, 256, (60, pixels)).astype(np.uint8)
    signatures[30:] = signatures[:30]
    assert near_signature_pairs(signatures, tolerance=tolerance).tolist() == _all_with_all(signatures, tolerance)


def test_a_step_of_brightness_at_the_edge_of_a_cell() -> None:
    """Values on both sides of a boundary between cells, and at the ends of the scale."""
    pattern = np.arange(768) % 3
    signatures = np.array([pattern + level for level in (0, 6, 7, 13, 240, 246, 253)], np.uint8)
    assert near_signature_pairs(signatures, tolerance=6).tolist() == [[0, 1], [1, 2], [2, 3], [4, 5]]
