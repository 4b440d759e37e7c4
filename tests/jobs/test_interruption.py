"""Ctrl-C, SIGTERM and SIGUSR1 leave a sound index, and the next run finishes."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.main import call
from tests.jobs.conftest import run_arguments
from tests.stored import differing_arrays


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 75)])
def test_a_stopped_run_leaves_a_sound_index_and_the_next_run_finishes(
    number: signal.Signals, status: int, demo: Path, half_done: Path, finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(half_done, tmp_path / "index")
    words = run_arguments(demo / "corpus", tmp_path / "index", "--until", "agree", labels=demo / "labels")
    command = [sys.executable, "-m", "jobs", *words, "--log-json"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        for line in run.stderr:
            event = json.loads(line)
            if (event["event"], event.get("stage")) == ("stage_started", "autoencode"):
                run.send_signal(number)
                break
        last = json.loads(run.stderr.read().splitlines()[-1])
    assert run.returncode == status
    assert (last["event"], last["exit_status"]) == ("error", status)
    assert "run the same command again" in last["message"]
    assert call(["verify", str(tmp_path / "index"), "--quiet"]) == 0
    assert call([*words, "--quiet"]) == 0
    assert differing_arrays(tmp_path / "index", finished) == []
