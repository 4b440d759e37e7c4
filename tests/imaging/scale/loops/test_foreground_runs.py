"""Runs of a mask and the pieces they make up, against OpenCV's connected components."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.imaging.scale.loops.foreground_runs import long_runs, owners, pieces, pieces_with_core, runs


def _mask(height: int, width: int, share: float, seed: int) -> NDArray[np.uint8]:
    return (np.random.default_rng(seed).random((height, width)) < share).astype(np.uint8)


def _drawn(found: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    for row, first, end in found.tolist():
        assert not mask[row, max(0, first - 1) : end + 1].any()
        mask[row, first:end] = 1
    return mask


SHAPES = st.tuples(st.integers(0, 40), st.integers(0, 70))


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.sampled_from([0.0, 0.02, 0.3, 0.6, 0.97, 1.0]), st.integers(0, 2**32 - 1))
def test_runs_draw_the_mask(shape: tuple[int, int], share: float, seed: int) -> None:
    mask = _mask(*shape, share, seed)
    found = runs(mask)
    assert np.array_equal(_drawn(found, shape), mask)
    assert found[:, :2].tolist() == sorted(found[:, :2].tolist())
    assert np.array_equal(found, runs(np.asfortranarray(mask)))


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.sampled_from([0.5, 0.9, 0.97, 1.0]), st.integers(1, 25), st.integers(0, 2**32 - 1))
def test_long_runs_are_the_runs_of_that_length(shape: tuple[int, int], share: float, shortest: int, seed: int) -> None:
    mask = _mask(*shape, share, seed)
    every = runs(mask)
    assert np.array_equal(long_runs(255 * mask, shortest), every[every[:, 2] - every[:, 1] >= shortest])


def test_more_runs_than_there_is_room_for_at_first() -> None:
    mask = np.zeros((60, 400), np.uint8)
    mask[:, ::3] = 1
    assert len(runs(mask)) == len(long_runs(mask, 1)) == 60 * 134
    assert len(pieces(runs(mask))) == 134


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.3, 0.4, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(300, 500), (77, 203), (1, 9), (9, 1)])
def test_pieces_are_opencvs(share: float, shape: tuple[int, int]) -> None:
    mask = _mask(*shape, share, 7)
    _, _, expected, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found = pieces(runs(mask))
    assert sorted(found.tolist()) == sorted(expected[1:].tolist())


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6])
def test_owners_are_opencvs_labels_in_the_order_of_first_runs(share: float) -> None:
    mask = _mask(60, 90, share, 3)
    found = runs(mask)
    owner, count = owners(found)
    _, labels = cv2.connectedComponents(mask, connectivity=8)
    theirs = labels[found[:, 0], found[:, 1]]
    assert np.array_equal(owner[:, None] == owner[None], theirs[:, None] == theirs[None])
    assert list(dict.fromkeys(owner.tolist())) == list(range(count))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_pieces_without_a_core_are_taken_off(share: float, seed: int) -> None:
    mask = _mask(50, 80, 0.35, seed)
    core = _mask(50, 80, 0.2, seed + 100) * 255
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    kept = [i for i in range(1, count) if (core[labels == i] > 0).sum() >= share * (labels == i).sum()]
    found = pieces_with_core(mask, runs(mask), core, share)
    assert np.array_equal(mask, np.isin(labels, kept) & (labels > 0))
    assert sorted(found.tolist()) == sorted(stats[kept].tolist())


def test_an_empty_mask_has_neither() -> None:
    for shape in [(0, 0), (0, 5), (5, 0), (4, 9)]:
        mask = np.zeros(shape, np.uint8)
        assert runs(mask).shape == long_runs(mask, 3).shape == (0, 3)
        assert pieces(runs(mask)).shape == pieces_with_core(mask, runs(mask), mask, 0.5).shape == (0, 5)
