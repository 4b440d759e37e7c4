"""Running the whole job on a small corpus with settings that cost little."""

from pathlib import Path

from pipeline.config import STAGE_NAMES, Recipe, load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import Engine, EngineChoice, Engines
from pipeline.engine.opening import EngineName
from pipeline.job import REPORT, open_runner, run_stages
from pipeline.progress import Silent

CHEAP_WITHOUT_LABELS = (
    "embed.name=cae",
    "embed.model=autoencoder",
    "autoencode.vectors=cae",
    "pixels.size=64",
    "embed.epochs=1",
    "embed.input_size=32",
    "autoencode.layers=[8, 4]",
    "autoencode.epochs=2",
    "autoencode.min_steps=0",
    "cluster.k=[2, 5, 9]",
    "assess.stability=always",
    "assess.resamples=2",
    "walk.files_per_task=8",
)
CHEAP = (*CHEAP_WITHOUT_LABELS, "subdivide.labels=classes", "subdivide.resamples=3", "subdivide.min_pictures=4")


class OneEngine(Engines):
    """Hands out one and the same engine for all work."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(EngineChoice.parse("local"), Silent())
        self._engine = engine

    def pick(self, preferred: EngineName, *, seconds: float) -> Engine:
        return self._engine


def cheap_recipe(demo: Path, *assignments: str) -> Recipe:
    """The default recipe, cheap, with the demo's labels."""
    overrides = {"labels.sets": {"classes": str(demo / "labels")}}
    return load_recipe(assignments=[*CHEAP, *assignments], overrides=overrides)


def run_job(demo: Path, index: Path, recipe: Recipe, engines: Engines | None = None, *, report: bool = True) -> None:
    """The whole job on the demo corpus; without its report it takes two thirds of the time."""
    corpus = Corpus(str(demo / "corpus"), recipe.corpus)
    with open_runner(corpus, index, recipe, engines=EngineChoice.parse("local"), listener=Silent()) as runner:
        if engines is not None:
            runner = type(runner)(runner.index, corpus, recipe, engines, runner.listener)
        run_stages(runner, tuple(name for name in STAGE_NAMES if report or name != REPORT))
