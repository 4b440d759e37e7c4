"""Pictures a second of the stage `embed`, beside a bare loop of the same network over pictures that are in memory.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.embed --pictures 400
    OMP_NUM_THREADS=1 python -m benchmarks.embed --models inception_v3 --pictures 60 --ray-data

Both load the network and go over the same pictures, squares as large as the network's input, in one run, one after the
other; the stage reads them from the store, writes the vectors shard by shard and commits. CPU seconds of this process,
with all its threads, and seconds of the clock; on a GPU (``--device cuda``) only the latter tell. The weights are
random where no package brings the model's. ``--ray-data`` adds Ray Data's pool of one actor beside one actor of the
stage, in turns, by the clock, from a Ray that has started to the last vector: both start an actor that loads the
network. Ray Data has the pictures in Ray's memory and leaves the vectors there; the stage reads the store, writes and
commits.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from pipeline.config import Recipe, load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.job import open_runner, run_stages
from pipeline.models.packaged_weights import PACKAGED_WEIGHTS
from pipeline.networks.base import PictureEncoder
from pipeline.networks.timm_backbone import TimmSettings, load
from pipeline.progress import Event, Silent, StageFinished, StageStarted

Squares = NDArray[np.uint8]
_TURNS = 3

_RECIPE = """
autoencode = []
map = []
[run]
stages = ["arrays", "embed"]
[arrays]
pictures = "squares"
[pixels]
size = {side}
"""


def measure(
    model: str, n_pictures: int, *, device: str = "cpu", batch: int = 16, ray_data: bool = False
) -> dict[str, Any]:
    """Time the stage and the bare loop.

    Returns
    -------
    dict
        Pictures a second of each by CPU time and by the clock, and the ratios: 1 means that the stage costs nothing
        beside the network.
    """
    weights = "package" if model in PACKAGED_WEIGHTS else "random"
    settings = TimmSettings(model=model, weights=weights, views="square", device=device, batch_size=batch)  # type: ignore[arg-type]
    side = load(settings, b"").image_size
    squares = np.random.default_rng(0).integers(0, 256, (n_pictures, side, side), np.uint8)
    load(settings, b"").encode(squares[:batch])  # what is compiled once
    bare = _timed(lambda: _bare_loop(settings, squares, batch))
    with tempfile.TemporaryDirectory() as folder:
        runner = _Stage(Path(folder), settings, squares)
        stage = _timed(lambda: runner.embed("local"))
        found = {
            "model": model,
            "side": side,
            "pictures": n_pictures,
            "bare_a_second": {name: round(n_pictures / value, 2) for name, value in bare.items()},
            "stage_a_second": {name: round(n_pictures / value, 2) for name, value in stage.items()},
            "ratio": {name: round(bare[name] / stage[name], 3) for name in bare},
        }
        return found | (_beside_ray_data(runner, settings, squares, batch) if ray_data else {})


def _timed(call: Callable[[], object]) -> dict[str, float]:
    began = time.process_time(), time.perf_counter()
    call()
    return {"cpu": time.process_time() - began[0], "clock": time.perf_counter() - began[1]}


def _bare_loop(settings: TimmSettings, squares: Squares, batch: int) -> None:
    encoder = load(settings, b"")
    for start in range(0, len(squares), batch):
        encoder.encode(squares[start : start + batch])


class _Stage:
    """A corpus of arrays whose squares are stored; `embed` starts anew each time."""

    def __init__(self, folder: Path, settings: TimmSettings, squares: Squares) -> None:
        self._folder = folder / "corpus"
        self._folder.mkdir()
        np.savez(self._folder / "squares.npz", squares=squares)
        self._entry = settings
        self._side = squares.shape[1]
        self._index = folder / "index"
        self._run(self._recipe("none"), ("arrays",), "local")

    def embed(self, engine: str, *, name: str = "first") -> float:
        """All vectors of an entry that the index lacks, by one worker; seconds without the engine's start."""
        return self._run(self._recipe(name), ("embed",), engine)

    def _recipe(self, name: str) -> Recipe:
        entry = self._entry.model_dump(exclude={"name", "select"})
        lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items() if value is not None]
        text = _RECIPE.format(side=self._side)
        return load_recipe(
            "benchmark", builtin={"benchmark": "\n".join([text, "[[embed]]", f'name = "{name}"', *lines])}
        )

    def _run(self, recipe: Recipe, stages: tuple[str, ...], engine: str) -> float:
        clock = _Clock()
        corpus, choice = Corpus(str(self._folder), recipe.corpus), EngineChoice.parse(engine, workers=1)
        with open_runner(corpus, self._index, recipe, engines=choice, listener=clock) as runner:
            done = run_stages(runner, stages).stages
        assert done[-1].items > 0, "there was something to do"
        return clock.seconds


def _beside_ray_data(stage: _Stage, settings: TimmSettings, squares: Squares, batch: int) -> dict[str, Any]:
    """Seconds of one actor of the stage and of Ray Data's pool of one, turn by turn."""
    ours, theirs = [], []
    for turn in range(_TURNS):
        ours.append(round(stage.embed("ray", name=f"ray{turn}"), 2))
        theirs.append(round(_by_ray_data(settings, squares, batch), 2))
    ratio = round(float(np.median(np.array(theirs) / np.array(ours))), 3)
    return {"stage_seconds": ours, "ray_data_seconds": theirs, "ray_data_over_stage": ratio}


def _by_ray_data(settings: TimmSettings, squares: Squares, batch: int) -> float:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        pictures = ray.data.from_numpy(squares).materialize()
        began = time.perf_counter()
        options: dict[str, Any] = {"batch_size": batch, "concurrency": 1, "fn_constructor_args": (settings,)}
        pictures.map_batches(_RayDataEncoder, **options).materialize()
        return time.perf_counter() - began
    finally:
        ray.shutdown()


class _Clock(Silent):
    """Seconds from the moment when an engine is ready to the end of the stage."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def tell(self, event: Event) -> None:
        if isinstance(event, StageStarted):
            self._began = time.perf_counter()
        elif isinstance(event, StageFinished):
            self.seconds = time.perf_counter() - self._began


class _RayDataEncoder:
    """What Ray Data gives an actor."""

    def __init__(self, settings: TimmSettings) -> None:
        self._encoder: PictureEncoder = load(settings, b"")

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"vectors": self._encoder.encode(batch["data"])}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["tf_efficientnet_lite0", "inception_v3"])
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--ray-data", action="store_true")
    chosen = parser.parse_args(arguments)
    options = {"device": chosen.device, "batch": chosen.batch, "ray_data": chosen.ray_data}
    results = [measure(model, chosen.pictures, **options) for model in chosen.models]
    print(json.dumps({"machine": describe_machine(), "results": results}, indent=1))


if __name__ == "__main__":
    main()
