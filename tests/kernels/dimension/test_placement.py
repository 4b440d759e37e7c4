"""Placing new vectors into a layout."""

import numpy as np

from pipeline.kernels.dimension.placement import PLACED_BY, place


def test_the_median_of_the_nearest_by_hand() -> None:
    vectors = np.arange(30, dtype=np.float32)[:, None]
    coordinates = np.stack([np.arange(30), np.arange(30) % 3], axis=1).astype(np.float32)
    found = place(np.float32([[9.6]]), vectors, coordinates)
    near = np.arange(5, 5 + PLACED_BY)  # 5 to 14 are the ten nearest to 9.6
    np.testing.assert_array_equal(found, [[np.median(near), np.median(near % 3)]])


def test_a_copy_lies_on_its_twin_and_others_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    vectors, coordinates = rng.random((50, 6)).astype(np.float32), rng.random((50, 3)).astype(np.float32)
    queries = np.concatenate([vectors[7:8], rng.random((20, 6)).astype(np.float32)])
    together = place(queries, vectors, coordinates)
    np.testing.assert_array_equal(together[0], coordinates[7])
    np.testing.assert_array_equal(together[5:6], place(queries[5:6], vectors, coordinates))


def test_few_laid_out_and_none_to_place() -> None:
    vectors, coordinates = np.zeros((1, 2), np.float32), np.ones((1, 2), np.float32)
    np.testing.assert_array_equal(place(np.ones((1, 2), np.float32), vectors, coordinates), coordinates)
    assert place(np.empty((0, 2), np.float32), vectors, coordinates).shape == (0, 2)
