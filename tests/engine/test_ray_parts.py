"""A part of Ray that has ended ends the run with a sentence, in seconds, and nothing of it is left."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.engine import Engines
from pipeline.engine.ray_parts import RayParts
from pipeline.errors import EngineError

ROOT = Path(__file__).resolve().parents[2]

_KILLS = """
import json, sys, time
import psutil
from pipeline.engine.ray_engine import open_ray
from pipeline.errors import EngineError

def nap(number):
    time.sleep(0.2)
    return number

def kill(victim):
    engine = open_ray(None, 1)
    folder = engine.token_file.parent
    try:
        results = engine.map(nap, range(10**6), retries=3)
        next(results)
        below = psutil.Process().children(recursive=True)
        next(process for process in below if process.name() == victim).kill()
        killed = time.monotonic()
        for _ in results:
            pass
    except EngineError as error:
        return str(error), time.monotonic() - killed, folder
    finally:
        engine.close()

for victim in sys.argv[1:]:
    said, seconds, folder = kill(victim)
    print(json.dumps([said, seconds, folder.exists(), len(psutil.Process().children())]))
"""


@pytest.mark.timeout(300)
def test_a_killed_agent_or_head_ends_the_work_in_seconds() -> None:
    """Both in one process, which opens Ray a second time after the first was lost."""
    words = [sys.executable, "-c", _KILLS, "ray::DashboardAgent", "gcs_server"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    found = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=280)
    assert found.returncode == 0, found.stderr
    answers = [json.loads(line) for line in found.stdout.splitlines() if line.startswith("[")]
    for (said, seconds, folder_is_there, children), part in zip(answers, ("raylet", "GCS"), strict=True):
        assert part in said
        assert "run the same command again" in said
        assert seconds < 30
        assert not folder_is_there
        assert children == 0


def parts_at(monkeypatch: pytest.MonkeyPatch, raylet: int, gcs: int, *, local: bool) -> RayParts:
    """`RayParts` of the session's Ray, told that it is elsewhere."""
    parts = RayParts(local=local)
    monkeypatch.setattr(parts, "_raylet", ("127.0.0.1", raylet))
    monkeypatch.setattr(parts, "_gcs", ("127.0.0.1", gcs))
    return parts


@pytest.fixture
def open_and_shut(cluster: Engines) -> tuple[int, int]:
    """A port where somebody listens, and one where nobody does."""
    cluster.pick("ray", seconds=1e9)
    own = next(door for door in psutil.Process().net_connections(kind="tcp") if door.status == psutil.CONN_LISTEN)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    return own.laddr.port, port


def test_a_clusters_head_may_come_back(open_and_shut: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    there, gone = open_and_shut
    parts = parts_at(monkeypatch, there, gone, local=False)
    parts.look()
    later = time.monotonic() + 45
    monkeypatch.setattr(time, "monotonic", lambda: later)
    with pytest.raises(EngineError, match="head process"):
        parts.look()


def test_a_raylet_does_not(open_and_shut: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    there, gone = open_and_shut
    with pytest.raises(EngineError, match="raylet"):
        parts_at(monkeypatch, gone, there, local=False).look()
    parts_at(monkeypatch, there, there, local=True).look()
