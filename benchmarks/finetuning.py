"""Fine-tuning beside the frozen network: GTSRB's own test pictures, and the demo's labels, by the commands themselves.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m benchmarks.finetuning --shared ../shared --sets gtsrb \\
        --work /tmp/finetuning --output figures.json

``gtsrb`` learns from ``--train`` training pictures, taken evenly from the series of each class, and is judged on all
12,630 test pictures, which show other signs. ``demo`` learns from the demo's labels, a share of which is held out. A
broken-off benchmark goes on where it was if it is given the same ``--work``.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.labelled_sets import demo
from benchmarks.machine import describe_machine

_ALL = ("layers=all", "schedule=one_cycle")
RUNS: dict[str, dict[str, tuple[str, ...]]] = {
    "gtsrb": {
        "last layer, 64 px": ("layers=last", "side=64", "epochs=300", "learning_rate=0.003", "batch_size=256"),
        "last layer, 112 px": ("layers=last", "side=112", "epochs=300", "learning_rate=0.003", "batch_size=256"),
        "all layers, 64 px": (
            *_ALL, "side=64", "epochs=16", "learning_rate=0.003", "batch_size=64", "augment=tilt", "watched=1000",
        ),
    },
    "demo": {
        "last layer, 128 px": ("layers=last", "side=128", "epochs=300"),
        "all layers, 128 px": (*_ALL, "side=128", "epochs=20", "augment=turn"),
    },
}  # fmt: skip
RECIPES = {
    "gtsrb": "embed = []\nautoencode = []\nscale.enabled = false\npair.same_picture = false\npixels.size = 32\n",
    "demo": "embed = []\nautoencode = []\npixels.size = 128\n",
}


def lay_gtsrb(shared: Path, corpus: Path, train: int) -> None:
    """Training and test pictures in one corpus, with a folder a class for each."""
    with tarfile.open(shared / "gtsrb" / "gtsrb32.tar.xz") as files:
        members = [member for member in files.getmembers() if member.isfile()]
        by_class: dict[str, list[Any]] = defaultdict(list)
        for member in members:
            by_class[str(Path(member.name).parent)].append(member)
        total = sum(len(found) for name, found in by_class.items() if name.startswith("train/"))
        wanted = set()
        for name, found in by_class.items():
            count = round(len(found) * train / total) if name.startswith("train/") else len(found)
            wanted |= {found[i].name for i in np.linspace(0, len(found) - 1, count).round().astype(int)}
        for member in members:
            handle = files.extractfile(member) if member.name in wanted else None
            if handle is not None:
                path = corpus / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(handle.read())


def semcorpus(*arguments: str) -> str:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "jobs", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def prepared(name: str, shared: Path, work: Path, train: int) -> tuple[Path, list[str]]:
    """An index with pixels and labels, and what `finetune` is told of the labels."""
    corpus, index = work / name / "corpus", work / name / "index"
    sets = {"learnt": corpus / "train", "judged": corpus / "test"} if name == "gtsrb" else {"learnt": corpus}
    if not corpus.exists():
        lay_gtsrb(shared, corpus, train) if name == "gtsrb" else demo(shared, corpus, 0)
    given = [option for label, place in sets.items() for option in ("--labels", f"{label}={place}")]
    recipe = work / f"{name}.toml"
    recipe.write_text(RECIPES[name])
    semcorpus(
        "run", str(corpus), str(index), *given, "--recipe", str(recipe), "--until", "pixels", "--engines", "local"
    )  # fmt: skip
    return index, ["--labels", "learnt", *(["--judge", "judged"] if "judged" in sets else [])]


def measure(index: Path, labels: list[str], number: int, settings: tuple[str, ...]) -> dict[str, Any]:
    """Train one network and embed all pictures; accuracy on held-out pictures, and processor seconds of both."""
    name = f"network{number}"
    chosen = [option for one in settings for option in ("--set", f"embed.{name}.{one}")]
    layers = ["--layers", next(one for one in settings if one.startswith("layers=")).removeprefix("layers=")]
    before, began = os.times(), time.monotonic()
    told = semcorpus(
        "finetune", str(index), *labels, *layers, "--name", name, *chosen, "--set", f"embed.{name}.views=square",
        "--engines", "local", "--format", "json", "--set", "run.checkpoint_seconds=60",
    )  # fmt: skip
    spent = os.times()
    report = json.loads(told.strip().splitlines()[-1])
    seconds = spent.children_user + spent.children_system - before.children_user - before.children_system
    return {
        "accuracy": report["accuracy"],
        "judged": int(np.sum(report["confusion"])),
        "cpu_seconds": round(seconds),
        "seconds": round(time.monotonic() - began),
        "settings": list(settings),
    }


def main() -> None:
    """Measure the sets that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--sets", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--networks", nargs="+", help="only these")
    parser.add_argument("--train", type=int, default=5000, help="training pictures of GTSRB")
    parser.add_argument("--work", type=Path, required=True, help="a folder for corpora and indexes")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    for name in options.sets:
        index, labels = prepared(name, options.shared / "data", options.work, options.train)
        for number, (network, settings) in enumerate(RUNS[name].items()):
            if not options.networks or network in options.networks:
                found.setdefault(name, {})[network] = measure(index, labels, number, settings)
                print(name, network, found[name][network], flush=True)
                if options.output:
                    options.output.write_text(json.dumps({"machine": describe_machine(), "sets": found}, indent=1))


if __name__ == "__main__":
    main()
