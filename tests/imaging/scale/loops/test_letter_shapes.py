"""Letter shapes against OpenCV's connected components and NumPy."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.imaging.scale.loops.foreground_runs import pieces, runs
from pipeline.imaging.scale.loops.letter_shapes import drawn_pieces, enclosed_areas, open_sides, stems

SHAPES = st.tuples(st.integers(1, 30), st.integers(1, 40))
SHARES = st.sampled_from([0.0, 0.1, 0.5, 0.7, 0.9, 1.0])
SEEDS = st.integers(0, 2**32 - 1)


def _mask(height: int, width: int, share: float, seed: int) -> NDArray[np.uint8]:
    return (np.random.default_rng(seed).random((height, width)) < share).astype(np.uint8)


def _letter(*rows: str) -> NDArray[np.uint8]:
    return np.array([[character == "#" for character in row] for row in rows], np.uint8)


@settings(max_examples=60, deadline=None)
@given(SHAPES, SHARES, SEEDS)
def test_drawn_pieces_are_opencvs(shape: tuple[int, int], share: float, seed: int) -> None:
    mask = _mask(*shape, share, seed)
    found = runs(mask)
    drawn = drawn_pieces(found, shape)
    _, expected = cv2.connectedComponents(mask, connectivity=8)
    assert np.array_equal(drawn >= 0, mask == 1)
    pairs = set(zip(drawn[mask == 1].tolist(), expected[mask == 1].tolist(), strict=True))
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
    for index, (x, y, width, height, area) in enumerate(pieces(found).tolist()):
        assert np.count_nonzero(drawn[y : y + height, x : x + width] == index) == area


@settings(max_examples=80, deadline=None)
@given(SHAPES, SHARES, SEEDS, st.sampled_from([1.0, 2.0, 5.5]))
def test_enclosed_areas_are_opencvs(shape: tuple[int, int], share: float, seed: int, smallest: float) -> None:
    mask = _mask(*shape, share, seed)
    framed = np.pad(1 - mask, 1, constant_values=1)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(framed, connectivity=4)
    enclosed = [area for index, area in enumerate(stats[:, 4]) if index not in (0, labels[0, 0])]
    assert enclosed_areas(mask, smallest) == sum(area >= smallest for area in enclosed)


@settings(max_examples=60, deadline=None)
@given(SHAPES, SHARES, SEEDS)
def test_open_sides_are_numpys(shape: tuple[int, int], share: float, seed: int) -> None:
    mask = _mask(*shape, share, seed)
    third, half = max(1, shape[1] // 3), max(1, shape[0] // 2)
    middle = mask[:, third : max(third + 1, shape[1] - third)]
    above, below = (bool((part == 0).all(axis=0).any()) for part in (middle[:half], middle[-half:]))
    assert open_sides(mask) == (above, below)


@pytest.mark.parametrize(
    ("letter", "count", "holes", "sides"),
    [
        (_letter("#####", "#.#.#", "#.#.#", "#.#.#"), 3, 0, (False, True)),
        (_letter("#..#", "#..#", "#..#", "####"), 2, 0, (True, False)),
        (_letter("####", "#..#", "#..#", "####"), 2, 1, (False, False)),
        (_letter("#"), 1, 0, (False, False)),
    ],
    ids=["m", "u", "o", "dot"],
)
def test_letters(letter: NDArray[np.uint8], count: int, holes: int, sides: tuple[bool, bool]) -> None:
    assert (stems(letter), enclosed_areas(letter, 1.0), open_sides(letter)) == (count, holes, sides)


def test_stems_leave_the_feet_out_and_take_the_fewest_of_equals() -> None:
    serif = _letter(*["#..#"] * 17, *["####"] * 3)
    assert stems(serif) == 2
    assert stems(_letter("....", "....", "....", "#..#", "####", "....", "....")) == 1
