"""Printing for people and machines: sentences, tables and errors, or the same as JSON."""

import json
import os
import time

import click
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

_ENDLESS = 100_000  # columns: output that is not read on a terminal is never wrapped
_NARROWEST = 24  # columns that the last column of a table has at least, on however narrow a terminal

# Characters of a commit's id that are shown to people.
SHORT_COMMIT = 8

_run_ids = [""]  # the newest run of this process last


def print_line(text: str, *, style: str | None = None) -> None:
    """A sentence, a path or a number exactly as it is: without markup, and never wrapped."""
    console.print(_plain(text), style=style, soft_wrap=True)


def print_error(text: str) -> None:
    """One readable paragraph on standard error."""
    errors.print("[bold red]semcorpus:[/] ", end="")
    errors.print(_plain(text), soft_wrap=True)


def log_error(text: str, status: int) -> None:
    """The same as a line of JSON."""
    log_event("error", message=text, exit_status=status)


def print_rows(rows: list[tuple[str, str]]) -> None:
    """Names and values in two columns."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(_plain(name), _plain(value))
    _print_table(table)


def print_table(columns: list[str], rows: list[list[str]], *, right: frozenset[str] = frozenset()) -> None:
    """A table with a heading; columns named in ``right`` are aligned to the right, and only the last one is wrapped."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    needed = 0
    for column, *cells in zip(columns, *rows, strict=True):
        last = column == columns[-1]
        longest = max(map(cell_len, (column, *cells)))
        needed += min(longest, _NARROWEST) if last else longest + 2
        justify: JustifyMethod = "right" if column in right else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=not last)
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    _print_table(table, needed)


def _print_table(table: Table, needed: int = 0) -> None:
    """Print a table at least ``needed`` wide, and to files without the spaces that would fill its last column."""
    if console.is_terminal:
        Console(highlight=False, width=max(needed, console.width)).print(table)
        return
    wide = Console(highlight=False, width=_ENDLESS)
    with wide.capture() as captured:
        wide.print(table)
    for line in captured.get().splitlines():
        print_line(line.rstrip())


def print_json(value: object) -> None:
    """A machine's answer on standard output."""
    click.echo(_json(value, indent=1))


def _plain(text: str) -> Text:
    """Text that is shown as it is: names of files may hold what looks like markup or control characters."""
    return Text("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text))


def name_run(run: str) -> None:
    """Name the run in all lines of the log that follow."""
    _run_ids.append(run)


def log_event(event: str, **values: object) -> None:
    """A line of JSON on standard error; ``run`` is the run's id, empty before it has the index."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"time": now, "run": _run_ids[-1], "process": os.getpid(), "event": event, **values}
    click.echo(_json(line), err=True)


def _json(value: object, indent: int | None = None) -> str:
    """JSON in which text is readable, and what a terminal might obey is escaped: C1 controls as well as C0 ones."""
    text = json.dumps(value, indent=indent, default=str, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
