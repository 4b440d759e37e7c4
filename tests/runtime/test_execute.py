"""The loop of plan, work, merge and commit, on stages made for the test."""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from pipeline.config import Recipe, load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice, Engines
from pipeline.errors import ShardError, StageError, StoppedError
from pipeline.index.store import Index, create_index
from pipeline.index.tables import read_table, write_table
from pipeline.kernels.mapping import MapTasks
from pipeline.progress import Silent
from pipeline.runtime.execute import Runner
from pipeline.runtime.plan import Block, Context, Job, Plan, Stage
from pipeline.runtime.stopping import StopRequest

QUICK = load_recipe(assignments=["run.retries=1"])
RESTLESS = load_recipe(assignments=["run.retries=1", "run.checkpoint_seconds=1e-9"])


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return create_index(tmp_path / "index", attributes={})


@pytest.fixture(params=["local", "dask"])
def engines(request: pytest.FixtureRequest, cluster: Engines) -> Iterator[Engines]:
    """One process, or the session's Dask workers, which outlive every run."""
    if request.param == "dask":
        yield cluster
    else:
        with Engines(EngineChoice.parse("local"), Silent()) as opened:
            yield opened


def _runner(index: Index, tmp_path: Path, engines: Engines, recipe: Recipe = QUICK) -> Runner:
    return Runner(index, Corpus(str(tmp_path)), recipe, engines, Silent())


def _append(root: zarr.Group, results: Sequence[int]) -> None:
    old = read_table(root, "numbers").get("n", np.empty(0, np.int64))
    write_table(root, "numbers", {"n": np.concatenate([old, np.array(results, np.int64)])})


def _multiplier(root: zarr.Group) -> Any:
    factor = int(root.attrs.get("factor", 1))  # read once, when the worker is built

    def worker(root: zarr.Group, task: Block) -> int:
        return factor * int(task.data)

    return worker


def _numbers(context: Context, *, total: int, build: Any = _multiplier) -> Plan | None:
    done = len(read_table(context.root, "numbers").get("n", ()))
    if done >= total:
        return None
    tasks = [Block(1, f"number {n}", n) for n in range(done, total)]
    return Plan(step="", tasks=tasks, job=Job("numbers", build), merge=_append, engine="dask", seconds_per_item=1e9)


def _stage(total: int, build: Any = _multiplier) -> Stage:
    return Stage("walk", partial(_numbers, total=total, build=build))


def _stored(index: Index) -> list[int]:
    return [int(n) for n in read_table(index.read(), "numbers").get("n", ())]


def test_results_are_merged_in_the_order_of_the_tasks(index: Index, tmp_path: Path, engines: Engines) -> None:
    finished = _runner(index, tmp_path, engines).run(_stage(30))
    assert _stored(index) == list(range(30))
    assert (finished.steps, finished.items, finished.skipped) == (1, 30, 0)


def test_a_second_run_makes_no_commit(index: Index, tmp_path: Path, engines: Engines) -> None:
    runner = _runner(index, tmp_path, engines)
    runner.run(_stage(3))
    before = index.commit
    assert runner.run(_stage(3)).steps == 0
    assert index.commit == before


def test_checkpoints_hold_a_beginning_of_the_work(index: Index, tmp_path: Path, engines: Engines) -> None:
    _runner(index, tmp_path, engines, RESTLESS).run(_stage(9))
    assert _stored(index) == list(range(9))
    commits = [commit for commit in index.history() if commit.metadata.get("stage") == "walk"]
    assert {commit.metadata["kind"] for commit in commits} == {"checkpoint", "stage"}
    lengths = [len(read_table(Index(index.location, index._repository, c.id).read(), "numbers")["n"]) for c in commits]
    assert lengths == sorted(lengths, reverse=True)


def test_a_worker_process_that_lives_on_keeps_nothing_of_an_older_index(
    index: Index, tmp_path: Path, engines: Engines
) -> None:
    """The same job on the same long-lived workers, after the index has changed."""
    runner = _runner(index, tmp_path, engines)
    runner.run(_stage(4))
    transaction = index.begin()
    transaction.root.attrs["factor"] = 10
    transaction.commit("factor", {"kind": "layout"})
    runner.run(_stage(8))
    assert _stored(index) == [0, 1, 2, 3, 40, 50, 60, 70]


def _fail_at_five(root: zarr.Group) -> Any:
    def worker(root: zarr.Group, task: Block) -> int:
        if task.data == 5:
            raise RuntimeError("five is not to be had")
        return int(task.data)

    return worker


def test_a_task_that_fails_for_good_names_its_shard_and_stops_the_run(
    index: Index, tmp_path: Path, engines: Engines
) -> None:
    with pytest.raises(ShardError, match=r"number 5 failed 2 times.*five is not to be had"):
        _runner(index, tmp_path, engines).run(_stage(9, _fail_at_five))
    assert _stored(index) == []


def test_what_was_committed_before_a_failure_is_kept(index: Index, tmp_path: Path) -> None:
    with Engines(EngineChoice.parse("local"), Silent()) as engines, pytest.raises(ShardError):
        _runner(index, tmp_path, engines, RESTLESS).run(_stage(9, _fail_at_five))
    assert _stored(index) == [0, 1, 2, 3, 4]


def _refuse(root: zarr.Group) -> Any:
    raise StageError("the weights of this stage are not to be had")


def test_an_error_raised_on_purpose_is_neither_retried_nor_wrapped(
    index: Index, tmp_path: Path, engines: Engines
) -> None:
    with pytest.raises(StageError, match="the weights of this stage"):
        _runner(index, tmp_path, engines).run(_stage(3, _refuse))


def test_what_cannot_be_done_now_is_tried_once_more_and_then_left(index: Index, tmp_path: Path) -> None:
    def plan(context: Context) -> Plan | None:
        job = Job("numbers", _multiplier)
        return Plan(step="", tasks=[Block(2, "never done", 0)], job=job, skipped=lambda result: 2)

    with Engines(EngineChoice.parse("local"), Silent()) as engines:
        finished = _runner(index, tmp_path, engines).run(Stage("walk", plan))
    assert (finished.items, finished.skipped) == (0, 2)


def _double(number: int) -> int:
    return 2 * number


def _fails(number: int) -> int:
    raise RuntimeError(f"{number} is not to be had")


def _applied(root: zarr.Group) -> Any:
    return lambda root, task: task.data[0](task.data[1])


def _rounds(root: zarr.Group, map_tasks: MapTasks) -> int:
    """Three rounds over the workers, each with what the one before came to."""
    numbers: Sequence[int] = [1, 2, 3]
    for _ in range(3):
        numbers = map_tasks(_double, numbers)
    return sum(numbers)


def _driven(context: Context, *, drive: Any) -> Plan | None:
    if "numbers" in context.root:
        return None
    tasks = [Block(3, "three numbers")]
    return Plan(
        step="rounds",
        tasks=tasks,
        job=Job("rounds", _applied),
        merge=_append,
        engine="dask",
        seconds_per_item=1e9,
        drive=drive,
    )


def test_a_plan_that_drives_itself_sends_round_after_round(index: Index, tmp_path: Path, engines: Engines) -> None:
    finished = _runner(index, tmp_path, engines).run(Stage("walk", partial(_driven, drive=_rounds)))
    assert _stored(index) == [48]
    assert (finished.steps, finished.items) == (1, 3)
    metadata = index.history()[0].metadata
    assert (metadata["kind"], metadata["items"], metadata["step"]) == ("stage", 3, "rounds")
    assert sum(metadata["hosts"].values()) == 10  # nine tasks, and the driver's own part


def _burn(seconds: float) -> int:
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass
    return 1


def test_processor_time_of_a_round_in_this_process_counts_once(index: Index, tmp_path: Path) -> None:
    def drive(root: zarr.Group, map_tasks: MapTasks) -> int:
        return sum(map_tasks(_burn, [0.3, 0.3]))

    began = time.process_time()
    with Engines(EngineChoice.parse("local"), Silent()) as local:
        _runner(index, tmp_path, local).run(Stage("walk", partial(_driven, drive=drive)))
    spent = time.process_time() - began
    assert 0.6 <= index.history()[0].metadata["cpu_seconds"] <= spent


def test_a_task_of_a_round_that_fails_stops_the_run(index: Index, tmp_path: Path, engines: Engines) -> None:
    def drive(root: zarr.Group, map_tasks: MapTasks) -> int:
        return sum(map_tasks(_fails, [7]))

    with pytest.raises(ShardError, match="7 is not to be had"):
        _runner(index, tmp_path, engines).run(Stage("walk", partial(_driven, drive=drive)))
    assert "numbers" not in index.read()


def test_somebody_who_asks_to_stop_is_heard_between_two_rounds(index: Index, tmp_path: Path) -> None:
    stop = StopRequest()

    def drive(root: zarr.Group, map_tasks: MapTasks) -> int:
        found = map_tasks(_double, [1])
        stop.request()
        return sum(map_tasks(_double, found))

    with Engines(EngineChoice.parse("local"), Silent()) as engines:
        runner = Runner(index, Corpus(str(tmp_path)), QUICK, engines, Silent(), stop=stop)
        with pytest.raises(StoppedError, match="rounds"):
            runner.run(Stage("walk", partial(_driven, drive=drive)))
    assert "numbers" not in index.read()
