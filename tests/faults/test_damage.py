"""Bits that flip and files that are cut, emptied or lost, in every kind of file of an index.

After each fault `verify` finds it, or nothing that is read has changed; then `repair`, and where it gave work up or a
report was harmed the next run, bring the index back to the very bits of the quiet run. The number of a case chooses the
kind of file, what happens to it and where; which file of a kind it is depends on the index, whose names are random.
``make faults N=500`` runs many, every test run a few.
"""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from pipeline.config import load_recipe
from pipeline.engine import EngineChoice
from pipeline.errors import SemcorpusError
from pipeline.index.annotations import append_annotations, read_annotations
from pipeline.index.reports import check_report_files, publish_report, read_manifest, read_report_table
from pipeline.index.store import open_index
from pipeline.job import run
from pipeline.operations.repairing import repair
from pipeline.operations.verification import verify_index
from pipeline.storage.location import Location
from tests.stored import differing_arrays

CASES = int(os.environ.get("SEMCORPUS_FAULTS", "9"))

KINDS = (
    "store/snapshots",
    "store/manifests",
    "store/transactions",
    "store/chunks",
    "store/refs",
    "commits",
    "annotations",
    "reports",
    "reports/versions",
)


def flip(data: bytes, chance: random.Random) -> bytes:
    """One bit."""
    harmed = bytearray(data)
    harmed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(harmed)


def cut(data: bytes, chance: random.Random) -> bytes:
    """The end, or all of it."""
    return data[: chance.randrange(len(data))]


def blank(data: bytes, chance: random.Random) -> bytes:
    """A block of zeros, as a disk that lost power leaves it."""
    start = chance.randrange(len(data))
    return data[:start] + bytes(len(data[start : start + 512])) + data[start + 512 :]


HARMS: tuple[Callable[[bytes, random.Random], bytes] | None, ...] = (flip, flip, cut, blank, None)  # None: it is lost


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus and an index of it in which nothing has gone wrong: the walk of two runs. Read only."""
    folder = tmp_path_factory.mktemp("quiet")
    (folder / "corpus").mkdir()
    for seed in range(40):
        picture = np.random.default_rng(seed).integers(0, 255, (24, 32)).astype(np.uint8)
        cv2.imwrite(str(folder / "corpus" / f"{seed:02d}.png"), picture)
        if seed in (30, 39):
            work(folder / "corpus", folder / "index")
    for number in range(3):
        append_annotations(Location.parse(folder / "index"), "notes", [{"n": number, "text": "10 nm"}] * 2)
    return folder


def work(corpus: Path, index: Path) -> None:
    """What is missing of the walk, and of a report that is made as the stage makes its own."""
    recipe = load_recipe(assignments=["walk.files_per_task=8", "index.shard_rows=8"])
    run(corpus, index, recipe=recipe, engines=EngineChoice.parse("local"), until="walk")
    opened = open_index(index)
    manifest = None if check_report_files(opened.location) else read_manifest(opened.location)
    if manifest is None or manifest["commit"] != opened.commit:
        table = pa.table({"path": [str(path) for path in opened.read()["files/path"][:]]})  # type: ignore[index]
        files = {"report.html": b"<html>" * 200, "figures/a.svg": b"<svg>" * 100}
        publish_report(opened.location, commit=opened.commit, key=1, tables={"files": table}, files=files, stamp={})


def harm_one(index: Path, number: int) -> str:
    """Let something happen to a file; returns what."""
    chance = random.Random(number)
    kind = KINDS[number % len(KINDS)]
    files = sorted(path for path in (index / kind).rglob("*") if path.is_file() and path.stat().st_size)
    file, harm = chance.choice(files), chance.choice(HARMS)
    if harm is None:
        file.unlink()
        return f"{file} lost"
    before = file.read_bytes()
    file.write_bytes(harm(before, chance))
    return f"{file} {harm.__name__}"


def problems(index: Path) -> list[str]:
    try:
        return [finding.problem for finding in verify_index(open_index(index)) if finding.problem]
    except SemcorpusError as error:
        assert "semcorpus repair" in str(error), error  # noqa: PT017
        return [str(error)]


def assert_all_is_read_as_before(index: Path, quiet: Path) -> None:
    assert differing_arrays(index, quiet) == []
    here, there = Location.parse(index), Location.parse(quiet)
    assert read_annotations(here, "notes") == read_annotations(there, "notes")
    assert read_report_table(here, "files").equals(read_report_table(there, "files"))


@pytest.mark.parametrize("number", range(CASES))
def test_nothing_is_lost_or_read_wrong(number: int, quiet: Path, tmp_path: Path) -> None:
    index = shutil.copytree(quiet / "index", tmp_path / "index")
    history = [commit.id for commit in open_index(index).history()]
    happened = harm_one(index, number)
    found = problems(index)
    if not found:
        assert_all_is_read_as_before(index, quiet / "index")
        assert [commit.id for commit in open_index(index).history()] == history, happened
        return
    done = repair(Location.parse(index))
    if done.lost or "/reports/" in happened:
        work(quiet / "corpus", index)
    else:
        assert [commit.id for commit in open_index(index).history()] == history, happened
    assert problems(index) == [], happened
    assert_all_is_read_as_before(index, quiet / "index")
