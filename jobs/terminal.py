"""What people see: progress bars, notes, tables and errors in the terminal; or the same as lines of JSON."""

import json
import os
import sys
import time
from types import TracebackType
from typing import Any, Protocol

from rich.console import Console
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
from rich.table import Table

from pipeline.progress import Listener, Silent, StageFinished, StageStarted

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def print_error(text: str) -> None:
    """One readable paragraph on standard error."""
    errors.print("[bold red]semcorpus:[/] ", end="")
    errors.print(text, markup=False, soft_wrap=not errors.is_terminal)


def print_rows(rows: list[tuple[str, str]], *, title: str | None = None) -> None:
    """Names and values in two columns."""
    table = Table(title=title, title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    for name, value in rows:
        table.add_row(_plain(name), _plain(value))
    console.print(table)


def print_table(columns: list[str], rows: list[list[str]], *, right: frozenset[str] = frozenset()) -> None:
    """A table with a heading; columns named in ``right`` are aligned to the right."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    console.print(table)


def print_json(value: Any) -> None:
    """A machine's answer on standard output."""
    sys.stdout.write(json.dumps(value, indent=1, default=str, ensure_ascii=False) + "\n")


def _plain(text: str) -> Any:
    """Text that is shown as it is: names of files may hold what looks like markup or control characters."""
    from rich.text import Text

    return Text("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text))


class ClosingListener(Listener, Protocol):
    """A listener that is opened and closed."""

    def __enter__(self) -> "ClosingListener": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_listener(*, quiet: bool, log_json: bool) -> ClosingListener:
    """The listener that the options ask for."""
    if log_json:
        return JsonLog()
    return Quiet() if quiet else Bars()


class _Closing:
    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""


class Quiet(_Closing, Silent):
    """Says nothing but errors."""


class Bars(_Closing):
    """A progress bar a step, with what is done above it."""

    def __init__(self) -> None:
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
        self._engines: dict[str, str] = {}

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def engine_opened(self, name: str, workers: int, dashboard: str | None) -> None:
        """Print the dashboard's address."""
        where = f"dashboard {dashboard}" if dashboard else "no dashboard"
        console.print(f"[bold]{name.capitalize()}[/]: {workers} workers, {where}")

    def stage_started(self, started: StageStarted) -> None:
        """Begin a bar."""
        self._remove()
        step = f" ({started.step})" if started.step else ""
        if started.tasks:
            self._engines[started.stage] = started.engine
        self._task = self._progress.add_task(f"{started.stage}{step}", total=started.items)

    def advanced(self, items: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._progress.advance(self._task, items)

    def checkpoint(self, stage: str, commit: str) -> None:
        """Checkpoints need no line of their own."""

    def stage_finished(self, finished: StageFinished) -> None:
        """Replace the bar by a line."""
        self._remove()
        engine = self._engines.pop(finished.stage, "")
        text = f"{finished.items:>9,}  {finished.seconds:>7.1f} s  {engine}" if finished.steps else "up to date"
        left = (
            f"  [yellow]{finished.skipped} could not be done now; the next run tries again[/]"
            if finished.skipped
            else ""
        )
        console.print(f"[green]done[/]  {finished.stage:<12} {text}{left}")

    def note(self, text: str) -> None:
        """Print a sentence."""
        console.print(_plain(text), style="yellow")

    def _remove(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


class JsonLog(_Closing):
    """A line of JSON on standard error for each event."""

    def __init__(self) -> None:
        self._run = f"{os.getpid()}-{int(time.time())}"

    def _log(self, event: str, **values: Any) -> None:
        line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "run": self._run, "event": event, **values}
        sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stderr.flush()

    def engine_opened(self, name: str, workers: int, dashboard: str | None) -> None:
        """An engine is ready."""
        self._log("engine_opened", engine=name, workers=workers, dashboard=dashboard)

    def stage_started(self, started: StageStarted) -> None:
        """A step begins."""
        self._log(
            "stage_started",
            stage=started.stage,
            step=started.step,
            items=started.items,
            tasks=started.tasks,
            engine=started.engine,
        )

    def advanced(self, items: int) -> None:
        """So many more are done."""
        self._log("advanced", items=items)

    def checkpoint(self, stage: str, commit: str) -> None:
        """What was done so far is committed."""
        self._log("checkpoint", stage=stage, commit=commit)

    def stage_finished(self, finished: StageFinished) -> None:
        """A stage is through."""
        self._log(
            "stage_finished",
            stage=finished.stage,
            steps=finished.steps,
            items=finished.items,
            skipped=finished.skipped,
            seconds=round(finished.seconds, 3),
            commit=finished.commit,
        )

    def note(self, text: str) -> None:
        """A sentence for people."""
        self._log("note", text=text)
