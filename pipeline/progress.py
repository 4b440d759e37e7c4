"""What a run tells the outside while it works; the terminal and the JSON log are two listeners of this."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A step of a stage begins: ``items`` pictures or files in ``tasks`` pieces on ``engine``."""

    stage: str
    step: str
    items: int
    tasks: int
    engine: str


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage is through; without ``steps`` nothing was missing."""

    stage: str
    steps: int
    items: int
    skipped: int
    seconds: float
    commit: str


class Listener(Protocol):
    """Receives what happens; every method returns at once."""

    def engine_opened(self, name: str, workers: int, dashboard: str | None) -> None:
        """An engine is ready."""

    def stage_started(self, started: StageStarted) -> None:
        """A step of a stage begins."""

    def advanced(self, items: int) -> None:
        """So many more pictures or files of the current step are done."""

    def checkpoint(self, stage: str, commit: str) -> None:
        """What was done so far is committed."""

    def stage_finished(self, finished: StageFinished) -> None:
        """A stage is through."""

    def note(self, text: str) -> None:
        """One sentence for people."""


class Silent:
    """A listener that says nothing."""

    def engine_opened(self, name: str, workers: int, dashboard: str | None) -> None:
        """Say nothing."""

    def stage_started(self, started: StageStarted) -> None:
        """Say nothing."""

    def advanced(self, items: int) -> None:
        """Say nothing."""

    def checkpoint(self, stage: str, commit: str) -> None:
        """Say nothing."""

    def stage_finished(self, finished: StageFinished) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""
