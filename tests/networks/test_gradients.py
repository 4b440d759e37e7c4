"""The network of oriented gradients: rows alone or together, none, and cells that do not fit."""

import numpy as np
import pytest

from pipeline.networks.gradients import NETWORK, GradientsSettings


def test_a_row_does_not_depend_on_the_rows_beside_it() -> None:
    settings = GradientsSettings(input_size=16, cells=4)
    encoder = NETWORK.load(settings, b"")
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16), dtype=np.uint8)
    found = encoder.encode(images)
    assert found.shape == (3, NETWORK.width(settings, b"")) == (3, encoder.dimension)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(encoder.encode(images[1:2]), found[1:2])
    assert encoder.encode(images[:0]).shape == (0, encoder.dimension)


def test_cells_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="no multiple of cells = 7"):
        GradientsSettings(cells=7)


def test_a_turned_picture_is_another() -> None:
    """A 6 is no 9: it is as far from itself turned as from another picture's."""
    pictures = np.random.default_rng(3).integers(0, 256, (2, 32, 32), np.uint8)
    own, other, turned = NETWORK.load(GradientsSettings(), b"").encode(
        np.stack([*pictures, np.rot90(pictures[0], 2)])
    ).astype(np.float64)  # fmt: skip
    assert np.linalg.norm(own - turned) > 0.9 * np.linalg.norm(own - other) > 0
