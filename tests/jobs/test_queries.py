"""status, history, show, verify, rollback, doctor and the stage commands."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from jobs.main import call
from pipeline.index.lock.writer import writer_lock
from pipeline.index.store import open_index


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What a command answers to a machine."""
    assert call([*words, "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_status_counts_every_stage(finished: Path, demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "status", str(finished))
    assert found["corpus"] == str(demo / "corpus")
    assert found["commit"] == open_index(finished).commit
    assert found["report_is_current"] is True
    stages = {stage["stage"]: stage for stage in found["stages"]}
    assert stages["walk"]["done"] == pq.read_table(demo / "truth.parquet").num_rows
    assert all(stage["missing"] == 0 for stage in stages.values())
    assert stages["pixels"]["settings"]["size"] == 64
    assert {"embed cae", "autoencode sae", "neighbours cae", "cluster cae-ward", "agree cae-ward"} <= set(stages)


def test_status_for_people_has_a_line_a_stage(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["status", str(finished)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Index   {finished}"
    assert any(line.split()[:3] == ["pixels", "35", "-"] and line.endswith("size=64") for line in lines)


def test_history_is_newest_first_and_short_for_people(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "history", str(finished))
    assert [found[0]["stage"], found[-1]["stage"]] == ["agree", "walk"]
    assert {"commit", "parent", "written", "settings", "software", "input"} <= set(found[0])
    assert call(["history", str(finished)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(found) + 1
    assert lines[1].split()[0] == found[0]["commit"][:8]
    assert max(map(len, lines)) <= 80
    assert len(answer(capsys, "history", str(finished), "--all")) > len(found)


@pytest.mark.parametrize("named_by", ["md5", "prefix", "path", "full path"])
def test_show_tells_all_of_an_image(
    named_by: str, finished: Path, demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = next(
        row
        for row in pq.read_table(demo / "truth.parquet").to_pylist()
        if row["relation"] == "" and row["status"] == "ok" and row["label"]
    )
    names = {
        "md5": row["md5"],
        "prefix": row["md5"][:8],
        "path": row["path"],
        "full path": str(demo / "corpus" / row["path"]),
    }
    found = answer(capsys, "show", str(finished), names[named_by])
    assert (found["md5"], found["width_px"], found["format"]) == (row["md5"], row["width_px"], row["format"])
    assert row["path"] in found["paths"]
    assert found["labels"]["classes"]
    assert len(found["neighbours"]["cae"]) == 5
    assert set(found["clusters"]["cae-ward"]) == {"k2", "k5", "k9"}


def test_show_explains_a_damaged_file(finished: Path, demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = next(row for row in pq.read_table(demo / "truth.parquet").to_pylist() if row["status"] == "corrupt")
    assert call(["show", str(finished), row["path"]]) == 0
    out = capsys.readouterr().out
    assert "corrupt" in out
    assert "reason" in out


def test_verify_finds_nothing_wrong_and_then_the_changed_file(
    copied: Path, demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["verify", str(copied), "--read-corpus"]) == 0
    assert "No problem in" in capsys.readouterr().out
    (copied / "reports" / "files.parquet").write_bytes(b"rotten")
    assert call(["verify", str(copied)]) == 1
    captured = capsys.readouterr()
    assert "files.parquet is not what was published" in captured.err
    assert "1 problem in" in captured.out


def test_rollback_returns_to_a_commit_and_the_next_report_follows(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    walk = answer(capsys, "history", str(copied))[-1]["commit"]
    assert call(["rollback", str(copied), walk[:8].lower()]) == 0
    assert f"at commit {walk} again" in capsys.readouterr().out
    found = answer(capsys, "status", str(copied))
    assert (found["commit"], found["report_is_current"]) == (walk, False)
    assert next(stage for stage in found["stages"] if stage["stage"] == "pair")["done"] == 0


def test_a_stage_command_works_with_what_the_index_remembers(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["pixels", str(copied)]) == 0
    assert capsys.readouterr().out.split() == ["done", "pixels", "up", "to", "date"]
    assert call(["cluster", str(copied), "--set", "cluster.k=[3]", "--engines", "local"]) == 0
    assert open_index(copied).read()["clusters/cae-ward"].attrs["k"] == [3]
    capsys.readouterr()
    assert call(["report", str(copied)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"Page    {copied}/reports/report.html"


def test_a_demo_corpus_is_written_and_the_next_command_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["demo", str(tmp_path / "demo"), "--images-per-class", "4"]) == 0
    out = capsys.readouterr().out
    assert f"Next: semcorpus run {tmp_path}/demo/corpus {tmp_path}/demo/index" in out
    files = [path for path in (tmp_path / "demo" / "corpus").rglob("*") if path.is_file()]
    assert out.startswith(f"{len(files)} files of ")


def test_the_doctor_names_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    found = {part["part"]: part for part in answer(capsys, "doctor")}
    assert found["icechunk"]["state"] == "ok"
    assert found["icechunk"]["version"]
    assert {"gpu", "ddjvu", "cores", "text recognition weights"} <= set(found)
    assert all(part["advice"] for part in found.values() if part["state"] != "ok")


def test_the_doctor_fails_when_a_needed_part_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.operations.diagnosis._NEEDED", ("no-such-package",))
    assert call(["doctor"]) == 1
    assert "Missing: no-such-package" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["status", "history"])
def test_quiet_questions_only_answer_by_their_status(
    command: str, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([command, str(finished), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_expire_says_what_it_deleted(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = len(open_index(copied).history())
    assert call(["expire", str(copied), "--keep", "0d"]) == 0
    deleted = int(capsys.readouterr().out.split()[0])
    assert deleted == before - len(open_index(copied).history()) + 1 > 10  # and one that keeps the record of runs
    stages = answer(capsys, "status", str(copied))["stages"]
    assert all(stage["seconds"] > 0 for stage in stages if stage["stage"] != "walk")
    assert call(["expire", str(copied), "--keep", "soon"]) == 2
    assert "such as 12h, 30d" in capsys.readouterr().err


def test_status_names_the_writer(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "status", str(copied))["writer"] is None
    with writer_lock(open_index(copied).location) as lease:
        lease.tell("embed, 3 of 9")
        lease._renew()
        writer = answer(capsys, "status", str(copied))["writer"]
        assert (writer["process"], writer["doing"]) == (os.getpid(), "embed, 3 of 9")
        assert call(["status", str(copied)]) == 0
        assert f"Writer  process {os.getpid()} of " in capsys.readouterr().out


def test_status_looks_again_until_it_is_interrupted(copied: Path) -> None:
    words = [sys.executable, "-m", "jobs", "status", str(copied), "--watch", "--every", "0.1"]
    watcher = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert watcher.stdout is not None
    seen = 0
    while seen < 3:
        seen += watcher.stdout.readline().startswith("Index ")
    watcher.send_signal(signal.SIGINT)
    _, err = watcher.communicate()
    assert watcher.returncode == 130
    assert "Traceback" not in err


def test_sheets_of_clusters_and_of_chosen_images(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sheet a cluster, the noise apart; of chosen images one; both or neither, and what is not there, are refused."""
    clusters = pq.read_table(finished / "reports" / "clusters.parquet")
    of_ward = clusters.filter(pc.equal(clusters["clustering"], "cae-ward-k5"))
    found = answer(
        capsys, "sheet", str(finished), str(tmp_path / "sheets"), "--clustering", "cae-ward-k5", "--most", "3"
    )
    assert len(found["sheets"]) == len(set(of_ward["cluster"].to_pylist())) == 5
    assert all(Path(place).read_bytes().startswith(b"\x89PNG") for place in found["sheets"])
    images = of_ward["md5"].to_pylist()[:3]
    assert call(["sheet", str(finished), str(tmp_path / "some.png"), *images, "--quiet"]) == 0
    assert (tmp_path / "some.png").stat().st_size > 1000
    for wrong, said in (
        (["--clustering", "nowhere"], "has no clustering 'nowhere'; it has cae-"),
        (["--clustering", "cae-ward-k5", "--cluster", "9"], "has no cluster 9; it has 0 to 4"),
        ([], "Name either images or a --clustering"),
    ):
        assert call(["sheet", str(finished), str(tmp_path / "sheets"), *wrong]) == 2
        assert said in capsys.readouterr().err
