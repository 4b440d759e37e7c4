"""Advanced Density Peaks: the golden labels, densities, properties, duplicates and limits."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.clustering.advanced_density_peaks import advanced_density_peaks
from pipeline.kernels.clustering.point_adaptive_density import adaptive_density
from pipeline.kernels.neighbours.nearest import nearest_neighbours


def golden_set(name: str) -> NDArray[np.float64]:
    """As golden/data.py makes them."""
    if name == "digits":
        return datasets.load_digits().data
    makers = {
        "noisy_circles": lambda: datasets.make_circles(n_samples=3000, factor=0.5, noise=0.05, random_state=30)[0],
        "noisy_moons": lambda: datasets.make_moons(n_samples=3000, noise=0.05, random_state=30)[0],
        "blobs": lambda: datasets.make_blobs(n_samples=3000, random_state=30)[0],
        "no_structure": lambda: np.random.RandomState(30).rand(3000, 2),
        "aniso": lambda: (
            datasets.make_blobs(n_samples=3000, random_state=170)[0] @ np.array([[0.6, -0.6], [-0.4, 0.8]])
        ),
        "varied": lambda: datasets.make_blobs(n_samples=3000, cluster_std=[1.0, 2.5, 0.5], random_state=170)[0],
    }
    return StandardScaler().fit_transform(makers[name]())


@pytest.mark.parametrize("name", ["noisy_circles", "noisy_moons", "blobs", "no_structure", "aniso", "varied", "digits"])
def test_equals_the_golden_labels(name: str, shared_data: Path) -> None:
    """golden/ref_dadapy.py: DADApy 0.3.4's version in plain Python; its compiled one finds 2 clusters in `varied`."""
    with np.load(shared_data / "golden" / "adp_refs.npz") as stored:
        golden = {key: stored[f"{name}/{key}"] for key in ("adp_Z1.6_purepy", "id", "kstar", "log_den", "log_den_err")}
        centers = stored[f"{name}/adp_centers"]
    table = nearest_neighbours(golden_set(name), 100)
    found = advanced_density_peaks(*table, dimension=float(golden["id"]), z=1.6)
    np.testing.assert_array_equal(found.labels, golden["adp_Z1.6_purepy"])
    if name != "varied":
        np.testing.assert_array_equal(found.centers, centers)
    same = found.density.n_neighbours == golden["kstar"]
    # Of the digits, whole numbers, 81 have neighbours at equal distances, which are in another order there.
    assert same.mean() > (0.95 if name == "digits" else 0.9999)
    np.testing.assert_allclose(found.density.error[same], golden["log_den_err"][same], rtol=1e-12)
    np.testing.assert_allclose(found.density.log_density[same], golden["log_den"][same], atol=5e-3)


def two_hills(seed: int = 0, n: int = 600) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(0, 1, (n, 2)), rng.normal([6, 0], 1, (n, 2))])


def test_two_hills_their_saddle_halo_and_tree() -> None:
    values = two_hills()
    found = advanced_density_peaks(*nearest_neighbours(values, 100), dimension=2.0)
    truth = np.repeat([0, 1], 600)
    assert len(found.centers) == 2
    assert (found.labels == truth).mean() > 0.99 or (found.labels != truth).mean() > 0.99
    saddle = int(found.saddles[0, 1])
    assert saddle == found.saddles[1, 0] >= 0
    assert abs(values[saddle, 0] - 3) < 1
    height = found.density.log_density
    np.testing.assert_array_equal(found.halo, height < height[saddle])
    tree = found.tree
    assert len(tree.peaks) == tree.n_insignificant + 1  # the last merge would join the two
    assert {int(tree.peaks[-1]), int(tree.into[-1])} == set(found.centers.tolist())
    assert (tree.significance[: tree.n_insignificant] < 1.6).all()
    assert tree.significance[-1] >= 1.6
    above = np.nextafter(tree.significance[-1], np.inf)
    assert len(advanced_density_peaks(*nearest_neighbours(values, 100), dimension=2.0, z=above).centers) == 1


def test_more_confidence_means_no_more_clusters_and_zero_keeps_all_peaks() -> None:
    values = np.random.default_rng(1).random((2000, 2))
    table = nearest_neighbours(values, 60)
    counts = [len(advanced_density_peaks(*table, dimension=2.0, z=z).centers) for z in (0.0, 0.8, 1.6, 5.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 5
    assert counts[2] == 1


def test_order_of_rows_does_not_matter() -> None:
    values = two_hills(3)
    order = np.random.default_rng(1).permutation(len(values))
    one = advanced_density_peaks(*nearest_neighbours(values, 80), dimension=2.0)
    other = advanced_density_peaks(*nearest_neighbours(values[order], 80), dimension=2.0)
    assert len(one.centers) == len(other.centers)
    place = {int(row): c for c, row in enumerate(one.centers)}
    mapped = np.array([place[int(order[center])] for center in other.centers])
    np.testing.assert_array_equal(mapped[other.labels], one.labels[order])


def test_density_of_a_uniform_square() -> None:
    values = np.random.default_rng(2).random((4000, 2))
    inside = (np.abs(values - 0.5) < 0.3).all(axis=1)
    found = adaptive_density(*nearest_neighbours(values, 100), dimension=2.0)
    off = found.log_density[inside]
    assert abs(off.mean()) < 0.03
    assert off.std() < 1.3 * found.error[inside].mean()


def test_duplicates_are_dense_but_finite_and_constant_points_are_one_cluster() -> None:
    values = np.repeat(two_hills(n=60), 6, axis=0)
    found = advanced_density_peaks(*nearest_neighbours(values, 40), dimension=2.0)
    assert np.isfinite(found.density.log_density).all()
    assert (found.labels.reshape(-1, 6) == found.labels[::6, None]).all()
    same = advanced_density_peaks(*nearest_neighbours(np.ones((30, 3)), 10), dimension=2.0)
    assert not same.labels.any()
    assert np.ptp(same.density.log_density) == 0


def test_refusals() -> None:
    values = two_hills(n=30)
    indices, distances = nearest_neighbours(values, 10)
    for z in (-1.0, np.nan, np.inf):
        with pytest.raises(UsageError, match="z is"):
            advanced_density_peaks(indices, distances, dimension=2.0, z=z)
    for dimension in (0.0, np.nan):
        with pytest.raises(UsageError, match="dimension"):
            advanced_density_peaks(indices, distances, dimension=dimension)
    with pytest.raises(UsageError, match="K at least 4"):
        adaptive_density(indices[:, :3], distances[:, :3], dimension=2.0)
    with pytest.raises(UsageError, match="shapes"):
        adaptive_density(indices[:5], distances, dimension=2.0)
    with pytest.raises(UsageError, match="another set"):
        adaptive_density(indices + 1, distances, dimension=2.0)
    for bad in (np.nan, np.inf, -1.0):
        with pytest.raises(InvalidDataError, match="NaN, infinite or negative"):
            adaptive_density(indices, np.where(distances == distances[3, 3], bad, distances), dimension=2.0)
