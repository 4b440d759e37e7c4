"""Map with progress: the same results on every engine, told as it goes, with errors that say what to do."""

import errno
from collections.abc import Iterator, Sequence

import pytest

from pipeline.engine import EngineChoice, Engines
from pipeline.errors import ShardError, StorageError
from pipeline.progress import Event, Silent, StageFinished, StageStarted, TaskDone
from pipeline.runtime.map_blocks import Errand, map_blocks

DOUBLING = Errand("double", "Doubling", per_task=3, seconds_per_item=1e9, retries=1, commit="C", step="twice")


class Heard:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        self.events.append(event)


@pytest.fixture(params=["local", "cluster"])
def engines(request: pytest.FixtureRequest, cluster: Engines) -> Iterator[Engines]:
    if request.param == "cluster":
        yield cluster
    else:
        with Engines(EngineChoice.parse("local"), Silent()) as opened:
            yield opened


def _double(numbers: Sequence[int]) -> list[int]:
    return [2 * number for number in numbers if number != 4]


def _refuse(numbers: Sequence[int]) -> None:
    raise ValueError(f"no {numbers[0]}")


def _fill(numbers: Sequence[int]) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_results_come_in_the_order_of_the_things_and_are_told(engines: Engines) -> None:
    heard = Heard()
    found = map_blocks(
        _double, range(8), DOUBLING, engines=engines, listener=heard, skipped=lambda block: len(block) == 2
    )
    assert found == [[0, 2, 4], [6, 10], [12, 14]]
    first, *middle, last = heard.events
    assert isinstance(first, StageStarted)
    assert (first.stage, first.step, first.items, first.tasks) == ("double", "twice", 8, 3)
    assert sorted((event.items, event.skipped) for event in middle if isinstance(event, TaskDone)) == [
        (2, 1), (3, 0), (3, 1),
    ]  # fmt: skip
    assert isinstance(last, StageFinished)
    assert (last.items, last.skipped, last.commit) == (6, 2, "C")


def test_nothing_to_do_is_told_as_well() -> None:
    heard = Heard()
    with Engines(EngineChoice.parse("local"), Silent()) as engines:
        assert map_blocks(_double, [], DOUBLING, engines=engines, listener=heard) == []
    assert [type(event) for event in heard.events] == [StageStarted, StageFinished]


def test_errors_say_what_was_being_done_and_what_to_do() -> None:
    with Engines(EngineChoice.parse("local"), Silent()) as engines:
        with pytest.raises(ShardError, match=r"Doubling failed 2 times: .*no 0.* Run the same command again"):
            map_blocks(_refuse, [0], DOUBLING, engines=engines, listener=Silent())
        with pytest.raises(StorageError, match="Doubling failed: the disk is full"):
            map_blocks(_fill, [0], DOUBLING, engines=engines, listener=Silent())
