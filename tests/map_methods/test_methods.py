"""Every method of laying out: shape, repeatability, and whether groups stay apart."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.kernels.neighbours import nearest_neighbours
from pipeline.map_methods.base import FEWEST_POINTS, MapMethod, MapPoints, MapSettings, start_coordinates
from pipeline.map_methods.registry import METHODS, method_of
from pipeline.map_methods.umap import UMAPSettings


def groups(n: int, *, n_groups: int = 3, width: int = 8) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Gaussian groups far from each other."""
    rng = np.random.default_rng(3)
    of = np.arange(n) % n_groups
    return (rng.normal(size=(n, width)) + 20 * rng.normal(size=(n_groups, width))[of]).astype(np.float32), of


def laid_out(vectors: NDArray[np.float32], settings: MapSettings, seed: int = 1) -> NDArray[np.float32]:
    neighbours = nearest_neighbours(vectors, settings.neighbours_needed(len(vectors)))
    return method_of(settings).lay_out(MapPoints(vectors, *neighbours, seed), settings)


@pytest.mark.parametrize("entry", METHODS, ids=lambda entry: entry.name)
def test_groups_stay_apart_and_the_bits_are_the_same_again(entry: MapMethod) -> None:
    vectors, of = groups(90)
    settings = entry.settings(method=entry.name)
    found = laid_out(vectors, settings)
    assert found.shape == (90, 2)
    assert found.dtype == np.float32
    nearest, _ = nearest_neighbours(found, 5)
    assert np.mean(of[nearest] == of[:, None]) > 0.99
    np.testing.assert_array_equal(found, laid_out(vectors, settings))


@pytest.mark.parametrize("entry", METHODS, ids=lambda entry: entry.name)
def test_fewest_points_and_equal_points(entry: MapMethod) -> None:
    vectors, _ = groups(FEWEST_POINTS)
    settings = entry.settings(method=entry.name)
    assert np.isfinite(laid_out(vectors, settings)).all()
    assert np.isfinite(laid_out(np.ones((20, 4), np.float32), settings)).all()


def test_a_map_of_more_dimensions() -> None:
    vectors, of = groups(60)
    found = laid_out(vectors, UMAPSettings(components=5, neighbours=8, min_dist=0))
    assert found.shape == (60, 5)
    nearest, _ = nearest_neighbours(found, 5)
    assert np.mean(of[nearest] == of[:, None]) > 0.99


def test_another_seed_gives_another_map() -> None:
    vectors, _ = groups(60)
    settings = UMAPSettings()
    assert not np.array_equal(laid_out(vectors, settings), laid_out(vectors, settings, seed=2))


def test_the_start_is_the_components() -> None:
    vectors = np.array([[0, 0], [10, 1], [20, -1], [30, 0]], np.float32)
    points = MapPoints(vectors, np.zeros((4, 1), np.int64), np.zeros((4, 1), np.float32), 0)
    start = start_coordinates(points, 2)
    np.testing.assert_allclose(start[:, 0].std(), 1)
    assert np.all(np.diff(start[:, 0]) > 0)


def test_a_map_without_transform_keeps_its_key() -> None:
    from pipeline.map_methods.tsne import TSNESettings

    assert "transform" not in TSNESettings().relevant()
    assert TSNESettings(transform=("pca:50",)).relevant()["transform"] == ["pca:50"]
