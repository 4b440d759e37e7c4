"""semcorpus submit slurm: the command lines and what is made of the answers, with a stand-in for SLURM's commands."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.main import call
from pipeline.deployment import slurm
from pipeline.deployment.files import deploy_folder

STAND_IN = """#!{python}
import json, os, sys
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
with open("{folder}/calls", "a") as calls:
    print(json.dumps([name, words, os.environ.get("SEMCORPUS_SBATCH"), os.environ.get("SEMCORPUS_SCRIPT")]), file=calls)
if name == "sbatch":
    if "{refuse}":
        sys.exit("allocation failure: {refuse}")
    print("" if "--test-only" in words else "17;site")
    sys.exit()
answers = json.load(open("{folder}/answers"))
json.dump(answers[1:] or answers, open("{folder}/answers", "w"))
answer = answers[0]
if name == "scontrol" and answer["from"] != "scontrol":
    sys.exit("slurm_load_jobs error: Invalid job id specified")
with open("{folder}/semcorpus-17.out", "a") as log:
    log.write(answer.get("log", ""))
print(answer["says"])
"""


class Slurm:
    """Stand-ins for sbatch, scontrol and sacct."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def answer(self, *answers: dict[str, str], refuse: str = "") -> None:
        (self.folder / "answers").write_text(json.dumps(answers))
        for name in ("sbatch", "scontrol", "sacct"):
            program = self.folder / name
            program.write_text(STAND_IN.format(python=sys.executable, folder=self.folder, refuse=refuse))
            program.chmod(0o755)

    @property
    def calls(self) -> list[Any]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    (tmp_path / "corpus").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    follow = slurm.follow_batch
    monkeypatch.setattr(slurm, "follow_batch", lambda *words: follow(*words, poll_seconds=0.02))
    return Slurm(tmp_path)


def state(name: str, code: str = "0:0", log: str = "") -> dict[str, str]:
    says = f"JobId=17 JobName=semcorpus JobState={name} Reason=None Requeue=1 ExitCode={code} RunTime=00:00:01"
    return {"from": "scontrol", "says": says, "log": log}


BASE = ["submit", "slurm", "corpus", "index"]


def test_the_command_line(site: Slurm) -> None:
    site.answer(state("COMPLETED"))
    sizes = ["nodes=4", "cpus=16", "memory=64G", "gpus=2", "partition=gpu", "account=lab", "time=1-00:00:00"]
    words = [*(f"--set={size}" for size in sizes), '--set=sbatch=["--mail-type=FAIL"]']
    assert call([*BASE, *words, "--", "--until", "my stage"]) == 0
    script = str(deploy_folder("slurm") / "ray.sbatch")
    expected = [
        *("--parsable", "--nodes=4", "--cpus-per-task=16", "--mem=64G", "--time=1-00:00:00", "--gres=gpu:2"),
        *("--partition=gpu", "--account=lab", "--mail-type=FAIL", "--job-name=semcorpus"),
        *(f"--output={site.folder}/semcorpus-%j.out", script),
        *(f"{site.folder}/corpus", f"{site.folder}/index", "--until", "my stage"),
    ]
    assert [words for name, words, *_ in site.calls if name == "sbatch"] == [["--test-only", *expected], expected]


def test_the_log_is_followed_through_a_requeue(site: Slurm, capsys: pytest.CaptureFixture[str]) -> None:
    site.answer(
        state("PENDING"),
        state("RUNNING", log="first line\nhalf "),
        state("PENDING"),
        state("RUNNING", log="a line\n"),
        state("COMPLETED", log="last line\n"),
    )
    assert call(BASE) == 0
    out = capsys.readouterr().out
    assert "first line\n" in out
    assert "half a line\n" in out
    assert out.endswith("last line\nJob 17: COMPLETED\n")
    assert f"its log is {site.folder}/semcorpus-17.out" in out


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        (state("FAILED", "3:0"), 3),
        (state("TIMEOUT", "0:15"), 143),
        (state("NODE_FAIL"), 1),
        (state("CANCELLED"), 1),
        ({"from": "scontrol", "says": state("COMPLETED")["says"] + "\n" + state("FAILED", "2:0")["says"]}, 2),
        ({"from": "sacct", "says": "CANCELLED by 0|0:0\n"}, 1),
        ({"from": "sacct", "says": "COMPLETED|0:0\n"}, 0),
    ],
)
def test_the_exit_status_is_the_jobs(ending: dict[str, str], status: int, site: Slurm) -> None:
    site.answer(ending)
    assert call(BASE) == status


def test_every_night(site: Slurm) -> None:
    site.answer()
    assert call([*BASE, "--set=nightly=01:30", "--set=nodes=3", "--set=partition=cpu"]) == 0
    test, (_, words, options, script) = site.calls
    assert test[1] == ["--test-only", *words]
    assert words[:2] == ["--parsable", "--begin=01:30"]
    assert words[-3:] == [
        str(deploy_folder("slurm") / "nightly.sbatch"),
        f"{site.folder}/corpus",
        f"{site.folder}/index",
    ]
    assert options == "--nodes=3 --cpus-per-task=8 --mem=32G --time=08:00:00 --partition=cpu"
    assert script == str(deploy_folder("slurm") / "ray.sbatch")


def test_slurm_refuses(site: Slurm, capsys: pytest.CaptureFixture[str]) -> None:
    site.answer(refuse="Invalid account")
    assert call(BASE) == 1
    assert "Invalid account" in capsys.readouterr().err
    assert len(site.calls) == 1


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["nowhere", "index"], 2, "There is no folder nowhere"),
        (["corpus", "/dev/shm/index"], 2, "only this machine has"),
        (["corpus", "index", "--set=partiton=a"], 2, "Did you mean 'partition'?"),
        (["corpus", "index", "--job-only"], 2, "are of Kubernetes"),
    ],
)
def test_refused_before_anything_is_sent(
    words: list[str], status: int, sentence: str, site: Slurm, capsys: pytest.CaptureFixture[str]
) -> None:
    site.answer()
    assert call(["submit", "slurm", *words]) == status
    assert sentence in capsys.readouterr().err
    assert not (site.folder / "calls").exists()


def test_a_dry_run_prints_the_call_and_the_script(site: Slurm, capsys: pytest.CaptureFixture[str]) -> None:
    site.answer()
    assert call([*BASE, "--dry-run", "--set=script=dask"]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("# sbatch --parsable --nodes=2 ")
    assert second == "#!/bin/bash"
    assert not (site.folder / "calls").exists()
