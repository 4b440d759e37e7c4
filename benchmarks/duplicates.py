"""Finding the files of one picture, beside imagededup (pHash) and cleanvision, on the same made heap in the same run.

    python -m benchmarks.duplicates --files 3000 --peers /tmp/peers/bin/python

The files are the sound ones of a heap (`pipeline.demo.heap`) that all three read: TIFF/JPG pairs, copies, near copies,
thumbnails, crops, other data bars, and frames of one specimen and empty frames that are no duplicates. A pair of files
counts as right if both show one picture. The peers run on one core, as semcorpus does; their interpreter is an
environment of its own (see `benchmarks.duplicates_peers`).
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.machine import describe_machine
from pipeline.config import load_recipe
from pipeline.corpus.names import unescape_path
from pipeline.corpus.source import Corpus
from pipeline.demo.heap.heap import write_heap
from pipeline.demo.heap.obstacles import unlock
from pipeline.demo.truth import read_truth
from pipeline.engine import EngineChoice
from pipeline.index.store import open_index
from pipeline.job import open_runner, run_stages
from pipeline.progress import Silent
from pipeline.stages.files.ledger import read_files, read_images

Pair = tuple[str, str]
METHODS = ("pHash-10", "pHash-3", "cleanvision")

_FORMATS = ("tiff", "jpeg", "png", "bmp")


def lay_out(scratch: Path, *, files: int, seed: int = 0) -> tuple[Path, dict[str, str]]:
    """A flat folder of the heap's sound files, and the picture that each shows."""
    write_heap(scratch / "heap", seed=seed, files=files)
    folder = scratch / "flat"
    folder.mkdir()
    picture_of = {}
    for number, row in enumerate(read_truth(scratch / "heap/truth.parquet")):
        if row.format in _FORMATS and row.picture_of is not None:
            place = os.path.join(scratch / "heap/corpus", unescape_path(row.path))
            if _pillow_reads(place):
                name = f"{number:06d}.{row.format}"
                shutil.copy(place, folder / name)
                picture_of[name] = row.picture_of
    unlock(scratch / "heap/corpus")
    return folder, picture_of


def _pillow_reads(place: str) -> bool:
    """Both peers read by Pillow, and one of them ends at the first file that it cannot read."""
    try:
        with Image.open(place) as image:
            image.convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return False
    return True


def pairs_of(groups: Iterable[Sequence[str]]) -> set[Pair]:
    """All pairs within the groups, each with its smaller name first."""
    return {pair for group in groups for pair in itertools.combinations(sorted(set(group)), 2)}


def by_semcorpus(folder: Path, place: Path) -> tuple[float, set[Pair]]:
    """Seconds of walking and pairing in one process, and the pairs."""
    recipe = load_recipe()
    corpus = Corpus(str(folder), recipe.corpus)
    began = time.perf_counter()
    with open_runner(corpus, place, recipe, engines=EngineChoice.parse("local"), listener=Silent()) as runner:
        run_stages(runner, ("walk", "pair"))
    seconds = time.perf_counter() - began
    root = open_index(place).read()
    files, picture = read_files(root), read_images(root).picture
    groups = defaultdict(list)
    for path, image in zip(files.path.tolist(), files.image.tolist(), strict=True):
        if image >= 0:
            groups[int(picture[image])].append(path)
    return seconds, pairs_of(groups.values())


def by_peer(python: str, folder: Path, method: str) -> tuple[float, set[Pair]]:
    """Seconds and pairs of a peer, in its own interpreter."""
    script = Path(__file__).with_name("duplicates_peers.py")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [python, str(script), str(folder), method], capture_output=True, text=True, check=False, env=environment
    )
    if found.returncode:
        raise RuntimeError(f"{method} failed: {found.stderr.strip().splitlines()[-1:]}")
    answer = json.loads(found.stdout.splitlines()[-1])
    return float(answer["seconds"]), pairs_of(answer["groups"])


def score(found: set[Pair], true: set[Pair]) -> dict[str, float]:
    """Precision and recall over pairs; precision is 1 where nothing was found."""
    right = len(found & true)
    return {
        "found": len(found),
        "wrong": len(found) - right,
        "precision": round(right / len(found), 4) if found else 1.0,
        "recall": round(right / len(true), 4),
    }


def measure(scratch: Path, *, files: int, peers: str | None, seed: int = 0) -> dict[str, Any]:
    """Precision, recall and seconds of all methods on one heap."""
    folder, picture_of = lay_out(scratch, files=files, seed=seed)
    groups = defaultdict(list)
    for name, picture in picture_of.items():
        groups[picture].append(name)
    true = pairs_of(groups.values())
    result: dict[str, Any] = {"machine": describe_machine(), "files": len(picture_of), "true_pairs": len(true)}
    seconds, found = by_semcorpus(folder, scratch / "index")
    result["semcorpus"] = {"seconds": round(seconds, 1), **score(found, true)}
    for method in METHODS if peers else ():
        seconds, found = by_peer(str(peers), folder, method)
        result[method] = {"seconds": round(seconds, 1), **score(found, true)}
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", help="a Python interpreter that has imagededup and cleanvision")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(Path(scratch), files=chosen.files, peers=chosen.peers, seed=chosen.seed)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
