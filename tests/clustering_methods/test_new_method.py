"""A clustering method is one file and one entry: a made-up one is laid beside the others and does all that they do."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq

from tests.laid_beside import lay_beside, semcorpus
from tests.stages.conftest import cheap_recipe

_FILE = '''
"""Halves."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, MethodSettings, Points


class HalvesSettings(MethodSettings):
    """The points in two halves, and the last one in none."""

    method: Literal["halves"] = "halves"
    first_is: int = 0


def fit(points: Points, settings: HalvesSettings, ks: Sequence[int]) -> Clusterings:
    labels = np.arange(len(points.vectors)) * 2 // len(points.vectors) + settings.first_is
    labels[-1] = -1
    return Clusterings(labels.astype(np.int32)[:, None], (None,), (0.0,))


METHOD = ClusteringMethod(HalvesSettings, fit, version=1, seconds_per_vector=0.0)
'''


def test_a_method_is_one_file_and_one_entry(demo: Path, reference_index: Path, tmp_path: Path) -> None:
    """Recipe, stage, scores and tables know it, though it takes no k and leaves a picture in no cluster."""
    lay_beside(tmp_path, "clustering_methods", "halves", _FILE, "METHOD")
    index = tmp_path / "index"
    shutil.copytree(reference_index, index)
    embedding, code = cheap_recipe(demo).vector_sets
    again = f'{{method = "halves", name = "again", first_is = 1, vectors = ["{embedding}"]}}'
    mixture = f'{{method = "gaussian_mixture", k = [2], transform = ["l2", "pca:3"], vectors = ["{code}"]}}'
    methods = f'cluster.methods=["halves", {again}, {mixture}]'
    semcorpus(
        tmp_path,
        ("cluster", index, "--set", methods, "--engines", "local"),
        ("agree", index, "--engines", "local"),
        ("report", index),
    )
    found = pq.read_table(index / "reports" / "clusterings.parquet").to_pylist()
    assert [row["clustering"] for row in found] == [
        f"{embedding}-halves", f"{embedding}-again", f"{code}-halves", f"{code}-gaussian_mixture-k2",
    ]  # fmt: skip
    assert [(row["k"], row["n_clusters"]) for row in found] == [(None, 2)] * 3 + [(2, 2)]
    assert '"transform": ["l2", "pca:3"]' in found[3]["settings"]
    assert '"first_is": 1' in found[1]["settings"]
    scores = pq.read_table(index / "reports" / "agreement.parquet").to_pylist()
    rows = [row for row in scores if row["clustering"] == f"{embedding}-halves" and row["level"] == 1]
    assert len(rows) == 1
    assert rows[0]["k"] is None
    assert rows[0]["nmi"] > rows[0]["ami"]
    clusters = pq.read_table(index / "reports" / "clusters.parquet").to_pylist()
    assert sum(row["cluster"] == -1 for row in clusters) == 3
