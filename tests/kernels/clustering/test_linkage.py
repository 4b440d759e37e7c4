"""Trees and their cuts against SciPy's, and by hand."""

from pathlib import Path

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, is_valid_linkage, linkage
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from pipeline.errors import StageError, UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.clustering import linkage as kernel
from pipeline.kernels.clustering.linkage import LinkageMethod, cut_tree, linkage_matrix, ward_linkage

METHODS: tuple[LinkageMethod, ...] = ("ward", "single", "complete", "average", "centroid")


@pytest.mark.parametrize(("n_rows", "width"), [(2, 1), (3, 2), (50, 4), (1100, 20)])
def test_ward_equals_scipy(n_rows: int, width: int) -> None:
    vectors = 50 + np.random.default_rng(n_rows).standard_normal((n_rows, width))
    np.testing.assert_allclose(ward_linkage(vectors), linkage(vectors, "ward"), rtol=1e-9)


def test_tiles_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = make_blobs(300, 5, centers=7, random_state=0)[0]
    whole = ward_linkage(vectors)
    monkeypatch.setattr(kernel, "_QUERY_ROWS", 17)
    monkeypatch.setattr(kernel, "_CLUSTER_ROWS", 31)
    np.testing.assert_allclose(ward_linkage(vectors), whole, rtol=1e-12)


@pytest.mark.parametrize("levels", [1, 2, 5])
def test_ties_still_give_a_tree_of_the_same_first_heights(levels: int) -> None:
    grid = np.random.default_rng(levels).integers(0, levels, (300, 2)).astype(np.float64)
    tree, expected = ward_linkage(grid), linkage(grid, "ward")
    assert is_valid_linkage(tree)
    assert (np.diff(tree[:, 2]) >= 0).all()
    n_copies = int((expected[:, 2] == 0).sum())
    assert n_copies == 300 - len(np.unique(grid, axis=0))
    np.testing.assert_allclose(tree[:n_copies, 2], 0, atol=1e-12)
    assert tree[-1, 2] == pytest.approx(expected[-1, 2], rel=0.05)


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
def test_every_linkage_is_scipys(method: LinkageMethod) -> None:
    vectors = np.random.default_rng(1).standard_normal((120, 3)).astype(np.float32)
    expected = linkage(vectors.astype(np.float64), method)
    np.testing.assert_allclose(linkage_matrix(vectors, method), expected, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [1, 2, 7, 60])
def test_cuts_have_k_clusters_numbered_by_first_appearance(method: LinkageMethod, k: int) -> None:
    tree = linkage_matrix(np.random.default_rng(2).standard_normal((60, 3)), method)
    labels = cut_tree(tree, k)
    _, first = np.unique(labels, return_index=True)
    assert labels.dtype == np.int32
    assert len(first) == k
    assert (np.diff(first) > 0).all()
    if method != "centroid":
        assert adjusted_rand_score(labels, fcluster(tree, k, "maxclust")) == 1


def test_cut_of_a_tree_with_an_inversion() -> None:
    triangle = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.9], [9.0, 9.0]])
    tree = linkage_matrix(triangle, "centroid")
    assert tree[1, 2] < tree[0, 2]
    np.testing.assert_array_equal(cut_tree(tree, 3), [0, 0, 1, 2])
    np.testing.assert_array_equal(cut_tree(tree, 2), [0, 0, 0, 1])


def test_by_hand() -> None:
    tree = ward_linkage([[0.0], [1.0], [5.0]])
    np.testing.assert_allclose(tree, [[0, 1, 1, 2], [2, 3, np.sqrt(4 / 3) * 4.5, 3]])


def test_one_row() -> None:
    for method in METHODS:
        tree = linkage_matrix([[1.0, 2.0]], method)
        assert tree.shape == (0, 4)
        np.testing.assert_array_equal(cut_tree(tree, 1), [0])


def test_refusals() -> None:
    vectors = np.zeros((10, 2))
    with pytest.raises(StageError, match=r"single linkage of 10 rows .*ward, a sample"):
        linkage_matrix(vectors, "single", memory_limit_bytes=100)
    with pytest.raises(UsageError, match="'median'"):
        linkage_matrix(vectors, "median")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="at least one row"):
        ward_linkage(np.empty((0, 2)))
    with pytest.raises(InvalidDataError, match="row 1"):
        ward_linkage([[0.0], [np.nan]])
    for k in (0, 11):
        with pytest.raises(UsageError, match="expected 1 to 10"):
            cut_tree(ward_linkage(vectors), k)
    with pytest.raises(UsageError, match="shape"):
        cut_tree(np.zeros((3, 3)), 1)
