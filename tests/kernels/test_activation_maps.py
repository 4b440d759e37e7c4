"""Maps of where a network answers, by hand."""

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.kernels.activation_maps import as_shares, gradient_map, loading_map


def test_a_loading_map_by_hand() -> None:
    maps = np.array([[[1, 0]], [[0, 2]], [[5, 5]]], np.float32)
    np.testing.assert_allclose(loading_map(maps, np.array([0.5, -0.25, 0.0])), [[0.5, 0.5]])
    with pytest.raises(UsageError, match="2 weights"):
        loading_map(maps, np.array([1.0, 2.0]))


def test_a_gradient_map_by_hand() -> None:
    """The first map speaks for the class at the left, the second against it at the right."""
    maps = np.array([[[3, 1]], [[0, 2]]], np.float32)
    gradients = np.array([[[2, 0]], [[-1, -1]]], np.float32)
    np.testing.assert_allclose(gradient_map(maps, gradients), [[6, 0]])


def test_shares_of_equal_values_are_nothing() -> None:
    np.testing.assert_array_equal(as_shares(np.array([[2.0, 4.0, 3.0]])), [[0, 1, 0.5]])
    np.testing.assert_array_equal(as_shares(np.full((2, 2), 7.0)), np.zeros((2, 2)))
