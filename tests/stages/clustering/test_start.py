"""k-means that begins from stored centres: the start is in the key, and nothing else of the past decides."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from pipeline.config import Recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.errors import RecipeError
from pipeline.index.store import open_index
from pipeline.job import open_runner, run_stages
from pipeline.progress import Silent
from pipeline.stages.clustering.stored import AFRESH, START
from tests.stages.conftest import cheap_recipe
from tests.stored import stored_arrays

METHODS = 'cluster.methods=[{method = "kmeans", start = "stored", vectors = ["cae"]}]'


def _cluster(demo: Path, index: Path, *settings: str) -> tuple[zarr.Group, int]:
    """The index after the stage, and how many things it did."""
    recipe: Recipe = cheap_recipe(demo, METHODS, *settings)
    corpus = Corpus(str(demo / "corpus"), recipe.corpus)
    with open_runner(corpus, index, recipe, engines=EngineChoice.parse("local"), listener=Silent()) as runner:
        done = run_stages(runner, ("cluster",)).stages[0].items
    return open_index(index).read(), done


def _about(root: zarr.Group) -> dict[str, Any]:
    return dict(root["clusters/cae-kmeans"].attrs)


def test_the_start_is_part_of_the_key(demo: Path, reference_index: Path, tmp_path: Path) -> None:
    index = Path(shutil.copytree(reference_index, tmp_path / "index"))
    first, done = _cluster(demo, index)
    assert done > 0
    assert _about(first)[START] == AFRESH  # what was there had been asked to begin afresh
    model: Any = first["cluster_models/cae-kmeans"]
    centers = {k: model[f"centers_{k}"][:] for k in (2, 5, 9)}
    assert "start_centers_5" not in model
    assert _cluster(demo, index)[1] == 0  # nothing is missing

    second, done = _cluster(demo, index, "cluster.seed=1")
    assert done > 0
    assert _about(second)[START] not in (AFRESH, None)
    assert _about(second)["key"] != _about(first)["key"]
    model = second["cluster_models/cae-kmeans"]
    for k, expected in centers.items():
        np.testing.assert_array_equal(model[f"start_centers_{k}"][:], expected)
        np.testing.assert_array_equal(model[f"centers_{k}"][:], expected)  # which nothing moves
        assert model[f"start_inertias_{k}"].shape == (0,)
    assert _cluster(demo, index, "cluster.seed=1")[1] == 0


def test_beginning_afresh_gives_the_same_bits_and_key(demo: Path, reference_index: Path, tmp_path: Path) -> None:
    """Whatever stored centres were there."""
    index = Path(shutil.copytree(reference_index, tmp_path / "index"))
    _cluster(demo, index)
    recipe = cheap_recipe(demo)
    corpus = Corpus(str(demo / "corpus"), recipe.corpus)
    with open_runner(corpus, index, recipe, engines=EngineChoice.parse("local"), listener=Silent()) as runner:
        run_stages(runner, ("cluster",))
    before, after = stored_arrays(reference_index), stored_arrays(index)
    names = [name for name in before if name.startswith(("clusters/", "cluster_models/"))]
    assert names
    assert all(np.array_equal(before[name], after[name]) for name in names)
    old, new = _about(open_index(reference_index).read()), _about(open_index(index).read())
    assert new["key"] == old["key"]


def test_transformed_vectors_have_no_stored_centres(demo: Path) -> None:
    with pytest.raises(RecipeError, match="no transform"):
        cheap_recipe(demo, 'cluster.methods=[{method = "kmeans", start = "stored", transform = ["l2"]}]')
