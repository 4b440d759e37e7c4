"""The study of fracture at a tiny size: its recipe run, its figures, and what it says of other folders."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.studies import fracture
from pipeline.studies.base import Material
from pipeline.studies.classifying import dealt_accuracy, neighbour_accuracy
from tests.studies.running import drawings, run_study


def test_the_study_of_fracture(tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = run_study(
        "fracture",
        tmp_path / "data",
        out,
        *("--make", "--size", "10"),
        stages="walk pair labels pixels embed neighbours map cluster agree",
        settings=("map.iterations=5", "neighbours.k=9"),
    )
    assert found["k-means on the t-SNE map: majority accuracy"]["published"] == pytest.approx(81.2)
    assert found["component 1: variance explained"]["ours"] > found["component 2: variance explained"]["ours"] > 0
    assert found["15-NN on the map of textures, parents kept apart"]["published"] is None
    assert 0 <= found["15-NN on features, parents kept apart"]["ours"] <= 100
    assert drawings(out) == {"colour_map", "components", "activations"}
    assert found["15-NN on Haralick's values alone, crops dealt at random"]["published"] == pytest.approx(21)


def test_labels_are_the_folders_and_the_names(tmp_path: Path) -> None:
    for name in ("90W/A901_000.png", "90W/A902_000.png", "95W/B_1_007.jpg"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    prepared = fracture.prepare(Material(tmp_path / "data", tmp_path / "corpus", 0))
    lines = Path(prepared.labels["parent"]).read_text().split()
    assert lines[1:] == ["90W/A901_000.png,A901", "90W/A902_000.png,A902", "95W/B_1_007.jpg,B_1"]
    with pytest.raises(UsageError, match="two parents a composition"):
        fracture.prepare(Material(tmp_path / "data" / "90W", tmp_path / "corpus", 0))


def test_neighbours_say_the_kind_of_most() -> None:
    points = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    kinds = np.array(list("aaabbb"))
    test = np.array([False, False, True, False, False, True])
    assert neighbour_accuracy(points, kinds, test, neighbours=1) == 1
    assert dealt_accuracy(points, kinds, share=0.3, neighbours=1) == 1
    assert neighbour_accuracy(points, np.array(list("ababab")), test, neighbours=2) < 1
