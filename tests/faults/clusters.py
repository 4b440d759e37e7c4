"""What happens to the engines of a session while a run works on them: workers and actors end in mid-work."""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable

import psutil

from pipeline.config import load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import Engine, EngineChoice
from pipeline.job import open_runner, run_stages
from pipeline.progress import Silent
from tests.faults.world import SETTINGS, World
from tests.stages.conftest import OneEngine

ONE_FILE_A_TASK = "walk.files_per_task=1"
_STAGES = ("walk", "pair", "pixels")


def dask_workers_killed(world: World, chance: random.Random, engine: Engine) -> None:
    """Workers of the session's Dask; their nannies start others."""
    _while_killing(world, chance, engine, lambda: below(os.getpid(), "spawn_main"))


def ray_actors_killed(world: World, chance: random.Random, engine: Engine) -> None:
    """Actors of the session's Ray; what they had goes to others."""
    _while_killing(world, chance, engine, lambda: below(os.getpid(), "ray::_Worker"))


def _while_killing(world: World, chance: random.Random, engine: Engine, victims: Callable[[], list[int]]) -> None:
    list(engine.map(abs, [-1, -2], retries=0))
    killer = threading.Thread(target=_kill_by_and_by, args=(victims, chance.randint(1, 3), chance.random()))
    killer.start()
    try:
        recipe = load_recipe(assignments=[*SETTINGS, ONE_FILE_A_TASK])
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


def below(pid: int, name: str) -> list[int]:
    """Processes below one whose command line has this in it."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if name in " ".join(process.cmdline()):
                found.append(process.pid)
    return found


ON_THE_SESSIONS_DASK = {"Dask workers killed": dask_workers_killed}
ON_THE_SESSIONS_RAY = {"Ray actors killed": ray_actors_killed}
