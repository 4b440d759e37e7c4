"""What a run says while it works: progress bars on a terminal, lines in a file, or lines of JSON."""

from dataclasses import asdict
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
from pipeline.progress import (
    Checkpoint,
    EngineOpened,
    EpochDone,
    Event,
    Listener,
    Note,
    RunStarted,
    Silent,
    StageFinished,
    StageStarted,
    TaskDone,
    epoch_text,
)


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


class Lines(_Closing):
    """A line for each stage, for each checkpoint of a long stage, and for the last of epochs that are told together."""

    def __init__(self) -> None:
        self._engines: dict[str, str] = {}
        self._done = 0
        self._items = 0
        self._epoch: EpochDone | None = None

    def tell(self, event: Event) -> None:
        """Print what the event says, or remember it for the stage's last line."""
        if self._epoch is not None and not isinstance(event, EpochDone):
            print_line(f"      {self._epoch.name:<12} {epoch_text(self._epoch)}")
            self._epoch = None
        match event:
            case EngineOpened():
                where = f"dashboard {event.dashboard}" if event.dashboard else "no dashboard"
                workers = f"{event.workers} worker{'s' if event.workers != 1 else ''}"
                print_line(f"{event.engine.capitalize()}: {workers}, {where}", style="bold")
            case StageStarted():
                if event.tasks:
                    self._engines[event.stage] = event.engine
                self._done, self._items = 0, event.items
            case TaskDone():
                self._done += event.items
            case Checkpoint():
                self._committed(event)
            case EpochDone():
                self._epoch = event
            case StageFinished():
                self._finished(event)
            case Note():
                print_line(event.text, style="yellow")
            case _:
                pass

    def _committed(self, event: Checkpoint) -> None:
        """Print how far it is; this much is kept whatever happens."""
        print_line(f"      {event.stage:<12} {self._done:>9,} of {self._items:,} committed")

    def _finished(self, finished: StageFinished) -> None:
        """Print what was done."""
        engine = self._engines.pop(finished.stage, "")
        done = f"{finished.items:>9,}  {finished.seconds:>7.1f} s  {engine}" if finished.steps else "up to date"
        if finished.waiting:
            console.print("[yellow]waits[/] ", end="")
            done = f"{finished.waiting:>9,}  need what an earlier stage has not made"
        else:
            console.print("[green]done[/]  ", end="")
        print_line(f"{finished.stage:<12} {done}")
        if finished.skipped:
            print_line(f"      {finished.skipped:,} could not be done now; the next run tries again", style="yellow")


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

    def tell(self, event: Event) -> None:
        """Move the bar; a line is printed where it is not in the bar's way."""
        if isinstance(event, StageStarted):
            self._begin(event)
        elif isinstance(event, TaskDone) and self._task is not None:
            self._progress.advance(self._task, event.items)
        elif isinstance(event, EpochDone) and self._task is not None:
            self._progress.update(self._task, description=f"{event.name}: {epoch_text(event)}")
            return
        elif isinstance(event, StageFinished):
            self._remove()
        super().tell(event)

    def _committed(self, event: Checkpoint) -> None:
        """The bar tells already how far it is."""

    def _begin(self, started: StageStarted) -> None:
        self._remove()
        step = f" ({started.step})" if started.step else ""
        self._progress.start()
        self._task = self._progress.add_task(f"{started.stage}{step}", total=started.items)

    def _remove(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._progress.stop()
            self._task = None


class JsonLog(_Closing):
    """A line of JSON on standard error for each event."""

    def tell(self, event: Event) -> None:
        """Write the line; from the run's start on each bears the run's id."""
        if isinstance(event, RunStarted):
            name_run(event.run)
        fields = asdict(event)
        if "seconds" in fields:
            fields["seconds"] = round(fields["seconds"], 3)
        log_event(_NAMES[type(event)], **fields)


_NAMES: dict[type[Event], str] = {
    RunStarted: "run_started",
    EngineOpened: "engine_opened",
    StageStarted: "stage_started",
    TaskDone: "advanced",
    Checkpoint: "checkpoint",
    EpochDone: "epoch",
    StageFinished: "stage_finished",
    Note: "note",
}
