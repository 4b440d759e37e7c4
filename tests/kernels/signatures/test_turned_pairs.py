"""Turned and mirrored look-alikes, against trying all turns of all pairs."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.kernels.signatures.turned_pairs import turned_pairs
from pipeline.kernels.turns import N_TURNS, turned


def squares_with_copies(seed: int, *, contrast: float) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    base = rng.normal(128, contrast, (12, 16, 16))
    copies = [turned(base[number % 12], turn) for number, turn in enumerate(rng.integers(0, N_TURNS, 30))]
    noisy = np.concatenate([base, np.stack(copies) + rng.uniform(-2, 2, (30, 16, 16))])
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def brute_force(squares: NDArray[np.uint8], tolerance: int) -> list[list[int]]:
    values = squares.astype(int)
    return [
        [a, b]
        for a, b in itertools.combinations(range(len(squares)), 2)
        if any(np.abs(values[a] - turned(values[b], turn)).max() <= tolerance for turn in range(1, N_TURNS))
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("contrast", [60.0, 12.0])
def test_all_turns_are_found(seed: int, contrast: float) -> None:
    squares = squares_with_copies(seed, contrast=contrast)
    expected = brute_force(squares, 6)
    assert len(expected) > 20
    assert turned_pairs(squares, tolerance=6, crowd=64).tolist() == expected
    new = np.zeros(len(squares), bool)
    new[[0, 20]] = True
    some = [pair for pair in expected if {0, 20} & set(pair)]
    assert turned_pairs(squares, tolerance=6, crowd=64, new=new).tolist() == some


def test_turns_are_all_different_and_make_a_group() -> None:
    square = np.arange(4, dtype=np.uint8).reshape(2, 2)
    all_turns = {turned(square, turn).tobytes() for turn in range(N_TURNS)}
    assert len(all_turns) == N_TURNS
    assert {turned(turned(square, a), b).tobytes() for a in range(N_TURNS) for b in range(N_TURNS)} == all_turns


def test_an_empty_frame_has_no_turn() -> None:
    frames = np.random.default_rng(9).integers(100, 107, (40, 16, 16), dtype=np.uint8)
    assert len(brute_force(frames, 6)) == 40 * 39 // 2
    assert not len(turned_pairs(frames, tolerance=6, crowd=64))


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_or_flat_pictures(n: int) -> None:
    assert turned_pairs(np.full((n, 16, 16), 90, np.uint8), tolerance=6, crowd=64).shape == (0, 2)
