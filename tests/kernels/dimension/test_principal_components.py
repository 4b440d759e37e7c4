"""PCA against scikit-learn's, by hand, and as merged parts."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.dimension.principal_components import (
    block_moments,
    components_of_moments,
    empty_moments,
    fit_pca,
    merge_moments,
)


def _ill_scaled(n_rows: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 100 + rng.standard_normal((n_rows, 30)) @ np.diag(2.0 ** -np.arange(30) / 2) @ rng.random((30, 30))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_scikit_learn_signs_included(dtype: type) -> None:
    vectors = (np.random.default_rng(0).standard_normal((5000, 40)) * np.linspace(1, 3, 40) + 50).astype(dtype)
    ours, theirs = fit_pca(vectors, 12), PCA(12, svd_solver="full").fit(vectors.astype(np.float64))
    np.testing.assert_allclose(ours.mean, theirs.mean_, rtol=1e-12)
    np.testing.assert_allclose(ours.components, theirs.components_, atol=1e-9)
    np.testing.assert_allclose(ours.explained_variance, theirs.explained_variance_, rtol=1e-10)
    np.testing.assert_allclose(ours.explained_variance_ratio, theirs.explained_variance_ratio_, rtol=1e-10)
    np.testing.assert_allclose(ours.transform(vectors), theirs.transform(vectors.astype(np.float64)), atol=1e-7)


def test_small_components_beside_large_ones() -> None:
    vectors = _ill_scaled(3000)
    ours, theirs = fit_pca(vectors), PCA(svd_solver="full").fit(vectors)
    scale = theirs.explained_variance_[0]
    np.testing.assert_allclose(ours.explained_variance, theirs.explained_variance_, atol=1e-13 * scale)
    assert ours.explained_variance_ratio.sum() == pytest.approx(1)


def test_by_hand() -> None:
    fitted = fit_pca([[-2.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    np.testing.assert_allclose(fitted.components, [[1, 0], [0, 1]])
    np.testing.assert_allclose(fitted.explained_variance, [8 / 3, 2 / 3])
    np.testing.assert_allclose(fitted.explained_variance_ratio, [0.8, 0.2])


def test_parts_merge_to_the_whole_in_any_grouping() -> None:
    vectors = _ill_scaled(5000, seed=1)
    parts = [block_moments(vectors[a : a + 613]) for a in range(0, 5000, 613)]
    left = empty_moments(30)
    for part in parts:
        left = merge_moments(left, part)
    right = empty_moments(30)
    for part in reversed(parts):
        right = merge_moments(part, right)
    whole = block_moments(vectors)
    for merged in (left, right):
        assert merged.count == 5000
        np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-13)
        np.testing.assert_allclose(merged.scatter, whole.scatter, rtol=1e-9, atol=1e-9)
    same = merge_moments(whole, empty_moments(30))
    assert same is whole


def test_blocks_summed_elsewhere_give_the_same_bits() -> None:
    vectors = _ill_scaled(5000, seed=2)
    merged = empty_moments(30)
    for start in range(0, 5000, 2048):
        merged = merge_moments(merged, block_moments(vectors[start : start + 2048]))
    np.testing.assert_array_equal(components_of_moments(merged, 5).components, fit_pca(vectors, 5).components)


def test_fewer_rows_than_features() -> None:
    vectors = np.random.default_rng(3).standard_normal((6, 20))
    ours, theirs = fit_pca(vectors), PCA(svd_solver="full").fit(vectors)
    assert ours.components.shape == (6, 20)
    np.testing.assert_allclose(ours.explained_variance, theirs.explained_variance_, atol=1e-12)
    np.testing.assert_allclose(ours.components[:5], theirs.components_[:5], atol=1e-9)


def test_constant_rows_have_no_variance() -> None:
    fitted = fit_pca(np.full((10, 3), 7.0), 2)
    assert not fitted.explained_variance.any()
    assert not fitted.explained_variance_ratio.any()


def test_refusals() -> None:
    with pytest.raises(InvalidDataError, match="at least 2 rows"):
        fit_pca(np.zeros((1, 3)))
    with pytest.raises(InvalidDataError, match="row 1"):
        fit_pca([[0.0], [np.nan]])
    for n_components in (0, 4):
        with pytest.raises(UsageError, match="n_components"):
            fit_pca(np.zeros((10, 3)), n_components)
    with pytest.raises(UsageError, match="features"):
        fit_pca(np.eye(3)).transform(np.zeros((2, 4)))
