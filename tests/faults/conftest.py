"""The quiet world, shared by all cases, and the table of what has happened to them."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.nursery import Nursery, nursery
from tests.faults.world import World, quiet_world

OUTCOMES = ("survived", "lost", "wrong", "hung")

# One JSON line a case, of several runs if the environment names a file for them.
_RECORD = os.environ.get("SEMCORPUS_FAULTS_RECORD")
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


def note(kind: str, seed: int, outcome: str, seconds: float) -> None:
    """Remember how a case has ended."""
    _happened[kind].append((outcome, seconds))
    if _RECORD:
        with Path(_RECORD).open("a") as stream:
            print(json.dumps({"kind": kind, "seed": seed, "outcome": outcome, "seconds": seconds}), file=stream)


def _recorded() -> dict[str, list[tuple[str, float]]]:
    """What this run and those before it have recorded, or this run alone; of a case that was run again the last."""
    if not _RECORD:
        return _happened
    cases = [json.loads(line) for line in Path(_RECORD).read_text().splitlines()]
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for case in {(case["kind"], case["seed"]): case for case in cases}.values():
        found[case["kind"]].append((case["outcome"], case["seconds"]))
    return found


def table() -> list[str]:
    """What has happened by kind, in Markdown."""
    lines = [f"| kind | injected | {' | '.join(OUTCOMES)} | s to recover (median, most) |", "|---|" + "---|" * 6]
    total = [0] * (len(OUTCOMES) + 1)
    for kind, ended in sorted(_recorded().items()):
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
