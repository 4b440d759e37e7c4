"""One process, one actor, two actors, and a run that was broken off and taken up again store the same vectors."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice, Engines
from pipeline.index.rows import write_shard
from pipeline.index.store import open_index
from pipeline.job import open_runner, run_stages
from pipeline.progress import Silent
from pipeline.stages.vectors import making
from tests.stages.conftest import OneEngine, cheap_recipe
from tests.stored import stored_arrays

_CHECKPOINTS = "run.checkpoint_seconds=0.001"


@pytest.fixture
def pictures(reference_index: Path, tmp_path: Path) -> Path:
    """The index of one process, gone back to before its networks."""
    place = Path(shutil.copytree(reference_index, tmp_path / "index"))
    index = open_index(place)
    index.rollback(next(one.id for one in index.history() if one.metadata.get("stage") == "pixels"))
    return place


def _embed(demo: Path, place: Path, engines: Engines | None = None) -> None:
    recipe = cheap_recipe(demo, _CHECKPOINTS)
    corpus = Corpus(str(demo / "corpus"), recipe.corpus)
    with open_runner(corpus, place, recipe, engines=EngineChoice.parse("local"), listener=Silent()) as runner:
        run_stages(replace(runner, engines=engines) if engines else runner, ("embed", "autoencode"))


def _made(place: Path) -> dict[str, bytes]:
    """Networks, vectors and codes, as they are stored."""
    groups = ("networks/", "embeddings/", "codes/")
    return {path: kept.tobytes() for path, kept in stored_arrays(place).items() if path.startswith(groups)}


@pytest.mark.parametrize("actors", [1, 2])
def test_actors_store_the_bits_of_one_process(
    actors: int, demo: Path, pictures: Path, reference_index: Path, cluster: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = cluster.pick("ray", seconds=1e9)
    monkeypatch.setattr(ray, "workers", actors)
    _embed(demo, pictures, OneEngine(ray))
    assert _made(pictures) == _made(reference_index)
    assert open_index(pictures).history()[0].metadata["engine"] == "ray"


def test_a_run_that_was_broken_off_after_a_shard_stores_the_bits_of_a_whole_one(
    demo: Path, pictures: Path, reference_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = list[str]()

    def breaking(root: Any, group: str, *rest: Any) -> None:
        if group in written:
            raise KeyboardInterrupt
        write_shard(root, group, *rest)
        written.append(group)

    with monkeypatch.context() as patched:
        patched.setattr(making, "write_shard", breaking)
        with pytest.raises(KeyboardInterrupt):
            _embed(demo, pictures)
    group = open_index(pictures).read()["embeddings/cae"]
    done = int(np.sum(np.asarray(group["key"][:]) != 0))
    assert written == ["embeddings/cae"]
    assert 0 < done < int(np.sum(np.asarray(open_index(reference_index).read()["embeddings/cae/key"][:]) != 0))
    _embed(demo, pictures)
    assert _made(pictures) == _made(reference_index)
