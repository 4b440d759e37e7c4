"""The quiet world, shared by all cases, and the table of what has happened to them."""

from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.faults.nursery import Nursery, nursery
from tests.faults.world import World, quiet_world

OUTCOMES = ("survived", "lost", "wrong", "hung")

_happened: dict[str, list[tuple[str, float]]] = defaultdict(list)


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Starts commands with the shim."""
    with nursery(tmp_path_factory.mktemp("nursery")) as made:
        yield made


@pytest.fixture(scope="session")
def quiet(forks: Nursery, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which nothing goes wrong. Read only."""
    return quiet_world(forks, tmp_path_factory.mktemp("quiet"))


def note(kind: str, outcome: str, seconds: float) -> None:
    """Remember how a case has ended."""
    _happened[kind].append((outcome, seconds))


def table() -> list[str]:
    """What has happened by kind, in Markdown."""
    lines = [f"| kind | injected | {' | '.join(OUTCOMES)} | s to recover (median, most) |", "|---|" + "---|" * 6]
    total = [0] * (len(OUTCOMES) + 1)
    for kind, ended in _happened.items():
        counts = [len(ended), *(sum(how == outcome for how, _ in ended) for outcome in OUTCOMES)]
        total = [a + b for a, b in zip(total, counts, strict=True)]
        seconds = sorted(taken for how, taken in ended if how == "survived") or [0.0]
        times = f"{seconds[len(seconds) // 2]:.1f}, {seconds[-1]:.1f}"
        lines.append(f"| {kind} | {' | '.join(map(str, counts))} | {times} |")
    return [*lines, f"| all | {' | '.join(map(str, total))} | |"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _happened:
        terminalreporter.section("faults")
        for line in table():
            terminalreporter.write_line(line)
