"""Density Peaks on 300 small sets full of ties and duplicates: every kernel, halo, picks, and all cuts of the tree."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import make_blobs

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.clustering.density_peaks import (
    DecisionGraph,
    cut_at_peaks,
    decision_graph,
    decision_graph_of,
    label_by_centers,
)
from pipeline.kernels.clustering.peak_centers import centers_above, peak_halo
from pipeline.kernels.clustering.peak_hierarchy import peak_hierarchy
from pipeline.kernels.clustering.radius_density import radius_log_density, radius_of_mean_neighbours
from pipeline.kernels.neighbours.nearest import nearest_neighbours
from tests.reference.density_peaks import brute_force_cut, brute_force_density_peaks

N_SETS = 300


def small_sets() -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Normal, on a grid, or with rows repeated, by turns."""
    for seed in range(N_SETS):
        rng = np.random.default_rng([17, seed])
        n, width = int(rng.integers(8, 36)), int(rng.integers(1, 4))
        kind = seed % 3
        if kind == 0:
            yield seed, rng.standard_normal((n, width))
        elif kind == 1:
            yield seed, rng.integers(0, 5, (n, width)).astype(np.float64)
        else:
            yield seed, rng.standard_normal((n, width))[rng.integers(0, n, n)]


def graph_of(
    seed: int, vectors: NDArray[np.float64], kernel: str, radius: float
) -> tuple[DecisionGraph, NDArray[np.int64]]:
    indices, distances = nearest_neighbours(vectors, 4 + seed % 5)
    if kernel == "neighbours":
        return decision_graph(vectors, indices, distances, dimension=2.0, k_density=4), indices
    density = radius_log_density(vectors, indices, distances, radius=radius, kernel=kernel, dimension=2.0)  # type: ignore[arg-type]
    return decision_graph_of(density, vectors, indices, distances), indices


@pytest.mark.parametrize("kernel", ["neighbours", "cutoff", "gaussian"])
def test_equals_the_slow_version(kernel: str) -> None:
    for seed, vectors in small_sets():
        radius = 0.4 + 0.2 * (seed % 7)
        expected = brute_force_density_peaks(vectors, 3, 2.0, 4, kernel=kernel, radius=radius)
        graph, _ = graph_of(seed, vectors, kernel, radius)
        labels, centers = cut_at_peaks(graph, 3)
        np.testing.assert_allclose(graph.density, expected["density"], rtol=1e-6, atol=1e-6, err_msg=f"set {seed}")
        np.testing.assert_array_equal(graph.nearest_denser, expected["nearest_denser"], err_msg=f"set {seed}")
        np.testing.assert_allclose(graph.delta, expected["delta"], rtol=1e-6, err_msg=f"set {seed}")
        np.testing.assert_array_equal(centers, expected["centers"], err_msg=f"set {seed}")
        np.testing.assert_array_equal(labels, expected["labels"], err_msg=f"set {seed}")


def test_every_cut_of_the_tree_is_the_direct_one() -> None:
    for seed, vectors in small_sets():
        graph, _ = graph_of(seed, vectors, "neighbours", 0)
        most = len(vectors)
        tree = peak_hierarchy(graph, most)
        for k in range(1, max(np.count_nonzero(graph.delta), 1) + 1):  # beyond, centres would be copies
            direct, centers = cut_at_peaks(graph, k)
            np.testing.assert_array_equal(tree.labels(k), direct, err_msg=f"set {seed}, k {k}")
            np.testing.assert_array_equal(tree.centers[:k], centers)
        assert (tree.split_from[1:] < np.arange(1, most)).all()
        assert tree.sizes()[0] == most


def test_the_tree_of_a_larger_set() -> None:
    vectors = make_blobs(500, 4, centers=30, random_state=5)[0]
    graph = decision_graph(vectors, *nearest_neighbours(vectors, 30), dimension=4.0)
    tree = peak_hierarchy(graph, 50)
    for k in range(2, 51):
        slow = brute_force_cut(graph.density, _distances(vectors), k) if k in (2, 50) else None
        direct = cut_at_peaks(graph, k)[0]
        np.testing.assert_array_equal(tree.labels(k), direct)
        if slow is not None:
            np.testing.assert_array_equal(direct, slow["labels"])
        before, after = tree.labels(k - 1), tree.labels(k)
        moved = after != before
        assert set(after[moved]) == {k - 1}
        assert set(before[moved]) == {int(tree.split_from[k - 1])}
        assert tree.sizes()[k - 1] >= moved.sum()


def _distances(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    differences = vectors[:, None] - vectors[None]
    return np.sqrt((differences**2).sum(axis=2)).astype(np.float32).astype(np.float64)


def test_the_width_of_the_table_does_not_show_in_densities_by_radius() -> None:
    vectors = make_blobs(400, 3, centers=4, random_state=2)[0]
    for kernel in ("cutoff", "gaussian"):
        found = [
            radius_log_density(vectors, *nearest_neighbours(vectors, width), radius=0.7, kernel=kernel, dimension=3.0)  # type: ignore[arg-type]
            for width in (5, 80, 399)
        ]
        np.testing.assert_allclose(found[0], found[2], rtol=0, atol=2e-7)
        np.testing.assert_allclose(found[1], found[2], rtol=0, atol=2e-7)


def test_order_of_rows_does_not_matter() -> None:
    vectors = make_blobs(200, 3, centers=5, random_state=4)[0]
    order = np.random.default_rng(0).permutation(len(vectors))
    one = cut_at_peaks(decision_graph(vectors, *nearest_neighbours(vectors, 30), dimension=3.0), 5)[0]
    moved = vectors[order]
    other = cut_at_peaks(decision_graph(moved, *nearest_neighbours(moved, 30), dimension=3.0), 5)[0]
    np.testing.assert_array_equal(other, one[order])


def test_centres_by_thresholds_by_hand_and_halo() -> None:
    vectors = make_blobs(300, 2, centers=3, cluster_std=0.6, random_state=1)[0]
    indices, distances = nearest_neighbours(vectors, 20)
    graph = decision_graph(vectors, indices, distances, dimension=2.0)
    labels, centers = cut_at_peaks(graph, 3)
    delta = float(np.sort(graph.delta)[-4])
    np.testing.assert_array_equal(centers_above(graph, density=graph.density.min() - 1, delta=delta), centers)
    np.testing.assert_array_equal(label_by_centers(graph, centers[::-1]), 2 - labels)
    halo = peak_halo(graph, labels, indices, 20)
    for cluster in range(3):
        own = labels == cluster
        border = own & (labels[indices] != cluster).any(axis=1)
        highest = graph.density[border].max(initial=-np.inf)
        np.testing.assert_array_equal(halo[own], graph.density[own] < highest)
    with pytest.raises(UsageError, match="lower the thresholds"):
        centers_above(graph, density=1e9, delta=0)
    with pytest.raises(UsageError, match="add it"):
        label_by_centers(graph, centers[1:])
    with pytest.raises(UsageError, match="twice"):
        label_by_centers(graph, [centers[0], centers[0]])
    with pytest.raises(UsageError, match="row numbers"):
        label_by_centers(graph, [centers[0], 300])
    with pytest.raises(UsageError, match="reach"):
        peak_halo(graph, labels, indices, 21)


def test_a_radius_from_the_mean_number_of_neighbours() -> None:
    distances = np.array([[1.0, 2.0], [1.0, 3.0], [2.0, 3.0]])
    radius = radius_of_mean_neighbours(distances, 1)
    assert (distances < radius).sum() / 3 <= 1 <= (distances <= radius).sum() / 3
    with pytest.raises(UsageError, match="make it wider"):
        radius_of_mean_neighbours(np.array([[0.1], [0.2], [5.0], [6.0]]), 0.9)
    with pytest.raises(UsageError, match="fewer than its columns"):
        radius_of_mean_neighbours(distances, 2)


def test_refusals() -> None:
    vectors = np.random.default_rng(0).standard_normal((20, 2))
    table = nearest_neighbours(vectors, 4)
    for radius in (0.0, np.nan, np.inf):
        with pytest.raises(UsageError, match="radius"):
            radius_log_density(vectors, *table, radius=radius, kernel="cutoff", dimension=2.0)
    with pytest.raises(UsageError, match="kernel"):
        radius_log_density(vectors, *table, radius=1.0, kernel="box", dimension=2.0)  # type: ignore[arg-type]
    with pytest.raises(InvalidDataError, match="row 3 is not finite"):
        decision_graph_of(np.where(np.arange(20) == 3, np.nan, 0.0), vectors, *table)
    with pytest.raises(InvalidDataError, match="rescale"):
        decision_graph_of(np.zeros(20), vectors * 1e154, *table)
    graph = decision_graph(vectors, *table, dimension=2.0, k_density=4)
    with pytest.raises(UsageError, match="k_max is 21"):
        peak_hierarchy(graph, 21)
    with pytest.raises(UsageError, match="k is 4"):
        peak_hierarchy(graph, 3).labels(4)
