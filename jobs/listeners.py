"""What a run says while it works: progress bars on a terminal, lines in a file, or lines of JSON."""

from types import TracebackType
from typing import Any, Protocol

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from jobs.terminal import console, log_event, name_run, print_line
from pipeline.progress import Listener, RunStarted, Silent, StageFinished, StageStarted, TaskDone


class ClosingListener(Listener, Protocol):
    """A listener that is opened and closed."""

    def __enter__(self) -> "ClosingListener": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_listener(*, quiet: bool, log_json: bool) -> ClosingListener:
    """The listener that the options ask for; with both of them it is the log."""
    if log_json:
        return JsonLog()
    if quiet:
        return Quiet()
    return Bars() if console.is_terminal else Lines()


class _Closing:
    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""


class Quiet(_Closing, Silent):
    """Says nothing but errors."""


class Lines(_Closing, Silent):
    """A line for each stage, and one for each checkpoint of a long stage."""

    def __init__(self) -> None:
        self._engines: dict[str, str] = {}
        self._done = 0
        self._items = 0

    def engine_opened(self, name: str, workers: int, dashboard: str | None) -> None:
        """Print the dashboard's address."""
        where = f"dashboard {dashboard}" if dashboard else "no dashboard"
        print_line(f"{name.capitalize()}: {workers} worker{'s' if workers != 1 else ''}, {where}", style="bold")

    def stage_started(self, started: StageStarted) -> None:
        """Remember what the stage's last line will tell."""
        if started.tasks:
            self._engines[started.stage] = started.engine
        self._done, self._items = 0, started.items

    def advanced(self, done: TaskDone) -> None:
        """Count."""
        self._done += done.items

    def checkpoint(self, stage: str, commit: str) -> None:
        """Print how far it is; this much is kept whatever happens."""
        print_line(f"      {stage:<12} {self._done:>9,} of {self._items:,} committed")

    def stage_finished(self, finished: StageFinished) -> None:
        """Print what was done."""
        engine = self._engines.pop(finished.stage, "")
        done = f"{finished.items:>9,}  {finished.seconds:>7.1f} s  {engine}" if finished.steps else "up to date"
        console.print("[green]done[/]  ", end="")
        print_line(f"{finished.stage:<12} {done}")
        if finished.skipped:
            self.note(f"      {finished.skipped:,} could not be done now; the next run tries again")

    def note(self, text: str) -> None:
        """Print a sentence."""
        print_line(text, style="yellow")


class Bars(Lines):
    """The same, and below it a progress bar for the step that is being done."""

    def __init__(self) -> None:
        super().__init__()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the bar that an error left."""
        self._remove()

    def stage_started(self, started: StageStarted) -> None:
        """Begin a bar."""
        super().stage_started(started)
        self._remove()
        step = f" ({started.step})" if started.step else ""
        self._progress.start()
        self._task = self._progress.add_task(f"{started.stage}{step}", total=started.items)

    def advanced(self, done: TaskDone) -> None:
        """Move the bar."""
        super().advanced(done)
        if self._task is not None:
            self._progress.advance(self._task, done.items)

    def checkpoint(self, stage: str, commit: str) -> None:
        """The bar tells already how far it is."""

    def stage_finished(self, finished: StageFinished) -> None:
        """Replace the bar by a line."""
        self._remove()
        super().stage_finished(finished)

    def _remove(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._progress.stop()
            self._task = None


class JsonLog(_Closing):
    """A line of JSON on standard error for each event."""

    def run_started(self, started: RunStarted) -> None:
        """From here on each line bears the run's id."""
        name_run(started.run)
        log_event("run_started", index=started.index, corpus=started.corpus, commit=started.commit)

    def engine_opened(self, name: str, workers: int, dashboard: str | None) -> None:
        """An engine is ready."""
        log_event("engine_opened", engine=name, workers=workers, dashboard=dashboard)

    def stage_started(self, started: StageStarted) -> None:
        """A step begins."""
        log_event(
            "stage_started",
            stage=started.stage,
            step=started.step,
            items=started.items,
            tasks=started.tasks,
            engine=started.engine,
        )

    def advanced(self, done: TaskDone) -> None:
        """A piece is done."""
        log_event("advanced", stage=done.stage, items=done.items, skipped=done.skipped, seconds=round(done.seconds, 3))

    def checkpoint(self, stage: str, commit: str) -> None:
        """What was done so far is committed."""
        log_event("checkpoint", stage=stage, commit=commit)

    def stage_finished(self, finished: StageFinished) -> None:
        """A stage is through."""
        log_event(
            "stage_finished",
            stage=finished.stage,
            steps=finished.steps,
            items=finished.items,
            skipped=finished.skipped,
            seconds=round(finished.seconds, 3),
            commit=finished.commit,
            statuses=dict(finished.statuses),
        )

    def note(self, text: str) -> None:
        """A sentence for people."""
        log_event("note", text=text)
