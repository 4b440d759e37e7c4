"""Candidate pairs: exactly those that comparing all with all finds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.kernels.signatures import grid as signature_grid
from pipeline.kernels.signatures.candidate_pairs import near_signature_pairs, shared_value_pairs


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
    assert near_signature_pairs(signatures, tolerance=tolerance, crowd=1000).pairs.tolist() == _all_with_all(
        signatures, tolerance
    )


def test_pictures_of_one_gray_level_say_nothing() -> None:
    signatures = np.full((3, 768), 200, np.uint8)
    assert near_signature_pairs(signatures, tolerance=6, crowd=1000).pairs.shape == (0, 2)


def test_none_and_one() -> None:
    assert near_signature_pairs(np.empty((0, 768), np.uint8), tolerance=6, crowd=9).pairs.shape == (0, 2)
    assert near_signature_pairs(np.arange(768, dtype=np.uint8)[None], tolerance=6, crowd=1000).pairs.shape == (0, 2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 40), st.integers(0, 12), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_with_new_rows_only_their_pairs(n: int, tolerance: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 256, (3, 768))
    rows = base[rng.integers(0, 3, n)] + rng.integers(-tolerance, tolerance + 1, (n, 768)) * (rng.random((n, 1)) < 0.7)
    signatures = np.clip(rows, 0, 255).astype(np.uint8)
    new = rng.random(n) < share
    expected = [[a, b] for a, b in _all_with_all(signatures, tolerance) if new[a] or new[b]]
    assert near_signature_pairs(signatures, tolerance=tolerance, new=new, crowd=1000).pairs.tolist() == expected


@pytest.mark.parametrize("pixels", [1, 2, 3, 5])
@pytest.mark.parametrize("tolerance", [0, 1, 64, 255])
def test_few_pixels_and_all_tolerances(pixels: int, tolerance: int) -> None:
    signatures = np.random.default_rng(1).integers(0, 256, (60, pixels)).astype(np.uint8)
    signatures[30:] = signatures[:30]
    assert near_signature_pairs(signatures, tolerance=tolerance, crowd=1000).pairs.tolist() == _all_with_all(
        signatures, tolerance
    )


def test_a_step_of_brightness_at_the_edge_of_a_cell() -> None:
    """Values on both sides of a boundary between cells, and at the ends of the scale."""
    pattern = np.arange(768) % 3
    signatures = np.array([pattern + level for level in (0, 6, 7, 13, 240, 246, 253)], np.uint8)
    assert near_signature_pairs(signatures, tolerance=6, crowd=1000).pairs.tolist() == [[0, 1], [1, 2], [2, 3], [4, 5]]


def _partner_counts(signatures: NDArray[np.uint8], tolerance: int) -> NDArray[np.int64]:
    counts = np.zeros(len(signatures), np.int64)
    np.add.at(counts, np.array(_all_with_all(signatures, tolerance), np.int64).reshape(-1), 1)
    return counts


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.integers(1, 6), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_of_a_crowd_only_the_pairs_with_outsiders(n: int, crowd: int, share: float, seed: int) -> None:
    """The same pairs as all with all, but for those of two rows with at least ``crowd`` partners each."""
    rng = np.random.default_rng(seed)
    signatures = rng.integers(0, 14, (n, 3)).astype(np.uint8)
    new = rng.random(n) < share
    crowded = _partner_counts(signatures, 4) >= crowd
    everything = [pair for pair in _all_with_all(signatures, 4) if not crowded[pair].all()]
    found = near_signature_pairs(signatures, tolerance=4, crowd=crowd)
    assert found.pairs.tolist() == everything
    assert found.crowded.tolist() == np.flatnonzero(crowded).tolist()
    found = near_signature_pairs(signatures, tolerance=4, crowd=crowd, new=new)
    assert found.pairs.tolist() == [[a, b] for a, b in everything if new[a] or new[b]]
    assert set(np.flatnonzero(crowded & new)) <= set(found.crowded.tolist()) <= set(np.flatnonzero(crowded))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 120), st.integers(1, 8), st.booleans(), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_dense_places_are_told_apart_anew_and_nothing_is_missed(
    n: int, dense: int, particles: bool, share: float, seed: int
) -> None:
    """With so few rows a place counts as dense, grids lie within grids."""
    rng = np.random.default_rng(seed)
    signatures = (9 + rng.integers(0, 3, (n, 40)) if particles else rng.integers(0, 20, (n, 40))).astype(np.uint8)
    for _ in range(2):
        signatures[np.arange(n), rng.integers(0, 40, n)] = rng.integers(9, 60, n)
    new = rng.random(n) < share
    crowded = _partner_counts(signatures, 5) >= 9
    everything = [pair for pair in _all_with_all(signatures, 5) if not crowded[pair].all()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signature_grid, "_DENSE", dense)
        patch.setattr(signature_grid, "_LITTLE_WORK", 4)
        found = near_signature_pairs(signatures, tolerance=5, crowd=9)
        some = near_signature_pairs(signatures, tolerance=5, crowd=9, new=new)
    assert found.pairs.tolist() == everything
    assert found.crowded.tolist() == np.flatnonzero(crowded).tolist()
    assert some.pairs.tolist() == [[a, b] for a, b in everything if new[a] or new[b]]


def test_grids_within_grids_are_made() -> None:
    """The frames of the test before do share their cells: some thousand with a particle each need a second grid."""
    rng = np.random.default_rng(0)
    signatures = np.full((3000, 768), 9, np.uint8)
    signatures[np.arange(3000), rng.integers(0, 768, 3000)] = rng.integers(30, 250, 3000)
    depths: list[int] = []
    real = signature_grid._find

    def note(search: Any, rows: Any, asked: Any, extremes: Any, depth: int) -> Any:
        depths.append(depth)
        return real(search, rows, asked, extremes, depth)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signature_grid, "_find", note)
        found = near_signature_pairs(signatures, tolerance=6, crowd=64)
    assert max(depths) >= 1
    assert found.pairs.tolist() == _all_with_all_fast(signatures, 6)


def _all_with_all_fast(signatures: NDArray[np.uint8], tolerance: int) -> list[list[int]]:
    values = signatures.astype(np.int16)
    found = []
    for a in range(len(values)):
        near = np.abs(values[a + 1 :] - values[a]).max(axis=1, initial=0) <= tolerance
        found += [[a, a + 1 + b] for b in np.flatnonzero(near).tolist()]
    return found


def test_thousands_of_empty_frames_give_few_pairs() -> None:
    """All alike to within the tolerance: all with all would be 32 million pairs."""
    rng = np.random.default_rng(0)
    signatures = (9 + rng.integers(0, 2, (8000, 768))).astype(np.uint8)
    found = near_signature_pairs(signatures, tolerance=6, crowd=64)
    assert len(found.pairs) == 0
    assert len(found.crowded) == 8000


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(1, 4), st.integers(2, 6), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_values_that_few_rows_share(n: int, places: int, most: int, least: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 8, (n, places)).astype(np.uint64)

    def agreeing(a: int, b: int) -> int:
        return sum(
            bool(values[a, k] == values[b, k] != 0) and int(np.sum(values[:, k] == values[a, k])) <= most
            for k in range(places)
        )

    def needed(a: int, b: int) -> int:
        return min(least, int(np.count_nonzero(values[a])), int(np.count_nonzero(values[b])))

    expected = [[a, b] for a in range(n) for b in range(a + 1, n) if agreeing(a, b) >= max(1, needed(a, b))]
    assert shared_value_pairs(values, most=most, least=least).tolist() == expected
