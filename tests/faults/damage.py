"""Bits that flip and files that are cut, emptied or lost, in every kind of file of an index.

After each `verify` finds it, or nothing that is read has changed; then `repair`, and where it gave work up or a report
was harmed the next run, bring the index back. Which file of a kind it is depends on the index, whose names are random.
"""

import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipeline.errors import SemcorpusError
from pipeline.index.annotations import read_annotations
from pipeline.index.reports import read_report_table
from pipeline.index.store import open_index
from pipeline.operations.repairing import repair
from pipeline.operations.verification import verify_index
from pipeline.storage.location import Location
from tests.faults.world import LostError, World, WrongError
from tests.stored import differing_arrays

NOTES = "notes"
FOLDERS = (
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


_HARMS: tuple[Callable[[bytes, random.Random], bytes] | None, ...] = (flip, flip, cut, blank, None)  # None: it is lost


def harm_one(index: Path, folder: str, chance: random.Random) -> str:
    """Let something happen to a file; returns what."""
    files = sorted(path for path in (index / folder).rglob("*") if path.is_file() and path.stat().st_size)
    file, harm = chance.choice(files), chance.choice(_HARMS)
    if harm is None:
        file.unlink()
        return f"{file} lost"
    file.write_bytes(harm(file.read_bytes(), chance))
    return f"{file} {harm.__name__}"


def damaged(folder: str, world: World, chance: random.Random) -> None:
    """Something happens to a file below ``folder`` of a finished index, and what `verify` names is repaired."""
    index = Path(shutil.copytree(world.quiet, world.index))
    history = [commit.id for commit in open_index(index).history()]
    happened = harm_one(index, folder, chance)
    if not _problems(index):
        _require_all_as_before(index, world.quiet, happened)
    elif not repair(Location.parse(index)).lost and [commit.id for commit in open_index(index).history()] != history:
        raise LostError(f"{happened}: commits are gone and repair does not say so")
    here, there = (read_annotations(Location.parse(place), NOTES) for place in (index, world.quiet))
    if here != there:
        raise LostError(f"{happened}: {here} instead of {there}")


def _problems(index: Path) -> list[str]:
    try:
        return [finding.problem for finding in verify_index(open_index(index)) if finding.problem]
    except SemcorpusError as error:
        if "semcorpus repair" not in str(error):
            raise WrongError(f"it does not say what to do: {error}") from error
        return [str(error)]


def _require_all_as_before(index: Path, quiet: Path, happened: str) -> None:
    here, there = Location.parse(index), Location.parse(quiet)
    if [c.id for c in open_index(index).history()] != [c.id for c in open_index(quiet).history()]:
        raise WrongError(f"{happened}: another history, and verify says nothing")
    if differing := differing_arrays(index, quiet):
        raise WrongError(f"{happened}: {differing} read otherwise, and verify says nothing")
    if not read_report_table(here, "files").equals(read_report_table(there, "files")):
        raise WrongError(f"{happened}: another report, and verify says nothing")


DAMAGE = {f"damaged {folder}": partial(damaged, folder) for folder in FOLDERS}
