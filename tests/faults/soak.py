"""Hours of runs, changes, kills and queries on one growing corpus, seeded: memory and file counts have to stay flat.

    make soak MINUTES=60

A round changes the corpus (new pictures, some rewritten, renamed, removed), runs (one run in three is killed with
SIGKILL at some event), and asks. Every tenth round ends with a run to its end, `verify`, and the deletion of all old
commits; then files, bytes and memory are counted. In the end a quiet index is made of the same corpus: both have to say
the same of every file. Figures are printed as lines of JSON and drawn.
"""

import argparse
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import psutil
from matplotlib.figure import Figure

from pipeline.index.store import open_index
from pipeline.operations.verification import verify_index
from tests.faults.nursery import Command, Nursery, nursery
from tests.faults.processes import advanced, when
from tests.faults.world import DONE, LostError, WrongError, check_words, told
from tests.stored import stored_arrays

_SETTINGS = (
    'run.stages=["walk", "pair", "pixels", "report"]',
    "pixels.size=32",
    "pixels.crop_bar=false",
    "index.shard_rows=32",
    "run.checkpoint_seconds=0.5",
)
_FIRST_PICTURES = 20
_COUNTED_EVERY = 10
_KILLED = 1 / 3


@dataclass(frozen=True, slots=True)
class Sample:
    """What was counted after some rounds.

    Attributes
    ----------
    minutes : float
        Since the beginning.
    rounds, kills, pictures : int
        So far; pictures in the corpus now.
    run_bytes : int
        Most that a run since the last sample held.
    asker_bytes : int
        What this process holds, which has opened and read the index after every round.
    files, bytes : int
        In the index, after its old commits were deleted.
    left_files : int
        In the folder for temporary files, which no run may fill.
    """

    minutes: float
    rounds: int
    kills: int
    pictures: int
    run_bytes: int
    asker_bytes: int
    files: int
    bytes: int
    left_files: int


@dataclass
class Soak:
    """The corpus, its index, and what has been counted."""

    folder: Path
    forks: Nursery
    chance: random.Random
    began: float = field(default_factory=time.monotonic)
    rounds: int = 0
    kills: int = 0
    named: int = 0
    run_bytes: int = 0
    samples: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("corpus", "temporary"):
            (self.folder / name).mkdir()
        for _ in range(_FIRST_PICTURES):
            self._new_picture()

    @property
    def corpus(self) -> Path:
        """The folder that grows."""
        return self.folder / "corpus"

    def pictures(self) -> list[Path]:
        """Its files, in the order of their names."""
        return sorted(self.corpus.iterdir())

    def _new_picture(self) -> None:
        self.named += 1
        self._draw(self.corpus / f"{self.named:06d}.png")

    def _draw(self, path: Path) -> None:
        noise = np.random.default_rng(self.chance.getrandbits(32)).integers(0, 255, (12, 16)).astype(np.uint8)
        cv2.imwrite(str(path), cv2.resize(noise, (128, 96), interpolation=cv2.INTER_CUBIC))

    def change(self) -> None:
        """A few files come; now and then one is drawn anew, renamed or removed."""
        for _ in range(self.chance.randint(1, 4)):
            self._new_picture()
        victim = self.chance.choice(self.pictures())
        match self.chance.randrange(6):
            case 0:
                self._draw(victim)
            case 1:
                victim.rename(victim.with_name(f"renamed-{self.rounds}-{victim.name}"))
            case 2:
                victim.unlink()

    def start(self, index: str) -> Command:
        """Begin a run."""
        settings = [word for assignment in _SETTINGS for word in ("--set", assignment)]
        words = ["run", str(self.corpus), str(self.folder / index), "--engines", "local", "--log-json", *settings]
        return self._start(*words, "--accept-removals")

    def _start(self, *words: str) -> Command:
        return self.forks.start(list(words), environment={"TMPDIR": str(self.folder / "temporary")})

    def run(self) -> None:
        """A run to its end."""
        command = self.start("index")
        while command.is_running():
            self.run_bytes = max(self.run_bytes, _held(command))
            time.sleep(0.02)
        if command.wait() != DONE:
            raise LostError(f"a run ends with {command.wait()}: {command.said()[-2000:]}")
        check_words(command)

    def kill(self) -> None:
        """A run that is killed a moment after it has told something."""
        command = self.start("index")
        when(command, advanced(command, self.chance.randint(0, 8)))
        time.sleep(self.chance.random() * 0.1)
        command.kill()
        command.wait()
        self.kills += 1

    def ask(self) -> None:
        """In a process of its own, and in this one."""
        index = str(self.folder / "index")
        for words in (("status", index), ("show", index, self.chance.choice(self.pictures()).name), ("history", index)):
            command = self._start(*words)
            if command.wait() not in (DONE, 1):  # a picture may not be known yet
                raise WrongError(f"{words}: {command.said()[-2000:]}")
            check_words(command)
        stored_arrays(index)

    def count(self) -> Sample:
        """Verify, delete old commits, count."""
        index = open_index(self.folder / "index")
        if problems := [finding.problem for finding in verify_index(index) if finding.problem]:
            raise WrongError(f"verify: {problems}")
        index.drop_history(datetime.now(UTC) + timedelta(days=1))
        files = [path for path in (self.folder / "index").rglob("*") if path.is_file()]
        left = [path for path in (self.folder / "temporary").rglob("*") if path.is_file()]
        sample = Sample(
            minutes=round((time.monotonic() - self.began) / 60, 2),
            rounds=self.rounds,
            kills=self.kills,
            pictures=len(self.pictures()),
            run_bytes=self.run_bytes,
            asker_bytes=psutil.Process().memory_info().rss,
            files=len(files),
            bytes=sum(path.stat().st_size for path in files),
            left_files=len(left),
        )
        self.run_bytes = 0
        self.samples.append(sample)
        return sample

    def go_on(self, minutes: float) -> None:
        """Rounds, until the time is up."""
        self.run()
        while time.monotonic() < self.began + minutes * 60:
            self.rounds += 1
            self.change()
            (self.kill if self.chance.random() < _KILLED else self.run)()
            self.ask()
            if self.rounds % _COUNTED_EVERY == 0:
                self.run()
                print(json.dumps(asdict(self.count())), flush=True)

    def compare(self) -> None:
        """With an index of the same corpus in which nothing has gone wrong."""
        self.run()
        quiet = self.start("quiet")
        if quiet.wait() != DONE:
            raise LostError(quiet.said()[-2000:])
        names = {path.name for path in self.pictures()}
        here, there = (told(stored_arrays(self.folder / name)) for name in ("index", "quiet"))
        if wrong := [name for name in names if here.get(name) != there.get(name)]:
            raise WrongError(f"not what a quiet index says: {wrong}")


def _held(command: Command) -> int:
    try:
        return int(command.process.memory_info().rss)
    except psutil.Error:
        return 0


def draw(samples: Sequence[Sample]) -> Figure:
    """Memory, files and bytes over the rounds."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    rounds = [sample.rounds for sample in samples]
    left.plot(rounds, [sample.run_bytes / 2**20 for sample in samples], marker=".", label="a run")
    left.plot(rounds, [sample.asker_bytes / 2**20 for sample in samples], marker=".", label="who reads all the time")
    left.set(title="Memory", ylabel="MiB", ylim=(0, None))
    left.legend()
    middle.plot(rounds, [sample.pictures for sample in samples], marker=".", label="in the corpus")
    middle.plot(rounds, [sample.files for sample in samples], marker=".", label="in the index")
    middle.plot(rounds, [sample.left_files for sample in samples], marker=".", label="left in the temporary folder")
    middle.set(title="Files", ylim=(0, None))
    middle.legend()
    right.plot(rounds, [sample.bytes / sample.pictures / 1024 for sample in samples], marker=".")
    right.set(title="Index", ylabel="KiB a picture", ylim=(0, None))
    for axes in (left, middle, right):
        axes.set_xlabel("round")
    last = samples[-1]
    figure.suptitle(f"{last.minutes:.0f} minutes: {last.rounds} rounds, {last.kills} runs killed")
    return figure


def soak(folder: Path, *, minutes: float, seed: int) -> list[Sample]:
    """Soak an index in a new folder for so long."""
    with nursery(folder) as forks:
        it = Soak(folder, forks, random.Random(seed))
        it.go_on(minutes)
        it.run()
        print(json.dumps(asdict(it.count())), flush=True)
        it.compare()
    return it.samples


def main(arguments: Sequence[str] | None = None) -> None:
    """Soak, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="where to draw it")
    chosen = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="semcorpus-soak-", dir=os.environ.get("TMPDIR")))
    samples = soak(folder, minutes=chosen.minutes, seed=chosen.seed)
    if chosen.plot:
        draw(samples).savefig(chosen.plot)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
