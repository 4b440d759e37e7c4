"""Memory and seconds of listing a corpus of many files and comparing it with a ledger that knows them all.

    python -m benchmarks.listing --files 1000000 --scratch /dev/shm

The files are empty, in folders of a thousand; the ledger is one of an index whose rows say the same as the listing, so
that nothing is to be done. Memory is what the process held at most beyond what it held before.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe_machine
from pipeline.config import load_recipe
from pipeline.corpus.listing import Files
from pipeline.corpus.source import Corpus
from pipeline.index.store import Index, create_index, open_index
from pipeline.index.tables import update_rows
from pipeline.runtime.plan import Context
from pipeline.stages.files import walk
from pipeline.stages.files.ledger import FILES
from pipeline.stages.files.tables import LEDGER

_BLOCK_ROWS = 100_000


def write_names(folder: Path, files: int) -> None:
    """Empty files with names of a usual length."""
    for number in range(files):
        place = folder / f"instrument {number // 100_000}" / f"session-{number // 1000:06d}"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        os.close(os.open(place / f"sample_{number:08d}.tif", os.O_CREAT | os.O_WRONLY))


def measure(folder: Path, index: Path) -> dict[str, Any]:
    """Seconds and bytes at most of the listing, and of a plan on a ledger with all of the files."""
    corpus = Corpus(str(folder))
    listing, listed_seconds, listed_bytes = _watched(corpus.listing)
    files = len(listing.files)
    made = _fill_ledger(index, listing.files)
    del listing
    plan, planned_seconds, planned_bytes = _watched(lambda: walk.plan(Context(made.read(), load_recipe(), corpus)))
    return {
        "machine": describe_machine(),
        "files": files,
        "listing_seconds": round(listed_seconds, 2),
        "listing_bytes_per_file": round(listed_bytes / files),
        "plan_seconds": round(planned_seconds, 2),
        "plan_bytes_per_file": round(planned_bytes / files),
        "to_do": 0 if plan is None else plan.items,
    }


def _fill_ledger(place: Path, files: Files) -> Index:
    transaction = create_index(place, attributes={}).begin()
    for start in range(0, len(files), _BLOCK_ROWS):
        part = files[start : start + _BLOCK_ROWS]
        columns = LEDGER.empty(len(part))
        columns["path"][:] = part.path.to_pylist()
        columns["status"][:] = "corrupt"
        columns["size_bytes"], columns["modified_ns"] = part.size_bytes, part.modified_ns
        columns["image"][:] = -1
        update_rows(transaction.root, FILES, np.arange(start, start + len(part)), columns, total=start + len(part))
    transaction.commit("made", {})
    return open_index(place)


def _watched(act: Callable[[], Any]) -> tuple[Any, float, int]:
    """What it gave, its seconds, and the bytes that the process held at most beyond those before."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest so far
    before, began = _kilobytes("VmRSS"), time.perf_counter()
    value = act()
    return value, time.perf_counter() - began, max(0, _kilobytes("VmHWM") - before) * 1024


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--scratch", type=Path, help="where to make the names")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=chosen.scratch) as scratch:
        write_names(Path(scratch) / "corpus", chosen.files)
        print(json.dumps(measure(Path(scratch) / "corpus", Path(scratch) / "index"), indent=1))


if __name__ == "__main__":
    main()
