"""A small corpus, an index of it to which a fault happens, and what must be true afterwards."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.index.annotations import append_annotations
from pipeline.index.reports import check_report_files, read_manifest
from pipeline.index.store import open_index
from pipeline.operations.verification import verify_index
from pipeline.storage.location import Location
from tests.faults.nursery import Command, Nursery
from tests.faults.shim import ALWAYS, COUNT, Call, Fault
from tests.stored import differing_arrays, stored_arrays

PICTURES = 12
SETTINGS = (
    'run.stages=["walk", "pair", "pixels", "report"]',
    "pixels.size=32",
    "pixels.crop_bar=false",
    "walk.files_per_task=4",
    "index.shard_rows=4",
    "run.checkpoint_seconds=0.001",
)
FEW_REQUESTS = ("run.checkpoint_seconds=1e9", "walk.files_per_task=100", "index.shard_rows=100")
"""The same results in few commits, for places where each takes seconds."""

DONE, DEFECT = 0, "This is a defect"


class LostError(AssertionError):
    """Something that was there, or should be, is not."""


class WrongError(AssertionError):
    """Something is there and not what it should be."""


@dataclass
class World:
    """What a fault happens to.

    Attributes
    ----------
    nursery : Nursery
    folder : Path
        The case's own.
    corpus : Path
        Shared and read only, unless a kind makes a copy of its own.
    index : str
        Folder or URL.
    quiet : Path
        An index of the same corpus in which nothing has gone wrong. Read only.
    calls : dict of Call to int
        How many calls of each kind the quiet run made in its index, and `corpus_calls` in its corpus.
    any_order : bool
        Whether the rows may follow in another order than the quiet run's, since some files were read later.
    environment : dict of str to str
        What its runs need in their environment besides.
    settings : tuple of str
        The recipe's.
    """

    nursery: Nursery
    folder: Path
    corpus: Path
    index: str
    quiet: Path
    calls: Mapping[Call, int]
    corpus_calls: Mapping[Call, int]
    any_order: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = SETTINGS

    def start(self, *more: str, fault: Fault | None = None, **options: Any) -> Command:
        """Begin a run of all that is missing."""
        settings = [word for assignment in self.settings for word in ("--set", assignment)]
        words = ["run", str(self.corpus), self.index, "--engines", "local", "--log-json", *more, *settings]
        return self.nursery.start(words, fault=fault, **options)

    def run(self, *more: str, fault: Fault | None = None, **options: Any) -> Command:
        """Such a run, to its end, which has to be one in words."""
        command = self.start(*more, fault=fault, **options)
        command.wait()
        check_words(command)
        return command

    def own_corpus(self) -> Path:
        """A copy of the corpus, times included, that may be changed."""
        self.corpus = Path(shutil.copytree(self.corpus, self.folder / "corpus"))
        return self.corpus


def check_words(command: Command) -> None:
    """Whatever went wrong outside is not called a defect of semcorpus."""
    if DEFECT in command.said():
        raise WrongError(command.said()[-2000:])


def write_corpus(folder: Path) -> Path:
    """Some small pictures, two of them copies, and a file that is none."""
    folder.mkdir()
    for seed in range(PICTURES):
        noise = np.random.default_rng(seed).integers(0, 255, (12, 16)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{seed:02d}.png"), cv2.resize(noise, (128, 96), interpolation=cv2.INTER_CUBIC))
    shutil.copy(folder / "03.png", folder / "copy.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def quiet_world(nursery: Nursery, folder: Path) -> World:
    """An index in which nothing went wrong, and the calls that making it took."""
    corpus = write_corpus(folder / "corpus")
    world = World(nursery, folder, corpus, str(folder / "quiet"), folder / "quiet", {}, {})
    first = world.run(fault=Fault(str(folder / "quiet"), Call(127), COUNT, 1, ALWAYS))
    assert first.wait() == DONE, first.said()
    world.calls = first.calls()
    for number in range(3):
        append_annotations(Location.parse(world.index), "notes", [{"n": number, "text": "10 nm"}] * 2)
    other = World(nursery, folder, corpus, str(folder / "other"), world.quiet, {}, {})
    second = other.run(fault=Fault(str(corpus), Call(127), COUNT, 1, ALWAYS))
    assert second.wait() == DONE, second.said()
    world.corpus_calls = second.calls()
    check(other)
    return world


def recover(world: World) -> float:
    """Run again, without any fault; the seconds that it took. All must then be as after a quiet run."""
    began = time.monotonic()
    command = world.start(environment=world.environment)
    status = command.wait()
    seconds = time.monotonic() - began
    if status != DONE:
        raise LostError(f"the next run ends with {status}: {command.said()[-2000:]}")
    check(world)
    return seconds


def check(world: World) -> None:
    """Verify, arrays, ledger, report and garbage."""
    index = open_index(world.index)
    if problems := [finding.problem for finding in verify_index(index) if finding.problem]:
        raise WrongError(f"verify: {problems}")
    _check_ledger(world)
    if world.any_order:
        _check_content(world)
    elif differing := differing_arrays(world.index, world.quiet):
        raise WrongError(f"not the quiet run's bits: {differing}")
    _check_report(index.location, index.work_commit)
    _check_garbage(world)


def _check_ledger(world: World) -> None:
    named = set(stored_arrays(world.index)["files/path"].tolist())
    if missing := {path.name for path in world.corpus.iterdir()} - named:
        raise LostError(f"not in the ledger: {missing}")


def _check_content(world: World) -> None:
    """Every file that the quiet run knows has its verdict and its picture, in whatever order."""
    here, there = told(stored_arrays(world.index)), told(stored_arrays(world.quiet))
    if missing := there.keys() - here.keys():
        raise LostError(f"not in the ledger: {missing}")
    if wrong := [path for path in there if here[path] != there[path]]:
        raise WrongError(f"not what the quiet run says: {wrong}: {here[wrong[0]][:2]}")


def told(arrays: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """What is told of every file: status, content, and the rows of its picture.

    Which of several copies is ``ok`` is not compared: the first that was there stays it.
    """
    files = zip(arrays["files/path"].tolist(), arrays["files/status"].tolist(), arrays["files/md5"], strict=True)
    told = {}
    for (path, status, md5), image in zip(files, arrays["files/image"].tolist(), strict=True):
        rows = [arrays[name][image].tobytes() for name in _OF_A_PICTURE] if image >= 0 else []
        told[path] = ("ok" if status == "duplicate" else status, md5.tobytes(), *rows)
    return told


_OF_A_PICTURE = ("images/pixel_md5", "images/signature", "images/present", "pixels/gray", "pixels/key")


def _check_report(location: Location, commit: str) -> None:
    manifest = read_manifest(location)
    if manifest is None or (problems := check_report_files(location)):
        raise LostError(f"the report: {'none' if manifest is None else problems}")
    if manifest["commit"] != commit:
        raise WrongError(f"the report is of {manifest['commit']}, the index of {commit}")


def _check_garbage(world: World) -> None:
    """When the history is dropped nothing stays that the quiet run does not have as well."""
    location = Location.parse(world.index)
    if not location.is_local:
        return
    index = open_index(world.index)
    later = datetime.now(UTC) + timedelta(days=3000)  # clocks may have jumped
    index.drop_history(later)
    store = location.path / "store"
    if left := [str(path) for path in store.rglob("*") if path.is_file() and path.suffix not in _STORED]:
        raise WrongError(f"left behind: {left}")
    if freed := open_index(world.index).drop_history(later).freed_bytes:
        raise WrongError(f"{freed} bytes were left behind")
    if problems := [finding.problem for finding in verify_index(open_index(world.index)) if finding.problem]:
        raise WrongError(f"verify after garbage collection: {problems}")


_STORED = ("", ".json")
