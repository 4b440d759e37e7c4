"""What a run tells the outside while it works: the terminal, the JSON log and the metrics are listeners of this."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run holds the index and begins; ``run`` names it in logs, commits and ``reports/runs/``."""

    run: str
    index: str
    corpus: str
    commit: str


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A step of a stage begins: ``items`` pictures or files in ``tasks`` pieces on ``engine``."""

    stage: str
    step: str
    items: int
    tasks: int
    engine: str


@dataclass(frozen=True, slots=True)
class TaskDone:
    """A piece of the current step is done: ``items`` in it, of which ``skipped`` came to nothing, in ``seconds``."""

    stage: str
    items: int
    skipped: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage is through; without ``steps`` nothing was missing.

    ``statuses`` counts what became of all files or pictures of the index, where the stage keeps such a record.
    Without ``steps``, ``waiting`` counts what is missing all the same, since an earlier stage has not made it.
    """

    stage: str
    steps: int
    items: int
    skipped: int
    seconds: float
    commit: str
    statuses: Mapping[str, int]
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class EngineOpened:
    """An engine is ready; ``dashboard`` is its address, if it has one."""

    engine: str
    workers: int
    dashboard: str | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a stage has done so far is committed."""

    stage: str
    commit: str


@dataclass(frozen=True, slots=True)
class EpochDone:
    """An epoch of a training is through: its losses, the second one on what is held out, if anything is."""

    stage: str
    name: str
    phase: str
    epoch: int
    train_loss: float
    test_loss: float | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence for people."""

    text: str


Event = RunStarted | EngineOpened | StageStarted | TaskDone | Checkpoint | EpochDone | StageFinished | Note


class Listener(Protocol):
    """Is told what happens."""

    def tell(self, event: Event) -> None:
        """Take notice of an event, and return at once."""


class Silent:
    """A listener that takes no notice."""

    def tell(self, event: Event) -> None:
        """Say nothing."""


class Several:
    """Tells several listeners, in their order."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def tell(self, event: Event) -> None:
        """Pass on."""
        for listener in self._listeners:
            listener.tell(event)


class Telling:
    """Turns events into one line on what is being done, such as ``embed, 320 of 1,000``, or a training's last epoch."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._stage = ""
        self._done = 0
        self._items = 0

    def tell(self, event: Event) -> None:
        """Count, and say how far it is."""
        match event:
            case StageStarted():
                self._stage = f"{event.stage} ({event.step})" if event.step else event.stage
                self._done, self._items = 0, event.items
            case TaskDone():
                self._done += event.items
            case EpochDone():
                self._say(f"{self._stage}, {epoch_text(event)}")
                return
            case _:
                return
        self._say(f"{self._stage}, {self._done:,} of {self._items:,}")


def epoch_text(event: EpochDone) -> str:
    """An epoch in a few words, such as ``epoch 7 of g, loss 0.2131 (held out 0.2287)``."""
    held_out = "" if event.test_loss is None else f" (held out {event.test_loss:.4g})"
    return f"epoch {event.epoch} of {event.phase}, loss {event.train_loss:.4g}{held_out}"


def new_run_id() -> str:
    """A name for a run: the time, so that names sort, and what sets two runs of one second apart."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + f"-{os.urandom(3).hex()}"
