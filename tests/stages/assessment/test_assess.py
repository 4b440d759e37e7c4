"""Clusterings measured without labels: scikit-learn's scores, and which number of clusters they recommend."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import sklearn.metrics

from pipeline.index.store import open_index
from pipeline.operations.remembered import stored_recipe
from pipeline.reporting.sections import recommendation_table
from pipeline.reporting.terminal import headlines
from pipeline.stages.assessment.recommendation import recommendations
from pipeline.stages.clustering.stored import stored_clusterings
from pipeline.stages.vectors.sets import find_vectors


def test_the_scores_are_those_of_scikit_learn(reference_index: Path) -> None:
    index = open_index(reference_index)
    root, recipe = index.read(), stored_recipe(index)
    rows = {row["clustering"]: row for row in pq.read_table(reference_index / "reports/quality.parquet").to_pylist()}
    seen = 0
    for stored in stored_clusterings(root, recipe):
        vectors = find_vectors(root, recipe, stored.vectors).read(root).astype(np.float64)
        for clustering in stored.clusterings:
            labels, row = stored.read(root, "labels")["labels"][:, clustering.column], rows[clustering.name]
            assert (row["n_clusters"], row["n_scored"]) == (len(np.unique(labels)), len(labels))
            assert row["silhouette"] == pytest.approx(sklearn.metrics.silhouette_score(vectors, labels), abs=1e-4)
            expected = sklearn.metrics.davies_bouldin_score(vectors, labels)
            assert row["davies_bouldin"] == pytest.approx(expected, rel=1e-4)
            expected = sklearn.metrics.calinski_harabasz_score(vectors, labels)
            assert row["calinski_harabasz"] == pytest.approx(expected, rel=1e-4)
            assert -0.5 < row["stability"] <= 1
            assert (row["decision_gap"] is None) == (stored.label != "density_peaks")
            seen += 1
    assert seen == len(rows) > 0


def _quality(**changed: list[object]) -> dict[str, np.ndarray]:
    columns = {
        "vectors": ["a"] * 5,
        "method": ["ward"] * 3 + ["dbscan", "kmeans"],
        "clustering": ["a-ward-k2", "a-ward-k3", "a-ward-k4", "a-dbscan", "a-kmeans-k2"],
        "k": [2, 3, 4, -1, 2],
        "n_clusters": [2, 3, 4, 7, 2],
        "silhouette": [0.3, 0.6, 0.6, 0.5, np.nan],
        "davies_bouldin": [0.9, 0.8, 0.4, 0.1, 0.2],
        "calinski_harabasz": [9.0, 30, 5, 99, 1],
        "stability": [1.0, 1.0, 0.4, 0.9, np.nan],
        "decision_gap": [np.nan] * 5,
    }
    return {name: np.array(values) for name, values in (columns | changed).items()}


def test_each_criterion_recommends_and_the_silhouette_decides() -> None:
    found = list(recommendations(_quality()))
    assert [(row["method"], row["criterion"], row["k"]) for row in found] == [
        ("ward", "silhouette", 3), ("ward", "stability", 2), ("ward", "calinski_harabasz", 3),
        ("ward", "davies_bouldin", 4), ("dbscan", "silhouette", 7),
        ("kmeans", "calinski_harabasz", 2), ("kmeans", "davies_bouldin", 2),
    ]  # fmt: skip
    assert [row["clustering"] for row in found if row["recommended"]] == ["a-ward-k3"]
    assert list(recommendations({})) == []


def test_without_labels_it_is_the_key_figure_and_said_as_such(reference_index: Path) -> None:
    tables = {"recommended_k": pq.read_table(reference_index / "reports/recommended_k.parquet")}
    row = next(row for row in tables["recommended_k"].to_pylist() if row["recommended"])
    figure = headlines(tables)[-1]
    assert (figure.name, figure.value) == ("Recommended k", str(row["k"]))
    assert "without labels" in figure.note
    view = recommendation_table(tables)
    assert view is not None
    assert view.rows[0][:4] == (row["vectors"], "yes", str(row["k"]), "silhouette")
    labelled = tables | {"agreement": pq.read_table(reference_index / "reports/agreement.parquet")}
    assert headlines(labelled)[-1].name == "NMI at k = classes"
