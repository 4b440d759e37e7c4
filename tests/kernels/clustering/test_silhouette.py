"""Scores without known labels against scikit-learn's, and by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import make_blobs
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_samples

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.clustering import silhouette as kernel
from pipeline.kernels.clustering.scatter_scores import scatter_scores
from pipeline.kernels.clustering.silhouette import silhouettes, silhouettes_of_all


def _case(n_rows: int = 700, width: int = 20) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    vectors, labels = make_blobs(n_rows, width, centers=6, cluster_std=4, random_state=0)
    vectors[5:9] = vectors[4]
    labels[-1] = 77
    return 100 + vectors, labels


@pytest.mark.parametrize("tile", [1024, 100])
def test_equals_scikit_learn(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_TILE_ROWS", tile)
    vectors, labels = _case()
    found = silhouettes(vectors, labels)
    expected = silhouette_samples(vectors, labels)
    np.testing.assert_allclose(found.values, expected, atol=1e-10)
    assert found.mean == pytest.approx(expected.mean())
    assert found.clusters.tolist() == [0, 1, 2, 3, 4, 5, 77]
    np.testing.assert_allclose(found.cluster_means[2], expected[labels == 2].mean())
    rough = silhouettes(vectors.astype(np.float32), labels)
    np.testing.assert_allclose(rough.values, expected, atol=1e-5)


def test_several_labellings_in_groups_have_the_bits_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, labels = _case()
    labellings = [labels, labels % 3, np.where(labels == 1, -1, labels)]
    together = silhouettes_of_all(vectors, labellings)
    monkeypatch.setattr(kernel, "_SUMS_BYTES", 1)
    apart = silhouettes_of_all(vectors, labellings)
    for one, other, labelling in zip(together, apart, labellings, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.values, silhouettes(vectors, labelling).values)


def test_noise_is_left_out() -> None:
    vectors, labels = _case()
    labels[::7] = -1
    kept = labels >= 0
    found = silhouettes(vectors, labels)
    assert found.n_noise == (~kept).sum()
    assert np.isnan(found.values[~kept]).all()
    np.testing.assert_allclose(found.values[kept], silhouette_samples(vectors[kept], labels[kept]), atol=1e-10)
    scores = scatter_scores(vectors, labels)
    assert scores.n_noise == found.n_noise
    assert scores.davies_bouldin == pytest.approx(davies_bouldin_score(vectors[kept], labels[kept]))
    assert scores.calinski_harabasz == pytest.approx(calinski_harabasz_score(vectors[kept], labels[kept]))


@pytest.mark.parametrize("unit", [1e-170, 1e154, 1e300])
def test_scores_have_no_unit(unit: float) -> None:
    vectors, labels = _case()
    np.testing.assert_allclose(
        silhouettes(unit * vectors, labels).values, silhouettes(vectors, labels).values, atol=1e-9
    )
    found, expected = scatter_scores(unit * vectors, labels), scatter_scores(vectors, labels)
    assert found.davies_bouldin == pytest.approx(expected.davies_bouldin)
    assert found.calinski_harabasz == pytest.approx(expected.calinski_harabasz)


def test_by_hand() -> None:
    found = silhouettes([[0.0], [1.0], [9.0]], [0, 0, 1])
    np.testing.assert_allclose(found.values, [8 / 9, 7 / 8, 0])
    scores = scatter_scores([[0.0], [2.0], [8.0], [8.0]], [0, 0, 1, 1])
    assert scores.davies_bouldin == pytest.approx(1 / 7)
    assert scores.calinski_harabasz == pytest.approx(49 / 2 * 2)


def test_rows_at_one_place() -> None:
    assert silhouettes(np.zeros((4, 2)), [0, 0, 1, 1]).mean == 0
    scores = scatter_scores([[0.0], [0.0], [5.0], [5.0]], [0, 0, 1, 1])
    assert (scores.davies_bouldin, scores.calinski_harabasz) == (0, np.inf)
    assert scatter_scores([[0.0], [2.0], [0.0], [2.0]], [0, 0, 1, 1]).davies_bouldin == np.inf


def test_refusals() -> None:
    vectors, labels = _case()
    with pytest.raises(InvalidDataError, match="row 3"):
        silhouettes(np.where(np.arange(700)[:, None] == 3, np.nan, vectors), labels)
    for score in (silhouettes, scatter_scores):
        with pytest.raises(UsageError, match="1 clusters of 700"):
            score(vectors, np.zeros(700, dtype=int))
        with pytest.raises(UsageError, match="700 clusters of 700"):
            score(vectors, np.arange(700))
        with pytest.raises(UsageError, match="expected integers"):
            score(vectors, labels[1:])
    with pytest.raises(UsageError, match="no labelling"):
        silhouettes_of_all(vectors, [])
