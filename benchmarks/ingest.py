"""Files a second of the walk against a bare loop that reads, MD5s, decodes, hashes pixels and computes the signature.

    python -m benchmarks.ingest --files 20000
    python -m benchmarks.ingest --corpus FOLDER --workers 1 --json

The walk's seconds are those of the stage as its user sees them: listing, digesting in isolated processes, the ledger
and the commits; the engine is opened, and its workers have decoded a file, before the clock starts. The bare loop does
every eighth of the same files, before and after the walks, and the better rate counts; for several workers, as many
bare loops at once say what the machine has to give: no walk can pass them. Processor time a file, of all processes that
take part, is less at the mercy of what else the machine does. Then 1% of the files change and
the same index is brought up to date by all stages of ingest; its start-up is what the same command takes on an index
of one file with nothing to do.
"""

import argparse
import hashlib
import json
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from benchmarks.machine import describe_machine
from pipeline.config import Recipe, load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice, Engines
from pipeline.errors import ImageError
from pipeline.imaging.isolation.decoding import Limits, run_isolated
from pipeline.imaging.summary import summarise_picture
from pipeline.index.store import create_index, open_index
from pipeline.job import run
from pipeline.progress import Silent
from pipeline.runtime.execute import Runner
from pipeline.stages.files import walk

_CHANGED_SHARE = 0.01
_BARE_SHARE = 8
_INGEST = "labels"  # the last stage of ingest


def write_corpus(folder: Path, files: int) -> None:
    """Gray pictures of 1024 x 768 pixels with relief and noise: TIFFs, every third file a JPG, some of the same."""
    noise = np.random.default_rng(0).integers(-12, 13, (1536, 2048)).astype(np.float32)
    for number in range(files):
        place = folder / f"{number // 1000:03d}" / f"{number:06d}.{'jpg' if number % 3 == 2 else 'tif'}"
        _write_picture(place, number - (number % 30 == 29), noise)


def _write_picture(place: Path, seed: int, noise: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    rng = np.random.default_rng(seed)
    relief = cv2.resize(rng.normal(size=(12, 16)).astype(np.float32), (1024, 768), interpolation=cv2.INTER_CUBIC)
    top, left = rng.integers(0, (768, 1024))
    picture = 120 + 35 * relief + noise[top : top + 768, left : left + 1024]
    place.parent.mkdir(parents=True, exist_ok=True)
    raw = [cv2.IMWRITE_TIFF_COMPRESSION, 1] if place.suffix == ".tif" else []
    if not cv2.imwrite(str(place), np.clip(picture, 0, 255).astype(np.uint8), raw):
        raise OSError(f"{place} cannot be written")


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock, and of processors."""

    seconds: float
    cpu_seconds: float


def bare_loop(folder: Path, paths: Sequence[str], recipe: Recipe) -> Cost:
    """What one process on one thread takes for these files, with nothing around the work."""
    began, spent = time.perf_counter(), time.process_time()
    for path in paths:
        data = (folder / path).read_bytes()
        hashlib.md5(data, usedforsecurity=False).digest()
        try:
            summarise_picture(data, max_pixels=recipe.walk.max_pixels)
        except ImageError:
            continue
    return Cost(time.perf_counter() - began, time.process_time() - spent)


def bare_loops_at_once(folder: Path, paths: Sequence[str], recipe: Recipe, processes: int) -> Cost:
    """As many bare loops side by side, each over its share of the files, from when all are ready to the last's end."""
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(processes)
    with spawn.Pool(processes, _start_together, (together,)) as pool:
        loops = [pool.apply_async(_bare_share, (folder, paths[n::processes], recipe)) for n in range(processes)]
        costs = [loop.get() for loop in loops]
    return Cost(max(cost.seconds for cost in costs), sum(cost.cpu_seconds for cost in costs))


_together: Barrier


def _start_together(together: Barrier) -> None:
    global _together
    _together = together
    cv2.setNumThreads(1)


def _bare_share(folder: Path, paths: Sequence[str], recipe: Recipe) -> Cost:
    bare_loop(folder, paths[:8], recipe)
    _together.wait()
    return bare_loop(folder, paths, recipe)


def measure(folder: Path, scratch: Path, recipe: Recipe, *, workers: Sequence[int]) -> dict[str, Any]:
    """Walk ``folder``, which is written to at the end, with each number of workers, beside the bare loop.

    Returns
    -------
    dict
        ``machine``; ``files``; of ``bare``, of as many bare loops at once (``bare_at_once``, by workers where there are
        several) and of ``walk`` (by workers): ``files_per_second``, its ``ratio`` to the bare loop's, and
        ``cpu_ms_per_file``; ``one_file_seconds``, the walk of one file into a new index; and of all stages of ingest
        the seconds of the ``first`` run, of the ``start_up``, of the run with 1% of the files ``changed`` and of one
        that finds ``nothing``, and ``changed_share``: the changed run beyond its start-up, over the first run.
    """
    cv2.setNumThreads(1)
    paths = [entry.path for entry in Corpus(str(folder)).listing().files]
    some = paths[::_BARE_SHARE]
    bare = [bare_loop(folder, some, recipe)]
    walks = {count: _walk(folder, scratch / f"walk-{count}", recipe, count) for count in workers}
    at_once = {count: bare_loops_at_once(folder, some, recipe, count) for count in workers if count > 1}
    bare.append(bare_loop(folder, some, recipe))
    best = min(bare, key=lambda cost: cost.seconds)
    rate = len(some) / best.seconds
    return {
        "machine": describe_machine(),
        "files": len(paths),
        "bare": _speed(len(some), best, rate),
        "bare_at_once": {count: _speed(len(some), cost, rate) for count, cost in at_once.items()},
        "walk": {count: _speed(len(paths), cost, rate) for count, cost in walks.items()},
        **_runs(folder, scratch, recipe, paths, walked=walks[1].seconds if 1 in walks else None),
    }


def _speed(files: int, cost: Cost, bare_rate: float) -> dict[str, float]:
    rate = files / cost.seconds
    return {
        "seconds": round(cost.seconds, 2),
        "files_per_second": round(rate, 1),
        "ratio": round(rate / bare_rate, 3),
        "cpu_ms_per_file": round(cost.cpu_seconds / files * 1000, 2),
    }


def _walk(folder: Path, index: Path, recipe: Recipe, workers: int) -> Cost:
    """The walk into a new index."""
    choice = EngineChoice.parse("dask" if workers > 1 else "local", workers=workers)
    with Engines(choice, Silent()) as engines:
        _warm(engines, folder, recipe, workers)
        create_index(index, attributes={"shard_rows": 128})
        began, spent = time.perf_counter(), _cpu_seconds_of_all()
        Runner(open_index(index), Corpus(str(folder), recipe.corpus), recipe, engines, Silent()).run(walk.STAGE)
        return Cost(time.perf_counter() - began, _cpu_seconds_of_all() - spent)


def _cpu_seconds_of_all() -> float:
    """Of this process and all that it has started and that live: engines, workers and decoding children."""
    total = 0.0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _warm(engines: Engines, folder: Path, recipe: Recipe, workers: int) -> None:
    """Let every worker start its child process."""
    place = folder / Corpus(str(folder)).listing().files[0].path
    decode = partial(_decode_one, limits=Limits(recipe.walk.decode_seconds, recipe.walk.decode_memory_bytes))
    list(engines.pick("dask", seconds=1e9).map(decode, [place] * (8 * workers), retries=0))


def _decode_one(place: Path, *, limits: Limits) -> None:
    run_isolated(partial(summarise_picture, max_pixels=1 << 30), place.read_bytes(), limits=limits)
    time.sleep(0.05)  # so that no worker does them all


def _runs(
    folder: Path, scratch: Path, recipe: Recipe, paths: Sequence[str], *, walked: float | None
) -> dict[str, float]:
    """All stages of ingest in this process: first, with 1% changed, with nothing changed, and of one file.

    ``walked`` are the seconds of a walk that was done in one process, whose index is gone on with.
    """
    index = scratch / ("index" if walked is None else "walk-1")
    labels = _write_labels(folder, scratch / "labels", paths)
    one = scratch / "one"
    (one / "corpus").mkdir(parents=True)
    shutil.copy(folder / paths[0], one / "corpus")
    one_file = _ingest(one / "corpus", one / "index", recipe, labels)
    start_up = _ingest(one / "corpus", one / "index", recipe, labels)
    first = (walked or 0.0) + _ingest(folder, index, recipe, labels)
    _change(folder, paths)
    changed, nothing = (_ingest(folder, index, recipe, labels) for _ in range(2))
    return {
        "one_file_seconds": round(one_file, 3),
        "start_up_seconds": round(start_up, 3),
        "first_seconds": round(first, 2),
        "changed_seconds": round(changed, 3),
        "nothing_seconds": round(nothing, 3),
        "changed_share": round((changed - start_up) / first, 4),
    }


def _ingest(folder: Path, index: Path, recipe: Recipe, labels: Path) -> float:
    began = time.perf_counter()
    local = EngineChoice.parse("local")
    run(folder, index, recipe=recipe, label_sets={"made": str(labels)}, engines=local, until=_INGEST)
    return time.perf_counter() - began


def _write_labels(folder: Path, labels: Path, paths: Sequence[str]) -> Path:
    """1% of the files, in two classes."""
    for number, path in enumerate(paths[:: round(1 / _CHANGED_SHARE)]):
        place = labels / f"class {number % 2}" / path.replace("/", " ")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / path, place)
    return labels


def _change(folder: Path, paths: Sequence[str]) -> None:
    """Half of 1% new contents, half renamed."""
    for number, path in enumerate(paths[:: round(1 / _CHANGED_SHARE)]):
        place = folder / path
        if number % 2:
            place.rename(place.with_stem(f"{place.stem} renamed"))
        else:
            place.write_bytes(place.read_bytes() + b"\0")


def show(found: dict[str, Any]) -> str:
    """The measurement as a table for people."""
    machine = found["machine"]
    rows = [("bare loop, 1 process", found["bare"], "")]
    for workers, loops in found["bare_at_once"].items():
        rows.append((f"bare loops, {workers} at once", loops, "what there is"))
    for workers, walked in found["walk"].items():
        goal = {1: "goal 0.85", 2: "goal 1.70"}.get(workers, "")
        rows.append((f"walk, {workers} process{'es' if workers > 1 else ''}", walked, goal))
    return "\n".join(
        [
            f"{found['files']:,} files; {machine['processor']}, {machine['cores']} cores, load {machine['load']}, "
            f"commit {machine['commit']}",
            "",
            f"{'':<32}{'files/s':>10}{'ratio':>8}{'CPU ms a file':>15}",
            *(_row(*row) for row in rows),
            "",
            f"{'walk, pair, labels in 1 process':<32}{'seconds':>10}",
            *(
                f"{name:<32}{found[key]:>10.2f}"
                for name, key in (
                    ("one file into a new index", "one_file_seconds"),
                    ("start-up: one file, no news", "start_up_seconds"),
                    ("first run", "first_seconds"),
                    ("second run, 1% changed", "changed_seconds"),
                    ("third run, nothing changed", "nothing_seconds"),
                )
            ),
            f"second run beyond the start-up: {found['changed_share']:.2%} of the first run  (goal 3%)",
        ]
    )


def _row(name: str, cost: dict[str, float], goal: str) -> str:
    rate, ratio, cpu_ms = (cost[key] for key in ("files_per_second", "ratio", "cpu_ms_per_file"))
    return f"{name:<32}{rate:>10.1f}{ratio:>8.3f}{cpu_ms:>15.2f}  {goal}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="so many made pictures")
    parser.add_argument("--corpus", type=Path, help="a copy of this folder instead")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of workers to walk with")
    parser.add_argument("--scratch", type=Path, help="where to make corpus and indexes (0.7 MB a file)")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=chosen.scratch) as scratch:
        folder = Path(scratch) / "corpus"
        if chosen.corpus:
            shutil.copytree(chosen.corpus, folder)
        else:
            write_corpus(folder, chosen.files)
        found = measure(folder, Path(scratch), load_recipe(), workers=chosen.workers)
    print(json.dumps(found, indent=1) if chosen.json else show(found))


if __name__ == "__main__":
    main()
