"""Hierarchical k-means over the blocks of a store has the same bits on every engine."""

import shutil
from pathlib import Path

import pytest

from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice, Engines
from pipeline.engine.opening import EngineName
from pipeline.job import open_runner, run_stages
from pipeline.progress import Silent
from pipeline.stages.clustering import blocks
from tests.stages.conftest import OneEngine, cheap_recipe
from tests.stored import differing_arrays

METHOD = 'cluster.methods=[{method = "hierarchical_kmeans", vectors = ["cae"], k = [2, 9], resamples = 1}]'


def _clustered(demo: Path, index: Path, engines: Engines) -> None:
    recipe = cheap_recipe(demo, METHOD)
    corpus = Corpus(str(demo / "corpus"), recipe.corpus)
    with open_runner(corpus, index, recipe, engines=EngineChoice.parse("local"), listener=Silent()) as runner:
        runner = type(runner)(runner.index, corpus, recipe, engines, runner.listener)
        assert run_stages(runner, ("cluster",)).stages[0].items > 0


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_the_same_bits(
    engine: EngineName,
    cluster: Engines,
    demo: Path,
    reference_index: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = [Path(shutil.copytree(reference_index, tmp_path / name)) for name in ("here", "there")]
    _clustered(demo, places[0], OneEngine(cluster.pick("local", seconds=1e9)))
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 7)
    _clustered(demo, places[1], OneEngine(cluster.pick(engine, seconds=1e9)))
    assert differing_arrays(*places) == []
