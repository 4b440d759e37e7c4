"""Density Peaks: by hand, against brute force, ties and duplicates, any width of table."""

import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from pipeline.errors import UsageError
from pipeline.kernels.clustering.density_peaks import cut_at_peaks, decision_graph, density_peaks, knn_log_density
from pipeline.kernels.neighbours.nearest import nearest_neighbours
from tests.reference.density_peaks import brute_force_density_peaks

RNG = np.random.default_rng
SETS = {
    "random": RNG(0).standard_normal((150, 4)),
    "blobs": make_blobs(150, 3, centers=4, random_state=1)[0],
    "ties": RNG(2).integers(0, 6, (150, 2)).astype(np.float64),
    "duplicates": np.repeat(RNG(3).standard_normal((30, 3)), [5, 1, 1, 2, 12, 1] * 5, axis=0),
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("width", [6, 40])
def test_equals_brute_force(name: str, width: int) -> None:
    vectors = SETS[name]
    expected = brute_force_density_peaks(vectors, 5, 2.5, 6)
    indices, distances = nearest_neighbours(vectors, width)
    result = density_peaks(vectors, indices, distances, n_clusters=5, dimension=2.5, k_density=6)
    np.testing.assert_allclose(result.density, expected["density"], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(result.nearest_denser, expected["nearest_denser"])
    np.testing.assert_allclose(result.delta, expected["delta"], rtol=1e-6)
    np.testing.assert_array_equal(result.centers, expected["centers"])
    np.testing.assert_array_equal(result.labels, expected["labels"])


def test_by_hand() -> None:
    line = np.array([[0.0], [1.0], [2.0], [2.5], [10.0], [11.0]])
    result = density_peaks(line, *nearest_neighbours(line, 1), n_clusters=2, dimension=1.0, k_density=1)
    # Nearest distances 1, 1, .5, .5, 1, 1: row 2 is the densest, then 3, 0, 1, 4, 5.
    np.testing.assert_array_equal(result.nearest_denser, [2, 0, -1, 2, 3, 4])
    np.testing.assert_array_equal(result.delta, [2, 1, 9, 0.5, 7.5, 1])
    np.testing.assert_allclose(np.exp(result.density), 1 / (6 * 2 * np.array([1, 1, 0.5, 0.5, 1, 1])))
    assert result.centers[0] == 2


def test_the_width_of_the_table_does_not_show() -> None:
    digits = load_digits().data[:600]
    results = [
        density_peaks(digits, *nearest_neighbours(digits, width), n_clusters=10, dimension=8.0)
        for width in (20, 60, 599)
    ]
    for other in results[1:]:
        for field in ("labels", "density", "delta", "nearest_denser", "centers"):
            np.testing.assert_array_equal(getattr(other, field), getattr(results[0], field))


def test_separates_blobs() -> None:
    vectors, truth = make_blobs(900, 5, centers=6, cluster_std=1.0, random_state=0)
    result = density_peaks(vectors, *nearest_neighbours(vectors, 30), n_clusters=6, dimension=5.0)
    assert adjusted_rand_score(truth, result.labels) > 0.99
    np.testing.assert_array_equal(result.labels[result.centers], np.arange(6))


@pytest.mark.parametrize("name", ["blobs", "varied", "digits"])
def test_equals_dadapys_decision_graph(name: str, shared_data: Path) -> None:
    """golden/ref_dadapy.py: density from 10 neighbours and decision graph (DADApy 0.3.4)."""
    toys = {
        "blobs": lambda: make_blobs(n_samples=3000, random_state=30)[0],
        "varied": lambda: make_blobs(n_samples=3000, cluster_std=[1.0, 2.5, 0.5], random_state=170)[0],
    }
    vectors = load_digits().data if name == "digits" else StandardScaler().fit_transform(toys[name]())
    with np.load(shared_data / "golden" / "adp_refs.npz") as stored:
        density, delta = stored[f"{name}/knn10_log_den"], stored[f"{name}/dec_delta"]
        nearest_denser, dimension = stored[f"{name}/dec_ref"], float(stored[f"{name}/id"])
    graph = decision_graph(vectors, *nearest_neighbours(vectors, 100), dimension=dimension, k_density=10)
    np.testing.assert_allclose(graph.density, density, atol=1e-5)
    same = graph.nearest_denser == nearest_denser
    # Equal densities (678 distinct ones among the 1,797 digits) are ordered otherwise there; the densest
    # point is its own parent there.
    assert same.mean() > 0.99
    np.testing.assert_allclose(graph.delta[same], delta[same], rtol=1e-5)


def test_constant_points() -> None:
    vectors = np.ones((7, 2))
    result = density_peaks(vectors, *nearest_neighbours(vectors, 3), n_clusters=1, dimension=2.0, k_density=3)
    assert not result.density.any()
    assert not result.delta.any()
    np.testing.assert_array_equal(result.nearest_denser, [-1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(result.centers, [0])
    np.testing.assert_array_equal(result.labels, np.zeros(7))


def test_copies_are_no_centres() -> None:
    vectors = np.array([[0.0], [0.0], [1.0], [1.0], [5.0]])
    table = nearest_neighbours(vectors, 3)
    assert sorted(density_peaks(vectors, *table, n_clusters=3, dimension=1.0, k_density=2).labels) == [0, 0, 1, 1, 2]
    with pytest.raises(UsageError, match="only 3 distinct points"):
        density_peaks(vectors, *table, n_clusters=4, dimension=1.0, k_density=2)


def test_one_point() -> None:
    result = density_peaks([[3.0]], *nearest_neighbours([[3.0]], 3), n_clusters=1, dimension=1.0)
    assert result.labels.tolist() == [0]
    assert result.nearest_denser.tolist() == [-1]
    assert result.delta.tolist() == [0]


def test_cuts_are_nested_in_their_centres() -> None:
    vectors = SETS["random"]
    graph = decision_graph(vectors, *nearest_neighbours(vectors, 20), dimension=3.0)
    many, few = cut_at_peaks(graph, 9)[1], cut_at_peaks(graph, 3)[1]
    np.testing.assert_array_equal(many[:3], few)
    assert len(np.unique(cut_at_peaks(graph, 150)[0])) == 150


def test_density_of_many_copies_is_finite() -> None:
    density = knn_log_density(np.array([[0.0, 0.0], [0.0, 2.0], [1.0, 1.0]]), dimension=2.0, k_density=2)
    assert density[0] == density[2] == pytest.approx(math.log(2 / (3 * math.pi)))


def test_refusals() -> None:
    vectors = SETS["random"]
    indices, distances = nearest_neighbours(vectors, 5)
    with pytest.raises(UsageError, match="n_clusters is 151"):
        density_peaks(vectors, indices, distances, n_clusters=151, dimension=2.0, k_density=5)
    with pytest.raises(UsageError, match="dimension"):
        density_peaks(vectors, indices, distances, n_clusters=2, dimension=0.0)
    with pytest.raises(UsageError, match="k_density"):
        density_peaks(vectors, indices, distances, n_clusters=2, dimension=2.0, k_density=0)
    with pytest.raises(UsageError, match="6 neighbours, but the table holds 5"):
        density_peaks(vectors, indices, distances, n_clusters=2, dimension=2.0, k_density=6)
    with pytest.raises(UsageError, match="shapes"):
        density_peaks(vectors[:100], indices, distances, n_clusters=2, dimension=2.0)
    with pytest.raises(UsageError, match="another set"):
        density_peaks(vectors, indices + 1, distances, n_clusters=2, dimension=2.0)
    with pytest.raises(UsageError, match="at least one row"):
        density_peaks(np.empty((0, 2)), np.empty((0, 0), int), np.empty((0, 0)), n_clusters=1, dimension=2.0)
