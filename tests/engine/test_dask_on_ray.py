"""Dask workers on the nodes of a Ray cluster: placed, resting while Ray works, replaced when their node is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine import EngineChoice
from pipeline.errors import UsageError
from pipeline.index.store import open_index
from tests.stored import differing_arrays

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the program's whole job goes."""
    return tmp_path_factory.mktemp("nodes") / "index"


@pytest.fixture(scope="module")
def seen(demo: Path, index: Path) -> dict[str, Any]:
    """What `ray_nodes.py` saw."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.engine.ray_nodes", str(demo), str(index)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )
    assert found.returncode == 0, found.stderr[-5000:]
    answer: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return answer


def test_a_worker_a_processor_on_every_node(seen: dict[str, Any]) -> None:
    assert seen["workers"] == 3
    assert seen["dask_nodes"] == 2
    assert seen["free_while_dask_works"] == 0


def test_the_dashboard_answers(seen: dict[str, Any]) -> None:
    assert seen["status_page"] == 200


def test_the_workers_leave_while_ray_works(seen: dict[str, Any]) -> None:
    assert seen["free_when_dask_rests"]
    assert seen["resting_workers"] == 0
    assert seen["ray_nodes"] == 2


def test_a_lost_node_loses_no_work(seen: dict[str, Any]) -> None:
    assert seen["dask_after_loss"][0] == 200
    assert seen["ray_after_loss"] == 200


def test_a_lost_nodes_workers_are_replaced(seen: dict[str, Any]) -> None:
    assert seen["workers_after_loss"] == 3


def test_a_worker_with_too_much_of_its_nodes_memory_makes_room(seen: dict[str, Any]) -> None:
    assert seen["workers_after_a_late_look"] == [2, 3]


def test_the_whole_job_stores_the_same_bits(seen: dict[str, Any], index: Path, reference_index: Path) -> None:
    assert differing_arrays(index, reference_index) == []
    (page,) = index.glob("reports/runs/*/dask.html")
    assert "Workers: 0" not in page.read_text()  # it was made before they left
    used = {commit.metadata["engine"] for commit in open_index(index).history() if commit.metadata.get("items")}
    assert used == {"dask", "ray"}


@pytest.mark.parametrize(
    ("surrounding", "engines", "expected"),
    [
        ("10.0.0.1:6379", None, "10.0.0.1:6379"),
        ("10.0.0.1:6379", "dask,ray", "10.0.0.1:6379"),
        ("10.0.0.1:6379", "local", None),
        ("10.0.0.1:6379", "dask", None),
        ("http://10.0.0.1:8265", None, None),
        ("", None, None),
    ],
)
def test_a_job_of_a_ray_cluster_joins_it(
    surrounding: str, engines: str | None, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", surrounding)
    assert EngineChoice.parse(engines).ray == expected


def test_a_client_address_around_us_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    with pytest.raises(UsageError, match="ray job submit"):
        EngineChoice.parse("dask,ray")
