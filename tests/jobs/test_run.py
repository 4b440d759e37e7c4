"""semcorpus run, on the demo corpus whose answers are known."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.main import call
from pipeline.config import STAGE_NAMES
from pipeline.index.store import open_index
from tests.jobs.conftest import run_arguments

HEADLINES = (
    "Files walked",
    "Pictures ",
    "Duplicates",
    "Damaged",
    "Scales read",
    "Pictures embedded",
    "Intrinsic dimension",
    "NMI at k = classes",
)


def commits(index: Path) -> list[str]:
    return [commit.id for commit in open_index(index).history()]


def test_a_second_run_does_nothing_and_makes_no_commit(
    demo: Path, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = run_arguments(demo / "corpus", copied, labels=demo / "labels")
    assert call(words) == 0  # the index, which Python made, keeps the words of this command
    before = commits(copied)
    capsys.readouterr()
    assert call(words) == 0
    out = capsys.readouterr().out
    assert commits(copied) == before
    assert out.count("up to date") == len(STAGE_NAMES) - 1, "a heap of pictures has no arrays"
    assert "arrays" not in out
    assert " local" not in out


def test_the_summary_holds_eight_key_figures_and_the_page(
    demo: Path, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(run_arguments(demo / "corpus", copied, labels=demo / "labels")) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in HEADLINES:
        assert [line for line in lines if line.startswith(name)], name
    assert "not run" not in "\n".join(lines)
    walked = next(line for line in lines if line.startswith("Files walked"))
    assert walked.split()[2] == str(pq.read_table(demo / "truth.parquet").num_rows)
    agreement = next(line for line in lines if line.startswith("NMI at k = classes"))
    assert "AMI" in agreement
    assert "labels of classes" in agreement
    assert f"Page    {copied}/reports/report.html" in lines
    assert f"Commit  {open_index(copied).commit}" in lines
    assert all(line == line.rstrip() for line in lines)


def test_ten_new_files_cost_ten_files_work(demo: Path, tmp_path: Path) -> None:
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    shutil.copytree(demo / "corpus", corpus)
    pictures = sorted(
        row["path"]
        for row in pq.read_table(demo / "truth.parquet").to_pylist()
        if row["relation"] == "" and row["picture_of"] == row["path"]
    )
    chosen = pictures[:: len(pictures) // 10][:10]
    (tmp_path / "later").mkdir()
    for number, path in enumerate(chosen):
        (corpus / path).rename(tmp_path / "later" / f"{number}{Path(path).suffix}")
    words = run_arguments(corpus, index, "--until", "pixels", "--quiet")
    assert call(words) == 0
    known = set(commits(index))
    shutil.move(tmp_path / "later", corpus / "later")
    assert call(words) == 0
    items = {
        (commit.metadata["stage"], commit.metadata["step"]): commit.metadata["items"]
        for commit in open_index(index).history()
        if commit.id not in known and commit.metadata["kind"] == "stage"
    }
    assert items["walk", ""] == 10
    assert items["scale", ""] <= 10
    assert items["pixels", ""] <= 10


def test_until_stops_after_the_stage_and_reports_what_is_there(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = tmp_path / "index"
    assert call(run_arguments(demo / "corpus", index, "--until", "pair")) == 0
    out = capsys.readouterr().out
    assert "Page" in out
    done = {commit.metadata.get("stage") for commit in open_index(index).history()}
    assert "pair" in done
    assert "scale" not in done
    rows = pq.read_table(demo / "truth.parquet").num_rows
    assert pq.read_table(index / "reports" / "files.parquet").num_rows == rows
    assert pq.read_table(index / "reports" / "scales.parquet").num_rows == 0


def test_a_recipe_chooses_its_stages(demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = tmp_path / "index"
    stages = 'run.stages=["walk", "pair", "pixels"]'
    assert (
        call(run_arguments(demo / "corpus", index, "--quiet", "--set", stages, "--set", "pixels.crop_bar=false")) == 0
    )
    done = {
        commit.metadata["stage"] for commit in open_index(index).history() if commit.metadata.get("kind") == "stage"
    }
    assert done == {"walk", "pair", "pixels"}
    assert not (index / "reports").exists()
    capsys.readouterr()
    assert call(["status", str(index), "--format", "json"]) == 0
    assert {row["stage"] for row in json.loads(capsys.readouterr().out)["stages"]} == {"walk", "pair", "pixels"}


def test_sample_include_and_exclude_choose_files(demo: Path, tmp_path: Path) -> None:
    for name, options in {
        "sample": ["--sample", "10"],
        "tif": ["--include", "**/*.tif", "--exclude", "Zo*/**"],
    }.items():
        assert call(run_arguments(demo / "corpus", tmp_path / name, "--until", "walk", "-q", *options)) == 0
    paths = {name: open_index(tmp_path / name).read()["files/path"][:].tolist() for name in ("sample", "tif")}
    assert len(paths["sample"]) == 10
    assert paths["tif"]
    assert all(path.endswith(".tif") and not path.startswith("Zo") for path in paths["tif"])


def test_a_plan_says_what_would_be_done_and_writes_nothing(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(run_arguments(demo / "corpus", tmp_path / "index", "--plan")) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = pq.read_table(demo / "truth.parquet").num_rows
    assert lines[0].split() == ["stage", "items", "tasks", "what"]
    assert lines[1].split()[:2] == ["walk", str(rows)]
    assert lines[2].split(maxsplit=1) == ["pair", "known when the stages before it are done"]
    assert not (tmp_path / "index").exists()


def test_a_plan_of_a_finished_index_finds_all_up_to_date(
    demo: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = commits(finished)
    assert call(run_arguments(demo / "corpus", finished, "--plan", labels=demo / "labels")) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert len(lines) == len(STAGE_NAMES) - 2, "the report is not planned, and a heap of pictures has no arrays"
    assert all(line.endswith("up to date") for line in lines)
    assert commits(finished) == before


def test_quiet_prints_nothing(demo: Path, copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(run_arguments(demo / "corpus", copied, "--quiet", labels=demo / "labels")) == 0
    assert capsys.readouterr() == ("", "")


def test_the_log_is_lines_of_json(demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(run_arguments(demo / "corpus", tmp_path / "index", "--until", "walk", "--log-json")) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    events = [json.loads(line) for line in captured.err.splitlines()]
    assert [event["event"] for event in events[:2]] == ["run_started", "stage_started"]
    assert events[-1]["event"] == "stage_finished"
    assert len({event["run"] for event in events}) == 1
    advanced = [event for event in events if event["event"] == "advanced"]
    assert {event["stage"] for event in advanced} == {"walk"}
    assert sum(event["items"] for event in advanced) == events[1]["items"] == sum(events[-1]["statuses"].values())
    commits = open_index(tmp_path / "index").history()
    assert commits[0].metadata["run"] == events[0]["run"]


def test_a_recipe_file_and_a_csv_of_labels(demo: Path, tmp_path: Path) -> None:
    truth = pq.read_table(demo / "truth.parquet").to_pylist()
    labelled = [row for row in truth if row["label"] and row["relation"] == "" and not row["contradictory"]][:5]
    table = tmp_path / "set.csv"
    table.write_text("md5,label\n" + "".join(f"{row['md5']},{row['label']}\n" for row in labelled))
    recipe = tmp_path / "mine.toml"
    recipe.write_text('name = "mine"\n[labels.sets]\n' + f'few = "{table}"\n')
    words = ["--recipe", str(recipe), "--until", "labels", "--quiet"]
    assert call(run_arguments(demo / "corpus", tmp_path / "index", *words)) == 0
    root = open_index(tmp_path / "index").read()
    assert root["labels/few"].attrs["matched"] == 5
    assert sorted(root["labels/few/label"][:].tolist()) == sorted(row["label"] for row in labelled)
