"""Single stages: they say what they could not do, and status says what is not current."""

import json
from pathlib import Path

import pytest

from jobs.main import call
from pipeline.operations.remembered import stored_label_sets
from tests.jobs.conftest import run_arguments


def _missing(index: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    capsys.readouterr()
    assert call(["status", str(index), "--format", "json"]) == 0
    return {stage["stage"]: stage["missing"] for stage in json.loads(capsys.readouterr().out)["stages"]}


def test_a_finished_index_misses_nothing(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not any(_missing(finished, capsys).values())


def test_other_clusters_make_the_agreement_old(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["cluster", str(copied), "--set", "cluster.k=[3]", "--engines", "local"]) == 0
    missing = _missing(copied, capsys)
    assert missing["cluster cae-kmeans"] == 0
    assert missing["agree cae-kmeans"] > 0
    for stage in ("assess", "agree"):
        assert call([stage, str(copied), "--engines", "local"]) == 0
    assert not any(_missing(copied, capsys).values())


def test_a_stage_without_its_input_says_so(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["cluster", str(copied), "--set", "pixels.size=48", "--engines", "local"]) == 0
    out = capsys.readouterr().out
    assert "nothing for cluster to work on yet" in out
    assert "semcorpus run" in out


def test_a_stage_that_is_done_gives_no_hint(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["cluster", str(copied), "--engines", "local"]) == 0
    out = capsys.readouterr().out
    assert "up to date" in out
    assert "before it" not in out


def test_a_run_without_labels_goes_on_with_those_of_the_last_one(demo: Path, copied: Path) -> None:
    before = stored_label_sets(copied)
    assert call(run_arguments(demo / "corpus", copied, "--quiet")) == 0
    assert before
    assert stored_label_sets(copied) == before
