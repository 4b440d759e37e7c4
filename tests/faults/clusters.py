"""What happens to the engines of a run: workers, nannies, a scheduler, actors and agents end in mid-work."""

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

import psutil

from pipeline.config import load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice, Engines
from pipeline.engine.opening import EngineName
from pipeline.job import open_runner, run_stages
from pipeline.progress import Silent
from tests.faults.world import DONE, SETTINGS, World, WrongError
from tests.stages.conftest import OneEngine

ROOT = Path(__file__).resolve().parents[2]
_ONE_FILE_A_TASK = "walk.files_per_task=1"
_STAGES = ("walk", "pair", "pixels")


def dask_workers_killed(world: World, chance: random.Random, cluster: Engines) -> None:
    """Workers of the session's Dask; their nannies start others."""
    _while_killing(world, chance, cluster, "dask", lambda: _below(os.getpid(), "spawn_main"))


def ray_actors_killed(world: World, chance: random.Random, cluster: Engines) -> None:
    """Actors of the session's Ray; what they had goes to others."""
    _while_killing(world, chance, cluster, "ray", lambda: _below(os.getpid(), "ray::_Worker"))


def _while_killing(
    world: World, chance: random.Random, cluster: Engines, kind: EngineName, victims: Callable[[], list[int]]
) -> None:
    engine = cluster.pick(kind, seconds=1e9)
    list(engine.map(abs, [-1, -2], retries=0))
    killer = threading.Thread(target=_kill_by_and_by, args=(victims, chance.randint(1, 3), chance.random()))
    killer.start()
    try:
        recipe = load_recipe(assignments=[*SETTINGS, _ONE_FILE_A_TASK])
        source = Corpus(str(world.corpus), recipe.corpus)
        with open_runner(source, world.index, recipe, engines=EngineChoice.parse("local"), listener=Silent()) as runner:
            on_one = type(runner)(runner.index, source, recipe, OneEngine(engine), runner.listener)
            run_stages(on_one, _STAGES)
    finally:
        killer.join()


def _kill_by_and_by(victims: Callable[[], list[int]], times: int, pause: float) -> None:
    for _ in range(times):
        time.sleep(pause)
        for pid in victims()[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _below(pid: int, name: str) -> list[int]:
    """Processes below one whose command line has this in it."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if name in " ".join(process.cmdline()):
                found.append(process.pid)
    return found


@contextmanager
def _outside_dask(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes], list[subprocess.Popen[bytes]]]]:
    """A scheduler and two nannies with a worker each, as a site runs them."""
    dask, file = str(Path(sys.executable).with_name("dask")), folder / "scheduler.json"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment, "cwd": folder}
    address = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
    words = [dask, "scheduler", "--port", "0", *address, "--scheduler-file", str(file)]
    started = [subprocess.Popen(words, **quiet)]  # type: ignore[call-overload]
    try:
        for name in ("a", "b"):
            words = [dask, "worker", "--name", name, "--nthreads", "1", *address, "--scheduler-file", str(file)]
            started.append(subprocess.Popen(words, **quiet))  # type: ignore[call-overload]
        yield str(file), started[0], started[1:]
    finally:
        for process in started:
            for below in (*_below(process.pid, ""), process.pid) if process.poll() is None else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(below, signal.SIGKILL)
            process.wait()


def dask_nanny_killed(world: World, chance: random.Random) -> None:
    """With its worker, as a lost node: the other one does the rest."""
    with _outside_dask(world.folder) as (scheduler, _, nannies):
        status = _on_engines(world, chance, ["--dask", scheduler], chance.choice(nannies).kill)
    if status != DONE:
        raise WrongError(f"the other worker should have done it: {status}")


def dask_scheduler_killed(world: World, chance: random.Random) -> None:
    """The run ends in words, and does not wait for ever."""
    with _outside_dask(world.folder) as (scheduler, process, _):
        _on_engines(world, chance, ["--dask", scheduler], process.kill)


def ray_part_killed(part: str, world: World, chance: random.Random) -> None:
    """A part of the local Ray of a run of its own."""
    _on_engines(world, chance, ["--engines", "ray", "--workers", "1"], None, part)


def _on_engines(
    world: World, chance: random.Random, words: list[str], kill: Callable[[], None] | None, part: str = ""
) -> int:
    """A run in a process of its own, and a kill when it has begun to work; it has to end within two minutes."""
    settings = [word for assignment in (*SETTINGS, _ONE_FILE_A_TASK) for word in ("--set", assignment)]
    places = [str(world.corpus), world.index]
    command = [sys.executable, "-m", "jobs", "run", *places, *words, "--log-json", *settings]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said, begun = "", False
        timer = threading.Timer(150, process.kill)
        timer.start()
        for line in process.stderr:
            said += line
            if not begun and '"stage_started"' in line:
                begun = True
                time.sleep(chance.random())
                if kill:
                    kill()
                for pid in _below(process.pid, part)[:1] if part else ():
                    os.kill(pid, signal.SIGKILL)
        status = process.wait()
        timer.cancel()
    if status == -signal.SIGKILL:
        raise TimeoutError(f"it hung: {said[-2000:]}")
    if "This is a defect" in said:
        raise WrongError(said[-2000:])
    return status


ON_THE_SESSIONS_ENGINES = {"Dask workers killed": dask_workers_killed, "Ray actors killed": ray_actors_killed}
ON_THEIR_OWN = {
    "Dask nanny killed": dask_nanny_killed,
    "Dask scheduler killed": dask_scheduler_killed,
    "Ray agent killed": partial(ray_part_killed, "DashboardAgent"),
    "Ray head killed": partial(ray_part_killed, "gcs_server"),
}
