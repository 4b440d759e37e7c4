"""Shortening the history: what goes, and what stays."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.config import load_recipe
from pipeline.engine import EngineChoice
from pipeline.errors import IndexLockedError, UsageError
from pipeline.index.lock.writer import writer_lock
from pipeline.index.past_runs import read_runs
from pipeline.index.run_folders import run_file, write_run_file
from pipeline.index.store import Index, open_index
from pipeline.job import run
from pipeline.operations.expiring import expire, parse_age
from pipeline.operations.verification import verify_index
from pipeline.stages.report.write import is_current

NOTHING = timedelta(0)
RECIPE = load_recipe(assignments=["scale.enabled=false", "pixels.size=16"]).model_copy(
    update={"embed": (), "autoencode": ()}
)


@pytest.fixture(scope="module")
def made(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small index with several commits and a report. Read only."""
    index = tmp_path_factory.mktemp("made") / "index"
    run(demo / "corpus", index, recipe=RECIPE, engines=EngineChoice.parse("local"))
    return index


@pytest.fixture
def index(made: Path, tmp_path: Path) -> Index:
    """A copy of it."""
    return open_index(shutil.copytree(made, tmp_path / "index"))


@pytest.mark.parametrize(("text", "hours"), [("12h", 12), ("30d", 720), (" 2w ", 336), ("0d", 0)])
def test_ages(text: str, hours: int) -> None:
    assert parse_age(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "30 days", "9999999d"])
def test_no_ages(text: str) -> None:
    with pytest.raises(UsageError, match="such as 12h, 30d"):
        parse_age(text)


def test_young_commits_stay_and_nothing_is_written(index: Index) -> None:
    before = index.history()
    done = expire(index, timedelta(days=1))
    assert (done.commits, done.run_folders) == (0, 0)
    assert index.history() == before


def test_old_commits_go_and_all_that_counts_stays(index: Index, demo: Path) -> None:
    runs, pictures = read_runs(index), index.read()["pixels/gray"][:].tobytes()
    size = sum(file.stat().st_size for file in Path(index.url).rglob("*") if file.is_file())
    done = expire(index, NOTHING)
    assert done.commits > 5
    assert done.freed_bytes > 0
    assert sum(file.stat().st_size for file in Path(index.url).rglob("*") if file.is_file()) < size
    again = open_index(index.url)
    assert len(again.history()) == 2  # the empty beginning and the newest
    assert read_runs(again) == runs
    assert again.read()["pixels/gray"][:].tobytes() == pictures
    assert is_current(again, RECIPE)
    assert not any(finding.problem for finding in verify_index(again))
    assert expire(again, NOTHING).commits == 0
    result = run(demo / "corpus", index.url, recipe=RECIPE, engines=EngineChoice.parse("local"))
    assert all(stage.steps == 0 for stage in result.stages)
    assert not result.report_written
    assert result.table("runs").num_rows == len(runs)


def test_folders_of_old_runs_go_and_those_of_people_stay(index: Index) -> None:
    young = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-abcdef"
    for folder in ("20200101T000000Z-abcdef", young, "mine"):
        write_run_file(index.location, folder, "changes.md", b"x")
    assert expire(index, timedelta(days=1)).run_folders == 1
    left = {path.name for path in run_file(index.location, "x", "y").path.parents[1].iterdir()}
    assert left >= {young, "mine"}
    assert "20200101T000000Z-abcdef" not in left


def test_an_index_that_is_being_written_is_left_alone(index: Index) -> None:
    with writer_lock(index.location), pytest.raises(IndexLockedError):
        expire(index, NOTHING)


def test_a_bucket(s3_endpoint: str, demo: Path) -> None:
    place = "s3://semcorpus/expiring"
    run(demo / "corpus", place, recipe=RECIPE, engines=EngineChoice.parse("local"), until="pair")
    index = open_index(place)
    write_run_file(index.location, "20200101T000000Z-abcdef", "changes.md", b"x")
    runs = read_runs(index)
    done = expire(index, NOTHING)
    assert done.commits > 1
    assert done.run_folders == 2  # its own, and that of the run
    assert read_runs(open_index(place)) == runs
