"""What happens to engines that a run has for itself: nannies, a scheduler, agents, nodes and heads end in mid-work.

A run goes on where another worker is left, and else ends in words within two and a half minutes; the next one, in one
process, does the rest.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.faults.clusters import ONE_FILE_A_TASK, below
from tests.faults.nursery import ROOT, HungError
from tests.faults.world import DEFECT, DONE, SETTINGS, World, WrongError

_LONGEST_SECONDS = 150


def dask_nanny_killed(world: World, chance: random.Random) -> None:
    """With its worker, as a lost node: the other one does the rest."""
    with _outside_dask(world.folder) as (scheduler, _, nannies):
        victim = chance.choice(nannies)
        status, said = _run(world, chance, ["--dask", scheduler], lambda _: [*below(victim.pid, ""), victim.pid])
    if status != DONE:
        raise WrongError(f"the other worker should have done it: {said[-2000:]}")


def dask_scheduler_killed(world: World, chance: random.Random) -> None:
    """The run ends in words, and does not wait for ever."""
    with _outside_dask(world.folder) as (scheduler, process, _):
        _run(world, chance, ["--dask", scheduler], lambda _: [process.pid])


def ray_part_killed(part: str, world: World, chance: random.Random) -> None:
    """A part of the local Ray of a run of its own."""
    _run(world, chance, ["--engines", "ray", "--workers", "1"], lambda pid: below(pid, part)[:1])


@contextmanager
def _outside_dask(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes], list[subprocess.Popen[bytes]]]]:
    """A scheduler and two nannies with a worker each, as a site runs them."""
    dask, file = str(Path(sys.executable).with_name("dask")), str(folder / "scheduler.json")
    address = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", "--scheduler-file", file)

    def start(*words: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        nothing = subprocess.DEVNULL
        return subprocess.Popen([dask, *words, *address], cwd=folder, env=environment, stdout=nothing, stderr=nothing)

    started = [start("scheduler", "--port", "0")]
    try:
        started += [start("worker", "--name", name, "--nthreads", "1") for name in ("a", "b")]
        yield file, started[0], started[1:]
    finally:
        for process in started:
            _kill([*below(process.pid, ""), process.pid] if process.poll() is None else [])
            process.wait()


def _run(world: World, chance: random.Random, words: list[str], victims: Callable[[int], list[int]]) -> tuple[int, str]:
    """A run in a process of its own, whose ``victims`` are killed when it has begun to work: its status and words."""
    settings = [word for assignment in (*SETTINGS, ONE_FILE_A_TASK) for word in ("--set", assignment)]
    places = [str(world.corpus), world.index]
    command = [sys.executable, "-m", "jobs", "run", *places, *words, "--log-json", *settings]
    said, begun = "", False
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        timer = threading.Timer(_LONGEST_SECONDS, process.kill)
        timer.start()
        for line in process.stderr:
            said += line
            if not begun and '"stage_started"' in line:
                begun = True
                time.sleep(chance.random())
                found = victims(process.pid)
                assert found or process.poll() is not None, "nothing to kill"
                _kill(found)
        status = process.wait()
        timer.cancel()
    if status == -signal.SIGKILL:
        raise HungError(said[-2000:])
    if DEFECT in said:
        raise WrongError(said[-2000:])
    return status, said


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


ON_THEIR_OWN = {
    "Dask nanny killed": dask_nanny_killed,
    "Dask scheduler killed": dask_scheduler_killed,
    "Ray agent killed": partial(ray_part_killed, "DashboardAgent"),
    "Ray node killed": partial(ray_part_killed, "raylet/raylet"),
    "Ray head killed": partial(ray_part_killed, "gcs_server"),
}
