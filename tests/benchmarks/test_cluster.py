"""The benchmark of clusterings: it runs, and what it says of our k-means is what the kernel gives."""

import json
from pathlib import Path

import pytest

from benchmarks.cluster import main, measure_kmeans
from benchmarks.neighbours import bent_set
from pipeline.kernels.clustering.kmeans import minibatch_kmeans


def test_a_small_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--rows", "400", "--width", "70", "--k", "8", "--parts", "peaks", "--output", str(tmp_path / "t.json")])
    stored = json.loads((tmp_path / "t.json").read_text())
    names = [result["method"] for result in stored["results"]]
    assert names == ["density peaks", "tree of 500 cuts", "advanced density peaks"]
    assert "advanced density peaks" in capsys.readouterr().out


def test_inertia_is_that_of_the_kernel() -> None:
    values = bent_set(500, 70)
    found = measure_kmeans(values, 8, ["ours"], [3])[0]
    assert found["inertia"] * 500 == pytest.approx(minibatch_kmeans(values, 8, seed=3).inertia)
