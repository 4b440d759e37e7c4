"""Killing the driver or a worker at any stage: the next run finishes, and stores what an undisturbed run stores."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.config import STAGE_NAMES
from pipeline.index.store import open_index
from pipeline.job import REPORT
from pipeline.operations.verification import verify_index
from tests.stages.conftest import CHEAP
from tests.stages.forked import ForkedCommand, forked_command
from tests.stored import differing_arrays

# Small shards and checkpoints after every task: a kill finds the index in as many states as possible.
RESTLESS = ("index.shard_rows=8", "run.checkpoint_seconds=0.001")

STAGES = tuple(name for name in STAGE_NAMES if name != REPORT)

Event = dict[str, Any]
Driver = subprocess.Popen[str] | ForkedCommand


def _command(demo: Path, index: Path, engines: str) -> list[str]:
    chosen = (*CHEAP, *RESTLESS) if engines == "local" else CHEAP
    settings = [part for assignment in chosen for part in ("--set", assignment)]
    place = [str(demo / "corpus"), str(index), "--labels", f"classes={demo / 'labels'}"]
    return ["run", *place, "--engines", engines, "--workers", "2", "--log-json", "--until", STAGES[-1], *settings]


@contextmanager
def _started(words: list[str]) -> Iterator[Driver]:
    """The command in a process of its own, started from nothing."""
    with subprocess.Popen(
        [sys.executable, "-m", "jobs", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    ) as process:
        yield process


def _events(process: Driver) -> Iterator[Event]:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("{"):
            yield json.loads(line)


def _run(demo: Path, index: Path, engines: str, react: Callable[[Driver, Event], bool] | None = None) -> int:
    """Run the job in a process of its own; ``react`` sees every event until it returns True."""
    start = forked_command if engines == "local" else _started
    with start(_command(demo, index, engines)) as process:
        for event in _events(process):
            if react is not None and react(process, event):
                react = None
        return process.wait(timeout=120)


def _problems(index: Path) -> list[str]:
    return [finding.problem for finding in verify_index(open_index(index)) if finding.problem]


def test_the_driver_is_killed_in_every_stage(demo: Path, reference_index: Path, tmp_path: Path) -> None:
    """One run after the other over one index, each killed in another stage: the first event of work, then SIGKILL."""
    index = tmp_path / "index"
    for stage in STAGES:
        if stage == "arrays":
            continue  # a heap of pictures has none
        started = False

        def kill(process: Driver, event: Event, stage: str = stage) -> bool:
            nonlocal started
            started = started or (event["event"] == "stage_started" and event["stage"] == stage)
            if started and event["event"] in ("stage_started", "advanced", "checkpoint"):
                process.kill()
                return True
            return False

        status = _run(demo, index, "local", kill)
        assert status == -signal.SIGKILL, f"{stage} did no work, or the process could not be killed in it"
    assert _run(demo, index, "local") == 0
    assert differing_arrays(index, reference_index) == []
    assert _problems(index) == []


def test_control_c_leaves_a_sound_index(demo: Path, reference_index: Path, tmp_path: Path) -> None:
    """In two stages of one index: the second run goes on where the first was interrupted."""
    index = tmp_path / "index"
    for stage in ("walk", "embed"):

        def interrupt(process: Driver, event: Event, stage: str = stage) -> bool:
            if event["event"] == "stage_started" and event["stage"] == stage:
                process.send_signal(signal.SIGINT)
                return True
            return False

        assert _run(demo, index, "local", interrupt) == 130
        assert _problems(index) == []
    assert _run(demo, index, "local") == 0
    assert differing_arrays(index, reference_index) == []


def _kill_one(process: Driver, is_worker: Callable[[str], bool]) -> int | None:
    """Kill one of the driver's worker processes; None where there is none within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for child in psutil.Process(process.pid).children(recursive=True):
            try:
                command = " ".join(child.cmdline())
            except psutil.Error:
                continue
            if is_worker(command):
                os.kill(child.pid, signal.SIGKILL)
                return child.pid
        time.sleep(0.05)
    return None


def _is_dask_worker(command: str) -> bool:
    return "spawn_main" in command


def _is_ray_actor(command: str) -> bool:
    return "ray::_Worker" in command


@pytest.mark.engines
def test_workers_are_killed_and_the_run_goes_on(demo: Path, reference_index: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    victims: dict[str, int | None] = {}

    def kill(process: Driver, event: Event) -> bool:
        if event["event"] == "stage_started" and event["stage"] in ("scale", "embed") and event["stage"] not in victims:
            is_worker = _is_dask_worker if event["stage"] == "scale" else _is_ray_actor
            victims[event["stage"]] = _kill_one(process, is_worker)
        return len(victims) == 2

    assert _run(demo, index, "dask,ray", kill) == 0
    assert None not in victims.values()
    assert set(victims) == {"scale", "embed"}
    assert differing_arrays(index, reference_index) == []


@pytest.mark.engines
def test_control_c_with_engines_ends_their_processes(demo: Path, tmp_path: Path) -> None:
    children: list[psutil.Process] = []

    def interrupt(process: Driver, event: Event) -> bool:
        if event["event"] == "stage_started" and event["stage"] == "walk":
            children.extend(psutil.Process(process.pid).children(recursive=True))
            process.send_signal(signal.SIGINT)
            return True
        return False

    assert _run(demo, tmp_path / "index", "dask,ray", interrupt) == 130
    assert children
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
