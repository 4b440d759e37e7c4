"""Oriented gradients: by hand on edges of known direction, and what they do not see."""

import numpy as np
import pytest

from pipeline.kernels.oriented_gradients import DIRECTIONS, oriented_gradients

CELLS, SIDE = 4, 16


def blocks(picture: np.ndarray) -> np.ndarray:
    return oriented_gradients(picture, CELLS).reshape(CELLS - 1, CELLS - 1, 4, DIRECTIONS)


def edge(*, upright: bool) -> np.ndarray:
    picture = np.full((SIDE, SIDE), 40, np.uint8)
    picture[:, 10:] = 160
    return picture if upright else np.ascontiguousarray(picture.T)


@pytest.mark.parametrize(("upright", "direction"), [(True, 0), (False, DIRECTIONS // 2)])
def test_an_edge_lies_in_its_cells_and_direction(upright: bool, direction: int) -> None:
    found = blocks(edge(upright=upright))
    by_direction = found.sum(axis=(0, 1, 2))
    assert by_direction[direction] == pytest.approx(by_direction.max())
    assert by_direction[direction - DIRECTIONS // 2] == pytest.approx(0, abs=1e-6)
    across = found.sum(axis=(2, 3)) if upright else found.sum(axis=(2, 3)).T
    assert (across[:, 0] == 0).all(), "the first two columns of cells have no edge"
    assert (across[:, 1:] > 0).all()


def test_neither_contrast_nor_its_sign_is_seen() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(60, 120, (SIDE, SIDE)).astype(np.float64)
    strong = np.round(np.square(np.sqrt(picture) * 1.4)).astype(np.uint8)
    first, second = blocks(picture.astype(np.uint8)), blocks(strong)
    assert np.linalg.norm(first) == pytest.approx(1)
    assert (first * second).sum() > 0.99
    np.testing.assert_allclose(blocks(255 - edge(upright=True)).argmax(), blocks(edge(upright=True)).argmax())


def test_a_picture_without_edges_is_nothing() -> None:
    assert not blocks(np.full((SIDE, SIDE), 90, np.uint8)).any()
