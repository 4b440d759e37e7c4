"""Dask's performance report: written once there was work, readable without a network, never the end of a run."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import run
from pipeline.engine import EngineChoice, Engines, ReportPlace
from pipeline.errors import StorageError
from pipeline.progress import Silent
from tests.stages.conftest import cheap_recipe


class Place:
    """Keeps what is written and what is said."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.notes: list[str] = []

    def report(self) -> ReportPlace:
        """To hand to the engines."""
        return ReportPlace(self.pages.__setitem__, "Run 17 of <semcorpus>", self.notes.append)


@pytest.fixture
def place() -> Place:
    return Place()


def add_one(number: int) -> int:
    """The work."""
    return number + 1


def work(report: ReportPlace, *, tasks: int, dask: str | None = None) -> list[int]:
    """Do so many tasks on Dask."""
    choice = EngineChoice.parse("dask", workers=1, dask=dask)
    with Engines(choice, Silent(), report=report) as engines:
        return sorted(engines.pick("dask", seconds=1).map(add_one, range(tasks), retries=0))


def test_the_page_tells_of_all_tasks_and_needs_no_network(place: Place) -> None:
    assert work(place.report(), tasks=7) == list(range(1, 8))
    assert place.notes == []
    assert list(place.pages) == ["dask.html"]
    page = place.pages["dask.html"].decode()
    # Each item is two tasks: the partition, and the function on it.
    assert "number of tasks: 14" in page
    assert "Workers: 1" in page
    assert "Run 17 of &amp;lt;semcorpus&amp;gt;" in page  # the text of a text
    assert re.findall(r"<(?:script|link)[^>]*(?:src|href)=", page) == []


def test_without_tasks_there_is_none(place: Place) -> None:
    assert work(place.report(), tasks=0) == []
    assert (place.pages, place.notes) == ({}, [])


def test_a_page_that_cannot_be_written_is_said_and_no_failure(place: Place) -> None:
    def full(name: str, data: bytes) -> None:
        raise StorageError("The disk is full.")

    assert work(ReportPlace(full, "", place.notes.append), tasks=2) == [1, 2]
    assert place.notes == ["Dask's report of this run could not be written: StorageError: The disk is full."]


def _wait_until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_scheduler_that_is_gone_is_said_and_no_failure(
    place: Place, scheduler: tuple[str, subprocess.Popen[bytes]]
) -> None:
    address, process = scheduler
    with Engines(EngineChoice.parse("dask", workers=1, dask=address), Silent(), report=place.report()) as engines:
        engine: Any = engines.pick("dask", seconds=1)
        assert list(engine.map(abs, [-2], retries=0)) == [2]  # a worker from outside has no tests
        process.kill()
        process.wait()
        _wait_until(lambda: engine._client.status != "running")  # before that it would ask, and wait
    assert place.pages == {}
    assert len(place.notes) == 1
    assert place.notes[0].startswith("Dask's report of this run could not be made: ConnectionError: ")


def test_a_run_leaves_it_with_its_other_files(demo: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    choice = EngineChoice.parse("dask", workers=1)
    run(demo / "corpus", index, recipe=cheap_recipe(demo), engines=choice, until="walk")
    (page,) = index.glob("reports/runs/*/dask.html")
    assert f"Run {page.parent.name} of semcorpus" in page.read_text()
    run(demo / "corpus", index, recipe=cheap_recipe(demo), engines=choice, until="walk")
    assert list(index.glob("reports/runs/*/dask.html")) == [page]  # nothing was missing, so nothing was done
