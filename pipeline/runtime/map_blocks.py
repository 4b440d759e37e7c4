"""Map with progress: a function over many things on an engine, for what is no stage and leaves the store as it is."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.engine import Engines, WorkFailedError
from pipeline.errors import ShardError, StorageError
from pipeline.progress import Listener, StageFinished, StageStarted, TaskDone
from pipeline.storage.failures import is_disk_full

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be done with the things, in words and figures.

    Attributes
    ----------
    name, step : str
        What listeners call it: ``export`` and ``pairs``.
    doing : str
        The same as the beginning of a sentence, for errors: ``Writing pictures into /tmp/out``.
    per_task : int
        Things that travel together to a worker.
    seconds_per_item : float
        Rough cost on one core; decides only whether opening an engine is worth it.
    retries : int
        How often a block that failed is tried again.
    commit : str
        The index' commit that it reads.
    """

    name: str
    doing: str
    per_task: int
    seconds_per_item: float
    retries: int
    commit: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class _Block(Generic[Item]):
    number: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class _OnBlock(Generic[Item, Result]):
    """Takes a block's number along, since engines return results in any order."""

    function: Callable[[Sequence[Item]], Result]

    def __call__(self, block: _Block[Item]) -> tuple[int, Result, float]:
        began = time.monotonic()
        return block.number, self.function(block.items), time.monotonic() - began


def map_blocks(
    function: Callable[[Sequence[Item]], Result],
    items: Iterable[Item],
    errand: Errand,
    *,
    engines: Engines,
    listener: Listener,
    skipped: Callable[[Result], int] = lambda result: 0,
) -> list[Result]:
    """Call a picklable function with one block of things after the other, wherever the work is best done.

    Parameters
    ----------
    function : callable
        Gets the things of a block, at least one. A block that fails is done again from its beginning.
    items : iterable
        The things, picklable.
    errand : Errand
    engines, listener
        Where it is done, and who is told of its begin, of each block and of its end.
    skipped : callable
        Of a block's result: how many of its things came to nothing.

    Returns
    -------
    list
        The blocks' results, in the order of the things whatever the engine.

    Raises
    ------
    StorageError
        The disk is full.
    ShardError
        A block failed after its retries.
    """
    things = tuple(items)
    cuts = range(0, len(things), errand.per_task)
    blocks = [_Block(number, things[start : start + errand.per_task]) for number, start in enumerate(cuts)]
    engine = engines.pick("dask", seconds=len(things) * errand.seconds_per_item)
    listener.tell(StageStarted(errand.name, errand.step, len(things), len(blocks), engine.name))
    began, nothing = time.monotonic(), 0
    results: dict[int, Result] = {}
    try:
        for number, result, seconds in engine.map(_OnBlock(function), blocks, retries=errand.retries):
            results[number] = result
            nothing += skipped(result)
            listener.tell(TaskDone(errand.name, len(blocks[number].items), skipped(result), seconds))
    except WorkFailedError as error:
        raise _explained(error, errand) from error
    seconds = time.monotonic() - began
    listener.tell(StageFinished(errand.name, 1, len(things) - nothing, nothing, seconds, errand.commit, {}))
    return [results[number] for number in range(len(blocks))]


def _explained(error: WorkFailedError, errand: Errand) -> ShardError | StorageError:
    if is_disk_full(error):
        return StorageError(f"{errand.doing} failed: the disk is full. Make room and run the same command again.")
    return ShardError(
        f"{errand.doing} failed {errand.retries + 1} times: {error}. Run the same command again, with --debug to see "
        "the traceback."
    )
