"""Every entry of the table of methods as an estimator."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.clustering_methods.base import ClusteringMethod
from pipeline.clustering_methods.points import make_points
from pipeline.clustering_methods.registry import METHODS
from pipeline.errors import UsageError
from pipeline.method_estimators import ClusteringByMethod
from pipeline.runtime.keys import random_seed

OWN = ("hierarchical_kmeans", "kmeans", "density_peaks", "ward", "complete")


@parametrize_with_checks([ClusteringByMethod(method, n_clusters=3) for method in OWN])
def test_scikit_learn_conventions(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("entry", METHODS, ids=lambda entry: entry.name)
def test_it_is_the_method_itself(entry: ClusteringMethod) -> None:
    vectors = make_blobs(120, 3, centers=3, random_state=2)[0].astype(np.float32)
    estimator = clone(ClusteringByMethod(entry.name, n_clusters=3, random_state=5)).fit(vectors)
    settings = entry.settings()
    points = make_points(vectors, settings, partial(random_seed, 5))
    found = entry.fit(points, settings, settings.counts((3,)))
    np.testing.assert_array_equal(estimator.labels_, found.labels[:, 0])
    assert set(estimator.arrays_) == set(found.arrays)


def test_settings_are_those_of_a_recipe() -> None:
    vectors, truth = make_blobs(150, 4, centers=3, random_state=2)
    estimator = ClusteringByMethod("gaussian_mixture", 3, settings={"covariance": "full", "transform": ("pca:2",)})
    assert adjusted_rand_score(truth, estimator.fit(vectors).labels_) > 0.9
    with pytest.raises(UsageError, match="do not validate"):
        ClusteringByMethod("ward", settings={"linkage": "x"}).fit(vectors)
    with pytest.raises(UsageError, match="no method 'wards'; there are kmeans"):
        ClusteringByMethod("wards").fit(vectors)
    with pytest.raises(UsageError, match="max_points = 100"):
        ClusteringByMethod(settings={"max_points": 100}).fit(vectors)
