"""Trees and their cuts against SciPy's, against the definition where distances tie, and by hand."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, is_valid_linkage, linkage
from scipy.spatial.distance import pdist
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from pipeline.errors import StageError, UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.clustering import condensed, near_clusters, single, ward
from pipeline.kernels.clustering.linkage import (
    LinkageMethod,
    count_inversions,
    cut_tree,
    cut_tree_at,
    linkage_matrix,
    single_linkage,
    ward_linkage,
)
from pipeline.kernels.neighbours.nearest import nearest_neighbours
from tests.reference.linkages import worst_merge

METHODS: tuple[LinkageMethod, ...] = ("ward", "single", "complete", "average", "centroid")


def _clusters(n_rows: int, width: int, *, seed: int = 0) -> NDArray[np.float64]:
    return make_blobs(n_rows, width, centers=max(n_rows // 40, 1), random_state=seed)[0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("n_rows", "width"), [(2, 1), (3, 2), (50, 4), (1300, 40), (300, 7)])
def test_every_merge_is_scipys(method: LinkageMethod, n_rows: int, width: int) -> None:
    vectors = 50 + _clusters(n_rows, width)
    np.testing.assert_allclose(linkage_matrix(vectors, method), linkage(vectors, method), rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_every_merge_is_scipys_of_5000_rows(method: LinkageMethod) -> None:
    """Enough rows for short rows, for an order by place, and for clusters whose lists run out."""
    rng = np.random.default_rng(5)
    latent = np.repeat(3 * rng.standard_normal((50, 6)), 100, axis=0) + rng.standard_normal((5000, 6))
    vectors = np.maximum(latent @ rng.standard_normal((6, 64)), 0).astype(np.float32)
    tree, expected = linkage_matrix(vectors, method), linkage(vectors.astype(np.float64), method)
    np.testing.assert_allclose(tree[:, 2], expected[:, 2], rtol=1e-9)
    np.testing.assert_array_equal(tree[:, [0, 1, 3]], expected[:, [0, 1, 3]])


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=30, deadline=None)
@given(rows=arrays(np.int8, st.tuples(st.integers(2, 14), st.integers(1, 3)), elements=st.integers(0, 4)))
def test_ties_and_copies_merge_a_closest_pair_every_time(method: LinkageMethod, rows: NDArray[np.int8]) -> None:
    vectors = rows.astype(np.float64)
    tree = linkage_matrix(rows, method)
    assert is_valid_linkage(tree)
    assert worst_merge(vectors, tree, method) < 1e-9
    n_copies = len(rows) - len(np.unique(rows, axis=0))
    assert (tree[:n_copies, 2] == 0).all()
    assert (tree[n_copies:, 2] > 0).all() or method == "centroid"
    if method == "single":
        np.testing.assert_allclose(tree[:, 2], linkage(pdist(vectors), method)[:, 2], rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_lattice_of_ties(method: LinkageMethod) -> None:
    """Lists full of equal distances: merges are those of a closest pair, and the same again."""
    grid = np.stack(np.meshgrid(np.arange(7), np.arange(6)), axis=-1).reshape(-1, 2)
    vectors = np.concatenate([grid, grid[::3]]).astype(np.float32)
    tree = linkage_matrix(vectors, method)
    assert worst_merge(vectors.astype(np.float64), tree, method) < 1e-9
    np.testing.assert_array_equal(linkage_matrix(vectors, method), tree)


@pytest.mark.parametrize("method", ["ward", "single"])
def test_tiles_and_lists_do_not_matter(method: LinkageMethod, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = _clusters(300, 5)
    whole = linkage_matrix(vectors, method)
    monkeypatch.setattr(near_clusters, "_QUERY_ROWS", 17)
    monkeypatch.setattr(near_clusters, "_CLUSTER_ROWS", 31)
    monkeypatch.setattr(ward, "_LIST_LENGTH", 2)
    monkeypatch.setattr(single, "_LIST_LENGTH", 2)
    np.testing.assert_array_equal(linkage_matrix(vectors, method), whole)


@pytest.mark.parametrize(("share", "slack"), [(0.9, 0.5), (0.97, 0.0), (0.999, 0.0)])
@pytest.mark.parametrize("method", ["ward", "single"])
def test_loose_bounds_do_not_matter(
    method: LinkageMethod, share: float, slack: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where bounds prove nothing, or only the nearest of a list, the second product decides."""
    vectors = _clusters(400, 6)
    whole = linkage_matrix(vectors, method)
    found = near_clusters.full_rows

    def loose(*arguments: object) -> object:
        bounds = found(*arguments)  # type: ignore[arg-type]
        return type(bounds)(bounds.rows, bounds.norms * np.float32(share), slack, bounds.underflow, bounds.scale)

    monkeypatch.setattr(near_clusters, "full_rows", loose)
    monkeypatch.setattr(ward, "_LIST_LENGTH", 3)
    monkeypatch.setattr(single, "_LIST_LENGTH", 3)
    np.testing.assert_array_equal(linkage_matrix(vectors, method), whole)


@pytest.mark.parametrize("method", ["complete", "average", "centroid"])
def test_float32_storage(method: LinkageMethod, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    vectors = _clusters(400, 20)
    exact = linkage_matrix(vectors, method)
    monkeypatch.setattr(condensed, "FLOAT64_BYTES", 0)
    rounded = linkage_matrix(vectors, method)
    np.testing.assert_allclose(rounded, exact, rtol=1e-6)
    storage = np.memmap(tmp_path / "distances", dtype=np.float32, mode="w+", shape=(400 * 399 // 2,))
    np.testing.assert_array_equal(linkage_matrix(vectors, method, storage=storage), rounded)
    with pytest.raises(UsageError, match="at least 79800"):
        linkage_matrix(vectors, method, storage=storage[1:])


def test_single_from_a_table() -> None:
    vectors = np.concatenate([_clusters(300, 4), _clusters(300, 4)[:40]])
    expected = single_linkage(vectors)
    for k in (1, 5, 60, 339):
        np.testing.assert_array_equal(single_linkage(vectors, neighbours=nearest_neighbours(vectors, k)[0]), expected)
    with pytest.raises(UsageError, match="expected \\[340, at least 1\\]"):
        single_linkage(vectors, neighbours=np.zeros((3, 2), dtype=np.int64))
    with pytest.raises(UsageError, match="no row numbers"):
        single_linkage(vectors, neighbours=np.full((340, 2), 340))


def test_golden_toy_sets(shared_data: Path) -> None:
    """golden/ref_np2.py: SciPy's Ward trees of the toy sets of golden/data.py."""
    toys = {
        "noisy_circles": make_circles(n_samples=3000, factor=0.5, noise=0.05, random_state=30)[0],
        "noisy_moons": make_moons(n_samples=3000, noise=0.05, random_state=30)[0],
        "blobs": make_blobs(n_samples=3000, random_state=30)[0],
    }
    with np.load(shared_data / "golden" / "cluster_refs.npz") as stored:
        for name, raw in toys.items():
            tree = ward_linkage(StandardScaler().fit_transform(raw))
            np.testing.assert_allclose(tree, stored[f"{name}/linkage_ward"], rtol=1e-9, atol=1e-9)
            cut = cut_tree(tree, 3 if name == "blobs" else 2)
            assert adjusted_rand_score(cut, stored[f"{name}/fcluster_ward"]) == 1


@pytest.mark.parametrize("method", METHODS)
def test_cuts_have_k_clusters_numbered_by_first_appearance(method: LinkageMethod) -> None:
    tree = linkage_matrix(np.random.default_rng(2).standard_normal((60, 3)), method)
    ks = [7, 1, 60, 2, 7]
    for k, labels in zip(ks, cut_tree_at(tree, ks).T, strict=True):
        np.testing.assert_array_equal(labels, cut_tree(tree, k))
        _, first = np.unique(labels, return_index=True)
        assert labels.dtype == np.int32
        assert len(first) == k
        assert (np.diff(first) > 0).all()
        if method != "centroid":
            assert adjusted_rand_score(labels, fcluster(tree, k, "maxclust")) == 1
    assert cut_tree_at(tree, []).shape == (60, 0)


def test_cut_of_a_tree_with_an_inversion() -> None:
    triangle = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.9], [9.0, 9.0]])
    tree = linkage_matrix(triangle, "centroid")
    assert tree[1, 2] < tree[0, 2]
    assert count_inversions(tree) == 1
    assert all(count_inversions(linkage_matrix(triangle, method)) == 0 for method in METHODS[:4])
    np.testing.assert_array_equal(cut_tree(tree, 3), [0, 0, 1, 2])
    np.testing.assert_array_equal(cut_tree(tree, 2), [0, 0, 0, 1])


def test_by_hand() -> None:
    tree = ward_linkage([[0.0], [1.0], [5.0]])
    np.testing.assert_allclose(tree, [[0, 1, 1, 2], [2, 3, np.sqrt(4 / 3) * 4.5, 3]])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("unit", [1e-300, 1e-160, 1e154, 1e250, 1e306])
def test_units_near_the_limits_of_float64(method: LinkageMethod, unit: float) -> None:
    vectors, truth = make_blobs(90, 3, centers=3, cluster_std=0.3, random_state=1)
    tree = linkage_matrix(unit * vectors, method)
    np.testing.assert_array_equal(tree[:, [0, 1, 3]], linkage_matrix(vectors, method)[:, [0, 1, 3]])
    labels = cut_tree(tree, 3)
    assert labels.max() == 2
    assert adjusted_rand_score(truth, labels) == 1


@pytest.mark.parametrize("method", METHODS)
def test_what_no_tree_can_be_made_of(method: LinkageMethod) -> None:
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(InvalidDataError, match="row 1"):
            linkage_matrix([[0.0], [bad]], method)
    with pytest.raises(InvalidDataError, match="do not fit into float64"):
        linkage_matrix([[-1.7e308], [1.7e308]], method)
    with pytest.raises(UsageError, match="at least one row"):
        linkage_matrix(np.empty((0, 2)), method)


@pytest.mark.parametrize("method", METHODS)
def test_one_row_and_copies_of_it(method: LinkageMethod) -> None:
    assert linkage_matrix([[1.0, 2.0]], method).shape == (0, 4)
    np.testing.assert_array_equal(cut_tree(linkage_matrix([[1.0, 2.0]], method), 1), [0])
    tree = linkage_matrix([[0.0, 2.0], [1.0, 2.0], [-0.0, 2.0], [1.0, 2.0]], method)
    np.testing.assert_array_equal(cut_tree(tree, 2), [0, 1, 0, 1])
    with pytest.raises(UsageError, match="k is 3; expected 1 to 2: 2 of the 4 rows are copies"):
        cut_tree(tree, 3)


def test_refusals() -> None:
    vectors = np.arange(20.0).reshape(10, 2)
    for method in ("complete", "average", "centroid"):
        with pytest.raises(StageError, match=rf"{method} linkage of 10 rows .*ward, a sample"):
            linkage_matrix(vectors, method, memory_limit_bytes=100)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="'median'"):
        linkage_matrix(vectors, "median")  # type: ignore[arg-type]
    for k in (0, 11):
        with pytest.raises(UsageError, match="expected 1 to 10"):
            cut_tree(ward_linkage(vectors), k)
    with pytest.raises(UsageError, match="shape"):
        cut_tree(np.zeros((3, 3)), 1)
    with pytest.raises(UsageError, match="before it is made"):
        cut_tree([[0, 3, 1.0, 2], [1, 2, 2.0, 3]], 1)
    with pytest.raises(InvalidDataError, match="NaN"):
        cut_tree([[0, 1, np.nan, 2]], 1)
