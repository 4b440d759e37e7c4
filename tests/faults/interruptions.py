"""Ctrl-C at any moment of a run, seeded: no word but our own, nothing lost.

    python -m tests.faults.interruptions --times 40

Each time a new process begins a small run on a new index, and the whole group gets SIGINT, as from a terminal, at a
moment drawn from the time that a quiet run takes. It may say no more than that it was interrupted, and end with 130, or
with 0 where all was done; the same command then ends with 0, and the arrays are the quiet run's. What Python says
before it has come to semcorpus is counted apart.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.nursery import ROOT
from tests.faults.world import DONE, SETTINGS, write_corpus
from tests.stored import differing_arrays

INTERRUPTED = 130
_OURS = "semcorpus: Interrupted. What was committed is kept; run the same command again to go on."
_LONGEST_SECONDS = 300
DOCUMENTED = (
    "interrupted",
    "interrupted while importing",
    "done",
    "before semcorpus",
    "before or after semcorpus",
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How an interrupted run ended: its exit status, and what it said on standard error."""

    status: int
    said: str

    @property
    def verdict(self) -> str:
        """One of `DOCUMENTED`; otherwise what is wrong with it."""
        if "Traceback" in self.said and not any(f'"{ROOT}/{folder}/' in self.said for folder in ("jobs", "pipeline")):
            return "before semcorpus"
        for word in ("panicked", "Traceback", "defect of semcorpus", "Exception ignored"):
            if word in self.said:
                return word
        words = " ".join(self.said.split())
        if self.status == INTERRUPTED and words in (_OURS, ""):
            return "interrupted" if words else "interrupted while importing"
        if self.status == -signal.SIGINT and not words:
            return "before or after semcorpus"
        if self.status == DONE and not words:
            return "done"
        return f"status {self.status}"


class Interruptions:
    """A corpus, the quiet run's index of it, and how long that run took."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._corpus = write_corpus(folder / "corpus")
        self._run("warm")  # compiled loops are loaded from the disk's cache from here on
        began = time.monotonic()
        self._run("quiet")
        self.seconds = time.monotonic() - began

    def interrupt(self, name: str, after: float) -> Ended:
        """A run on a new index, interrupted so many seconds after its start, and finished by another.

        Raises
        ------
        AssertionError
            The second run fails, or the index is not the quiet run's.
        """
        process = self._start(name)
        time.sleep(after)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=_LONGEST_SECONDS)
        ended = Ended(process.returncode, said)
        self._run(name)
        assert not (differing := differing_arrays(self._folder / name, self._folder / "quiet")), differing
        return ended

    def _run(self, name: str) -> None:
        process = self._start(name)
        _, said = process.communicate(timeout=_LONGEST_SECONDS)
        assert process.returncode == DONE, said

    def _start(self, name: str) -> "subprocess.Popen[str]":
        settings = [word for assignment in SETTINGS for word in ("--set", assignment)]
        words = ["run", str(self._corpus), str(self._folder / name), "--engines", "local", "--quiet", *settings]
        return subprocess.Popen(
            [sys.executable, "-m", "jobs", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Interrupt, print how each ended and how often, and return 1 if one did not end as documented."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    chance = random.Random(chosen.seed)
    verdicts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="semcorpus-interruptions-") as folder:
        tried = Interruptions(Path(folder))
        print(f"a quiet run takes {tried.seconds:.1f} s", flush=True)
        for number in range(chosen.times):
            after = chance.random() * tried.seconds
            ended = tried.interrupt(str(number), after)
            verdicts[ended.verdict] += 1
            print(f"{number:>3}  after {after:6.2f} s  {ended.verdict}", flush=True)
            if ended.verdict not in DOCUMENTED:
                print(ended.said, flush=True)
    print(", ".join(f"{verdict}: {count}" for verdict, count in verdicts.most_common()))
    return int(not verdicts.keys() <= set(DOCUMENTED))


if __name__ == "__main__":
    sys.exit(main())
