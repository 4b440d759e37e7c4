"""Ctrl-C, SIGTERM and SIGUSR1 leave a sound index, and the next run finishes."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from jobs.main import call
from pipeline.index.store import open_index
from tests.jobs.conftest import run_arguments
from tests.stored import differing_arrays


def test_stopped_runs_leave_a_sound_index_and_the_next_run_finishes(demo: Path, finished: Path, copied: Path) -> None:
    """One run after another is stopped, each further on, and verified; the last one goes through."""
    embedded = next(commit.id for commit in open_index(copied).history() if commit.message == "embed: cae")
    assert call(["rollback", str(copied), embedded, "--quiet"]) == 0
    words = run_arguments(demo / "corpus", copied, "--until", "agree", labels=demo / "labels")
    for number, status, stage in (
        (signal.SIGINT, 130, "autoencode"),
        (signal.SIGTERM, 143, "autoencode"),
        (signal.SIGUSR1, 75, "neighbours"),
    ):
        last = _stopped(words, number, status, stage)
        assert (last["event"], last["exit_status"]) == ("error", status)
        assert "run the same command again" in str(last["message"])
        assert call(["verify", str(copied), "--quiet"]) == 0
    assert call([*words, "--quiet"]) == 0
    assert differing_arrays(copied, finished) == []


def _stopped(words: list[str], number: signal.Signals, status: int, stage: str) -> dict[str, object]:
    """The last word of a run that gets a signal when the stage begins."""
    with subprocess.Popen(
        [sys.executable, "-m", "jobs", *words, "--log-json"], stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        for line in run.stderr:
            event = json.loads(line)
            if (event["event"], event.get("stage")) == ("stage_started", stage):
                run.send_signal(number)
                break
        last: dict[str, object] = json.loads(run.stderr.read().splitlines()[-1])
    assert run.returncode == status
    return last
