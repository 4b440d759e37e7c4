"""Seconds of every stage of the whole job on the demo corpus: in one process, and on Dask and Ray.

    python -m benchmarks.whole_job --images-per-class 20 --workers 2

Both kinds run in this one process, one after the other, on the same files. The seconds of the engines' start are given
apart from those of the stages.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from pipeline.config import Recipe, load_recipe
from pipeline.demo import write_demo_corpus
from pipeline.engine import EngineChoice
from pipeline.job import run
from pipeline.progress import Event, Silent, StageFinished


@dataclass
class _Clock(Silent):
    """Notes the seconds of every stage, and of the engines' start."""

    seconds: dict[str, float] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)

    def tell(self, event: Event) -> None:
        if isinstance(event, StageFinished):
            self.seconds[event.stage] = round(event.seconds, 3)
            self.items[event.stage] = event.items


def measure(recipe: Recipe, *, images_per_class: int, workers: int, engines: Sequence[str]) -> dict[str, Any]:
    """Run the job on a new demo corpus once with each choice of engines.

    Returns
    -------
    dict
        ``machine``, ``files``, and for each choice its seconds in all and by stage (wall clock; a stage that is the
        first on an engine holds that engine's start), and the seconds of a second run that finds nothing to do.
    """
    results: dict[str, Any] = {"machine": describe_machine(), "images_per_class": images_per_class, "workers": workers}
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "demo"
        results["files"] = write_demo_corpus(demo, images_per_class=images_per_class).files
        for choice in engines:
            index = Path(folder) / choice.replace(",", "-")
            results[choice] = _measure_one(demo, index, recipe, EngineChoice.parse(choice, workers=workers))
    return results


def _measure_one(demo: Path, index: Path, recipe: Recipe, choice: EngineChoice) -> dict[str, Any]:
    clock = _Clock()
    places = {"label_sets": {"classes": str(demo / "labels")}, "recipe": recipe, "engines": choice}
    began = time.perf_counter()
    run(demo / "corpus", index, listener=clock, **places)  # type: ignore[arg-type]
    first = time.perf_counter() - began
    began = time.perf_counter()
    run(demo / "corpus", index, **places)  # type: ignore[arg-type]
    second = time.perf_counter() - began
    return {"seconds": round(first, 2), "stages": clock.seconds, "second_run_seconds": round(second, 2)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images-per-class", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engines", nargs="+", default=["local", "dask,ray"])
    chosen = parser.parse_args(arguments)
    found = measure(
        load_recipe(), images_per_class=chosen.images_per_class, workers=chosen.workers, engines=chosen.engines
    )
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
