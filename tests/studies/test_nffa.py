"""The study of the corpus: its findings from numbers, and its recipe on a sample of the demo's pictures."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.demo.labels import plan_labels
from pipeline.demo.plan import plan_pictures
from pipeline.demo.textures import ALL_TEXTURES, TEXTURES
from pipeline.studies import nffa
from pipeline.studies.curves import largest_nmi
from pipeline.studies.further import sub_categories, worked_example
from tests.studies.running import drawings, run_study


def scored(**nmi: float) -> Any:
    """Results whose methods have the same NMI at each of some k, on both sets of vectors."""
    rows = [
        {"vectors": name, "method": method, "level": 1, "k": k, "nmi": value}
        for name in nffa.SETS
        for method, value in nmi.items()
        for k in (2, 10, 50)
    ]
    return SimpleNamespace(scores=rows)


def answers(results: Any) -> dict[str, str]:
    return {figure.name: figure.answer for name in nffa.SETS for figure in nffa._findings(results, name)}


def test_findings_are_answered_from_the_numbers() -> None:
    found = answers(scored(single=0.1, complete=0.5, centroid=0.3, ward=0.52, density_peaks=0.49))
    assert found["single linkage is the worst on features"] == "yes"
    assert found["complete, Ward and Density Peaks are alike on logits"] == "yes"
    assert found["Ward is the best on logits"] == "yes"
    found = answers(scored(single=0.4, complete=0.5, centroid=0.3, ward=0.52, density_peaks=0.6))
    assert found["single linkage is the worst on features"] == "no"
    assert found["complete, Ward and Density Peaks are alike on features"] == "no"
    assert found["Ward is the best on features"] == "no"


def test_the_centroids_turn_is_told_from_the_curves() -> None:
    curves = {("features_tuned", "centroid"): {2: 0.1, 30: 0.2, 70: 0.8, 200: 0.9}, ("", "refined"): {2: 0.5, 30: 0.6}}
    curves["", "refined"] |= {70: 0.7, 200: 0.6}
    rows = [
        {"vectors": vectors, "method": method, "level": 1, "k": k, "nmi": value}
        for (vectors, method), curve in curves.items()
        for k, value in curve.items()
    ]
    results: Any = SimpleNamespace(scores=rows)
    found = nffa._centroid(results, "features_tuned")
    assert (found.answer, found.why) == ("yes", "above at k = 70, 200; below at the other 2")
    rows[1]["nmi"] = 0.65
    assert nffa._centroid(results, "features_tuned").answer == "no"
    assert nffa._centroid(results, "logits_tuned").answer.startswith("not tested")


def test_a_method_without_scores_is_said() -> None:
    assert answers(scored(single=0.4, ward=0.5))["findings on clusterings of features"].startswith("not tested")


def test_the_worked_example_meets_one_curve_and_nears_the_other() -> None:
    refined, uniform = worked_example()
    assert refined.answer == "yes"
    assert uniform.answer == "no"
    assert "of 39 k, from 27 to" in uniform.why


def test_future_work_is_told_from_what_the_index_has() -> None:
    rows = [
        {"vectors": "features", "method": method, "level": 1, "k": k, "nmi": nmi}
        for method, k, nmi in (("hdbscan", -1, 0.4), ("spectral", 5, 0.3), ("spectral", 9, 0.6))
    ]
    tree = [{"level": 0, "n_children": n, "stability": s} for n, s in ((3, 0.9), (0, float("nan")), (2, 0.7))]
    results: Any = SimpleNamespace(scores=rows, table=lambda name: tree if name == "category_tree" else [])
    told = [*largest_nmi(results, nffa.SETS, ("hdbscan", "spectral")), *sub_categories(results)]
    found = {figure.name: figure for figure in told}
    assert found["hdbscan on features: NMI"].why == "its own number of clusters"
    assert (found["spectral on features: NMI"].ours, found["spectral on features: NMI"].why) == (
        0.6,
        "largest at k = 9",
    )
    assert found["categories that have sub-categories"].ours == 2
    assert found["categories that have sub-categories"].why == "of 3 categories; mean stability 0.80"


def test_a_made_corpus_has_the_ten_categories() -> None:
    pictures = plan_pictures(0, 4, tuple(ALL_TEXTURES))
    labels = {label.path.split("/")[0] for picture in pictures for label in plan_labels(0, picture)}
    assert len(labels) == 10
    assert {"Powder", "Nanowires", "Biological"} < labels
    assert [one.key for one in plan_pictures(0, 4)] == [one.key for one in pictures if one.texture in TEXTURES]


def test_the_study_on_a_sample(demo: Path, tmp_path: Path) -> None:
    methods = ", ".join(f'{{method="{name}", vectors=["features", "features_tuned"]}}' for name in nffa.METHODS)
    settings = (
        "embed.select={}", "scale.enabled=false", "autoencode.epochs=1", "autoencode.min_steps=0",
        "cluster.k=[2,3,4]", "neighbours.k=20", f"cluster.methods=[{methods}]",
    )  # fmt: skip
    stages, out = "walk pair labels pixels embed autoencode neighbours dimension cluster agree", tmp_path / "out"
    found = run_study("nffa", demo, out, "--size", "36", stages=stages, settings=settings)
    assert found["pictures in the subset"]["ours"] > 10
    assert found["pictures in the subset"]["published"] == pytest.approx(52682)
    names = [row["figure"] for row in json.loads((out / "comparison.json").read_text())]
    assert len(names) == len(set(names)), "one row a figure: the dimension of all rows, not of each half"
    assert sum(name.startswith("2-NN dimension") for name in names) == 4
    assert drawings(out) == {"nmi_by_k"}
