"""Every engine maps alike: results, laziness, retries, deaths of workers."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.engine import Engine, EngineChoice, Engines, WorkFailedError
from pipeline.engine.serial import SerialEngine
from pipeline.errors import EngineError, UsageError
from pipeline.progress import Silent

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("local", "dask", "ray")


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, cluster: Engines) -> Engine:
    """Each engine in turn; Dask and Ray are those of the session."""
    return cluster.pick(request.param, seconds=1e9)


def _square(number: int) -> int:
    return number * number


def _fail_once(marker: str) -> str:
    path = Path(marker)
    if not path.exists():
        path.touch()
        raise RuntimeError("the first attempt fails")
    return path.name


def _die_once(marker: str) -> str:
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name


def _always_fails(number: int) -> int:
    if number == 3:
        raise ValueError("three is not to be had")
    return number


def test_maps_every_item_once(engine: Engine) -> None:
    assert sorted(engine.map(_square, range(40), retries=0)) == [n * n for n in range(40)]


def test_equal_items_are_items_of_their_own(engine: Engine) -> None:
    assert sorted(engine.map(_square, [3, 3, 2, 3, 2] * 4, retries=0)) == [4] * 8 + [9] * 12


def test_nothing_gives_nothing(engine: Engine) -> None:
    assert list(engine.map(_square, [], retries=0)) == []


def test_items_are_taken_little_by_little(engine: Engine) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    results = engine.map(_square, items(), retries=0)
    next(results)
    assert taken <= 1 + 4 * max(engine.workers, 1)
    results.close()  # type: ignore[attr-defined]


def test_a_failing_item_is_tried_again(engine: Engine, tmp_path: Path) -> None:
    markers = [str(tmp_path / f"m{n}") for n in range(4)]
    assert sorted(engine.map(_fail_once, markers, retries=1)) == ["m0", "m1", "m2", "m3"]


def test_an_item_that_fails_for_good_is_named(engine: Engine) -> None:
    with pytest.raises(WorkFailedError, match="ValueError: three is not to be had") as caught:
        list(engine.map(_always_fails, range(6), retries=1))
    assert caught.value.item == 3


@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_a_killed_worker_loses_nothing(kind: str, cluster: Engines, tmp_path: Path) -> None:
    engine = cluster.pick(kind, seconds=1e9)  # type: ignore[arg-type]
    markers = [str(tmp_path / f"m{n}") for n in range(6)]
    assert sorted(engine.map(_die_once, markers, retries=3)) == [f"m{n}" for n in range(6)]


def _process(_: int) -> int:
    return os.getpid()


def test_ray_keeps_its_actors_until_another_engine_works(cluster: Engines) -> None:
    ray = cluster.pick("ray", seconds=1e9)
    ray.rest()
    (first,) = ray.map(_process, [0], retries=0)
    assert list(cluster.pick("ray", seconds=1e9).map(_process, [0], retries=0)) == [first]
    os.kill(first, signal.SIGKILL)
    (second,) = ray.map(_process, [0], retries=0)  # a dead one costs no item an attempt
    assert second != first
    cluster.pick("dask", seconds=1e9)
    (third,) = ray.map(_process, [0], retries=0)
    assert third not in (first, second)


def _home(_: int) -> str:
    return os.path.expanduser("~")


def test_workers_have_the_users_home(engine: Engine) -> None:
    """Ray's own processes have another one."""
    assert list(engine.map(_home, [0], retries=0)) == [os.path.expanduser("~")]


def test_small_work_stays_in_this_process() -> None:
    with Engines(EngineChoice(workers=2), Silent()) as engines:
        assert isinstance(engines.pick("dask", seconds=1.0), SerialEngine)
        assert isinstance(engines.pick("local", seconds=1e9), SerialEngine)


def test_local_means_local() -> None:
    with Engines(EngineChoice.parse("local"), Silent()) as engines:
        assert isinstance(engines.pick("ray", seconds=1e9), SerialEngine)


@pytest.mark.parametrize("words", ["spark", "local,dask", "dask,sparc"])
def test_unknown_engines_are_refused(words: str) -> None:
    with pytest.raises(UsageError, match="--engines takes"):
        EngineChoice.parse(words)


def test_a_ray_client_address_is_refused_with_a_hint() -> None:
    with Engines(EngineChoice(ray="ray://head:10001"), Silent()) as engines, pytest.raises(UsageError, match="ray job"):
        engines.pick("ray", seconds=1.0)


def test_an_absent_scheduler_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "scheduler.json"
    with (
        Engines(EngineChoice(dask=str(missing)), Silent()) as engines,
        pytest.raises(EngineError, match="no Dask scheduler file"),
    ):
        engines.pick("dask", seconds=1.0)


@pytest.fixture
def other_version(tmp_path: Path) -> None:
    """What `importlib.metadata` finds first in a process that runs there."""
    about = tmp_path / "semcorpus-9.9.dist-info" / "METADATA"
    about.parent.mkdir()
    about.write_text("Metadata-Version: 2.1\nName: semcorpus\nVersion: 9.9\n")


def test_workers_with_another_version_are_refused(
    other_version: None, scheduler: tuple[str, subprocess.Popen[bytes]]
) -> None:
    with (
        pytest.raises(EngineError, match=r"has semcorpus 9\.9, and this is semcorpus"),
        Engines(EngineChoice(dask=scheduler[0]), Silent()) as engines,
    ):
        engines.pick("dask", seconds=1)


def test_dask_hands_out_no_gpus(cluster: Engines) -> None:
    with pytest.raises(EngineError, match="run it on Ray"):
        list(cluster.pick("dask", seconds=1e9).map(_square, [1], retries=0, gpus=1.0))


def test_ray_says_that_it_has_no_gpu_instead_of_waiting(cluster: Engines) -> None:
    with pytest.raises(EngineError, match="this Ray cluster has 0"):
        list(cluster.pick("ray", seconds=1e9).map(_square, [1], retries=0, gpus=1.0))


_FEWER_GPUS_THAN_WORKERS = """
import ray
ray.init(address="local", num_cpus=3, num_gpus=1, include_dashboard=False, log_to_driver=False)
from pipeline.engine.ray_engine import RayEngine
print(sorted(RayEngine(3, None).map(abs, range(7), retries=0, gpus=1.0)))
"""


def test_fewer_gpus_than_workers_do_all_the_work() -> None:
    """One GPU, declared to Ray and not really there, and three workers: two of them would wait for ever."""
    command = [sys.executable, "-c", _FEWER_GPUS_THAN_WORKERS]
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    found = subprocess.run(
        command, cwd=ROOT, env=os.environ | token, capture_output=True, text=True, check=False, timeout=120
    )
    assert found.stdout.strip().endswith(str(list(range(7)))), found.stderr
