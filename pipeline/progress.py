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
    """

    stage: str
    steps: int
    items: int
    skipped: int
    seconds: float
    commit: str
    statuses: Mapping[str, int]


class Listener(Protocol):
    """Receives what happens; every method returns at once."""

    def run_started(self, started: RunStarted) -> None:
        """A run begins."""

    def engine_opened(self, name: str, workers: int, dashboard: str | None) -> None:
        """An engine is ready."""

    def stage_started(self, started: StageStarted) -> None:
        """A step of a stage begins."""

    def advanced(self, done: TaskDone) -> None:
        """A piece of the current step is done."""

    def checkpoint(self, stage: str, commit: str) -> None:
        """What was done so far is committed."""

    def stage_finished(self, finished: StageFinished) -> None:
        """A stage is through."""

    def note(self, text: str) -> None:
        """One sentence for people."""


class Silent:
    """A listener that says nothing; what listeners that care for a few events only derive from."""

    def run_started(self, started: RunStarted) -> None:
        """Say nothing."""

    def engine_opened(self, name: str, workers: int, dashboard: str | None) -> None:
        """Say nothing."""

    def stage_started(self, started: StageStarted) -> None:
        """Say nothing."""

    def advanced(self, done: TaskDone) -> None:
        """Say nothing."""

    def checkpoint(self, stage: str, commit: str) -> None:
        """Say nothing."""

    def stage_finished(self, finished: StageFinished) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


class Several:
    """Tells several listeners, in their order."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def run_started(self, started: RunStarted) -> None:
        """Pass on."""
        for listener in self._listeners:
            listener.run_started(started)

    def engine_opened(self, name: str, workers: int, dashboard: str | None) -> None:
        """Pass on."""
        for listener in self._listeners:
            listener.engine_opened(name, workers, dashboard)

    def stage_started(self, started: StageStarted) -> None:
        """Pass on."""
        for listener in self._listeners:
            listener.stage_started(started)

    def advanced(self, done: TaskDone) -> None:
        """Pass on."""
        for listener in self._listeners:
            listener.advanced(done)

    def checkpoint(self, stage: str, commit: str) -> None:
        """Pass on."""
        for listener in self._listeners:
            listener.checkpoint(stage, commit)

    def stage_finished(self, finished: StageFinished) -> None:
        """Pass on."""
        for listener in self._listeners:
            listener.stage_finished(finished)

    def note(self, text: str) -> None:
        """Pass on."""
        for listener in self._listeners:
            listener.note(text)


class Telling(Silent):
    """Turns events into one line on what is being done, such as ``embed, 320 of 1,000``."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._stage = ""
        self._done = 0
        self._items = 0

    def stage_started(self, started: StageStarted) -> None:
        """A step begins."""
        self._stage = f"{started.stage} ({started.step})" if started.step else started.stage
        self._done, self._items = 0, started.items
        self._say()

    def advanced(self, done: TaskDone) -> None:
        """Count."""
        self._done += done.items
        self._say()

    def _say(self) -> None:
        self._tell(f"{self._stage}, {self._done:,} of {self._items:,}")


def new_run_id() -> str:
    """A name for a run: the time, so that names sort, and what sets two runs of one second apart."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + f"-{os.urandom(3).hex()}"
