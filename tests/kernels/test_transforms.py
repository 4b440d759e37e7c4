"""Transforms of vectors, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.transforms import Transform, parse_transform, transformed


def _rows(n: int = 200, width: int = 6) -> np.ndarray:
    random = np.random.default_rng(0)
    return (random.normal(size=(n, width)) * np.arange(1, width + 1)).astype(np.float32)


def test_l2_scales_rows_to_length_1() -> None:
    assert np.allclose(np.linalg.norm(transformed(_rows(), [Transform("l2")]), axis=1), 1)


@pytest.mark.parametrize(("text", "expected"), [("pca:3", 3), ("pca:100", 6), ("pca:0.6", 2)])
def test_components_are_scikit_learns(text: str, expected: int) -> None:
    rows = _rows()
    found = transformed(rows, [parse_transform(text)])
    theirs = PCA(expected).fit_transform(rows.astype(np.float64))
    assert found.shape == (200, expected)
    assert np.allclose(np.abs(found), np.abs(theirs), atol=1e-4)
    if text == "pca:0.6":
        ratios = np.cumsum(PCA().fit(rows).explained_variance_ratio_)
        assert ratios[expected - 2] < 0.6 <= ratios[expected - 1]


def test_whitened_components_have_variance_1_and_no_empty_ones() -> None:
    rows = _rows()
    rows[:, 5] = rows[:, 0]  # one component fewer
    found = transformed(rows, [parse_transform("whiten")])
    assert found.shape == (200, 5)
    assert np.allclose(np.cov(found.T), np.eye(5), atol=1e-3)


def test_steps_follow_each_other() -> None:
    rows = _rows()
    steps = [parse_transform("l2"), parse_transform("pca:2")]
    assert np.allclose(transformed(rows, steps), transformed(transformed(rows, steps[:1]), steps[1:]), atol=1e-5)


@pytest.mark.parametrize("text", ["", "pca", "pca:0", "pca:-1", "pca:2.5", "pca:x", "l2:3", "whiten:0", "umap:2"])
def test_what_is_no_transform_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no transform"):
        parse_transform(text)


def test_rows_without_a_direction_and_bad_numbers_are_refused() -> None:
    rows = _rows()
    rows[3] = 0
    with pytest.raises(InvalidDataError, match="row 3"):
        transformed(rows, [Transform("l2")])
    rows[3] = np.nan
    with pytest.raises(InvalidDataError):
        transformed(rows, [Transform("pca", 2)])
