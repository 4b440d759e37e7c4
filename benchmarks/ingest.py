"""Files a second of the walk against a bare loop that reads, MD5s, decodes, hashes pixels and computes the signature.

    python -m benchmarks.ingest --files 2000 --workers 2
    python -m benchmarks.ingest --corpus FOLDER --workers 1

Both do the same files in the same run, in turn, and the better of ``--repeats`` counts for each. The walk's seconds are
those of the stage as its user sees them: listing, digesting in isolated processes, the ledger and the commit; the
engine is opened, and its workers have decoded a file, before the clock starts. Then 1% of the files change and the
same index is walked again.
"""

import argparse
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.machine import describe_machine
from pipeline.config import Recipe, load_recipe
from pipeline.engine import EngineChoice, Engines
from pipeline.errors import ImageError
from pipeline.imaging.isolation import Limits, run_isolated
from pipeline.imaging.summary import summarise_picture
from pipeline.progress import Silent
from pipeline.stages import walk
from pipeline.stages.execute import Runner
from pipeline.storage.corpus import Corpus
from pipeline.storage.index import create_index, open_index

_CHANGED_SHARE = 0.01


def write_corpus(folder: Path, files: int) -> None:
    """Gray pictures of 1024 x 768 pixels with relief and noise: TIFFs, every third file a JPG."""
    for number in range(files):
        _write_picture(folder / f"{number // 1000:03d}" / f"{number:06d}.{'jpg' if number % 3 == 2 else 'tif'}", number)


def _write_picture(place: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(12, 16)).astype(np.float32)
    relief = 120 + 35 * cv2.resize(coarse, (1024, 768), interpolation=cv2.INTER_CUBIC)
    noise = rng.integers(-12, 13, (768, 1024)).astype(np.float32)
    place.parent.mkdir(parents=True, exist_ok=True)
    raw = [cv2.IMWRITE_TIFF_COMPRESSION, 1] if place.suffix == ".tif" else []
    if not cv2.imwrite(str(place), np.clip(relief + noise, 0, 255).astype(np.uint8), raw):
        raise OSError(f"{place} cannot be written")


def bare_loop(folder: Path, recipe: Recipe) -> float:
    """Seconds that one process on one thread takes for all files, with nothing around the work."""
    began = time.perf_counter()
    for entry in Corpus(str(folder)).listing().files:
        data = (folder / entry.path).read_bytes()
        hashlib.md5(data, usedforsecurity=False).digest()
        try:
            summarise_picture(data, max_pixels=recipe.walk.max_pixels)
        except ImageError:
            continue
    return time.perf_counter() - began


def measure(folder: Path, recipe: Recipe, *, workers: int, repeats: int) -> dict[str, Any]:
    """Walk ``folder``, which is written to at the end, in turn with the bare loop.

    Returns
    -------
    dict
        ``machine``, ``files``, ``workers``; files a second of ``bare`` (one process) and ``walk`` (all workers), their
        ``ratio``; seconds of the second walk with 1% of the files ``changed``, of one that finds ``nothing``, and
        the share of the first walk's time that the second took.
    """
    cv2.setNumThreads(1)
    choice = EngineChoice.parse("dask" if workers > 1 else "local", workers=workers)
    files = len(Corpus(str(folder)).listing().files)
    with Engines(choice, Silent()) as engines, tempfile.TemporaryDirectory() as indexes:
        _warm(engines, folder, recipe, workers)
        bare, walked = [], []
        for number in range(repeats):
            bare.append(bare_loop(folder, recipe))
            index = Path(indexes) / str(number)
            create_index(index, attributes={"shard_rows": 128})
            walked.append(_walk(index, folder, recipe, engines))
        _change(folder)
        second, third = (_walk(index, folder, recipe, engines) for _ in range(2))
    return {
        "machine": describe_machine(),
        "files": files,
        "workers": workers,
        "bare_files_per_second": round(files / min(bare), 1),
        "walk_files_per_second": round(files / min(walked), 1),
        "ratio": round(min(bare) / min(walked), 3),
        "walk_seconds": round(min(walked), 3),
        "changed_seconds": round(second, 3),
        "nothing_seconds": round(third, 3),
        "changed_share": round(second / min(walked), 4),
    }


def _walk(index: Path, folder: Path, recipe: Recipe, engines: Engines) -> float:
    began = time.perf_counter()
    Runner(open_index(index), Corpus(str(folder), recipe.corpus), recipe, engines, Silent()).run(walk.STAGE)
    return time.perf_counter() - began


def _warm(engines: Engines, folder: Path, recipe: Recipe, workers: int) -> None:
    """Let every worker start its child process."""
    place = folder / Corpus(str(folder)).listing().files[0].path
    decode = partial(_decode_one, limits=Limits(recipe.walk.decode_seconds, recipe.walk.decode_memory_bytes))
    list(engines.pick("dask", seconds=1e9).map(decode, [place] * 8 * workers, retries=0))


def _decode_one(place: Path, *, limits: Limits) -> int:
    run_isolated(partial(summarise_picture, max_pixels=1 << 30), place.read_bytes(), limits=limits)
    time.sleep(0.05)  # so that no worker does them all
    return os.getpid()


def _change(folder: Path) -> None:
    """Half of 1% new contents, half renamed."""
    paths = [entry.path for entry in Corpus(str(folder)).listing().files]
    for number, path in enumerate(paths[:: round(1 / _CHANGED_SHARE)]):
        place = folder / path
        if number % 2:
            place.rename(place.with_stem(f"{place.stem} renamed"))
        else:
            place.write_bytes(place.read_bytes() + b"\0")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="so many made pictures")
    parser.add_argument("--corpus", type=Path, help="a copy of this folder instead")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "corpus"
        if chosen.corpus:
            shutil.copytree(chosen.corpus, folder)
        else:
            write_corpus(folder, chosen.files)
        found = measure(folder, load_recipe(), workers=chosen.workers, repeats=chosen.repeats)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
