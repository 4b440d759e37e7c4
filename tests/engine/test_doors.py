"""Nobody but the run itself can use what it starts: every socket on loopback, every order with the run's secret."""

import gc
import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import ray
from distributed import Client, get_client

from pipeline.engine import Engines
from pipeline.engine.ray_engine import RayEngine
from pipeline.engine.ray_folder import RAYS_PART
from tests.engine.listening import doors, processes_below

ROOT = Path(__file__).resolve().parents[2]

AGENT_PORT = 52365
"""Where a node's agent takes jobs, unless another Ray of this machine has the port: then it takes none."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def on_ray(cluster: Engines) -> RayEngine:
    """The session's local Ray, after it has worked."""
    engine = cluster.pick("ray", seconds=1e9)
    assert list(engine.map(abs, [-1], retries=0)) == [1]
    assert isinstance(engine, RayEngine)
    return engine


@pytest.fixture
def on_dask(cluster: Engines) -> str:
    """Address of the session's local Dask scheduler, after it has worked."""
    assert list(cluster.pick("dask", seconds=1e9).map(abs, [-1], retries=0)) == [1]
    return str(get_client().scheduler.address)


def stranger(home: Path, *words: str, **environment: str) -> str:
    """What becomes of somebody's attempt; `home` has no token."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    found = subprocess.run(
        [sys.executable, "-m", "tests.engine.strangers", *words],
        cwd=ROOT,
        # Without the last one Ray takes the machine's own address for 127.0.0.1, where nobody listens.
        env=clean
        | {"HOME": str(home), "PYTHONPATH": str(ROOT), "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
        | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.strip().splitlines()[-1]


def test_everything_listens_on_loopback_alone(on_dask: str, on_ray: RayEngine) -> None:
    found = doors(psutil.Process())
    names = {door.process for door in found}
    assert {"gcs_server", "raylet", "ray::DashboardAgent", "ray::_Worker"} <= names
    assert len(found) > 10
    assert [door for door in found if not door.on_loopback] == []


@pytest.mark.parametrize("token", [{}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}], ids=["none", "wrong"])
def test_ray_is_not_joined_without_the_token(token: dict[str, str], on_ray: RayEngine, tmp_path: Path) -> None:
    assert stranger(tmp_path, "join", ray.get_runtime_context().gcs_address, **token) == "refused"


def test_ray_is_joined_with_the_token(on_ray: RayEngine, tmp_path: Path) -> None:
    """So that the refusals mean something."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(on_ray.token_file)}
    assert stranger(tmp_path, "join", ray.get_runtime_context().gcs_address, **token) == "got in"


def test_ray_takes_no_job_without_the_token(on_ray: RayEngine, tmp_path: Path) -> None:
    assert on_ray.dashboard is not None
    assert stranger(tmp_path, "submit", on_ray.dashboard).startswith("401")
    found = doors(psutil.Process())
    if any(door.process == "ray::DashboardAgent" and door.port == AGENT_PORT for door in found):
        assert stranger(tmp_path, "submit", f"http://127.0.0.1:{AGENT_PORT}").endswith("401")


def test_the_token_is_private(on_ray: RayEngine) -> None:
    path = on_ray.token_file
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    token = path.read_text()
    assert len(token) == 64
    for process in processes_below(psutil.Process()):
        assert token not in " ".join(process.cmdline())
        assert token not in process.environ().values()
    logs = [file for file in (path.parent / RAYS_PART / "session_latest" / "logs").rglob("*") if file.is_file()]
    assert logs
    assert not [log for log in logs if token in log.read_text(errors="replace")]


def test_the_run_itself_hands_no_token_on(on_ray: RayEngine) -> None:
    """What it starts later, such as the child that decodes files of strangers, cannot use Ray."""
    assert not [name for name in os.environ if name.startswith("RAY_AUTH")]


def test_dask_is_not_joined_without_the_certificate(on_dask: str) -> None:
    assert on_dask.startswith("tls://127.0.0.1:")
    plain = on_dask.replace("tls://", "tcp://")
    for address in (on_dask, plain):
        with pytest.raises((OSError, TypeError, ValueError)):
            Client(address, timeout=3, set_as_default=False)
        gc.collect()  # a client that failed closes as it goes, which hangs if that is while the next one begins
