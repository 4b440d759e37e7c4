"""The stage map: laying out once, placing what comes later, clustering on a map."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import Recipe, load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.index.reports import read_report_table
from pipeline.index.store import Index, open_index
from pipeline.job import open_runner, run_stages
from pipeline.progress import Event, Silent
from pipeline.stages.maps.stored import read_map

TEXT = """
[scale]
enabled = false
[pixels]
size = 32
[embed]
name = "own"
model = "autoencoder"
epochs = 1
input_size = 32
[[map]]
method = "tsne"
name = "flat"
vectors = "own"
max_points = MOST
iterations = 20
[cluster]
methods = [{method = "kmeans", vectors = ["flat"], k = [3]}, {method = "density_peaks", vectors = ["flat"], k = [3]}]
"""
STAGES = ("walk", "pair", "pixels", "embed", "map", "cluster")


def recipe_of(most: int, *assignments: str) -> Recipe:
    text = TEXT.replace("MOST", str(most))
    recipe = load_recipe("test", builtin={"test": text}, assignments=["autoencode.vectors=own", *assignments])
    return Recipe.model_validate(recipe.model_dump() | {"autoencode": ()})


def ran(corpus: Path, place: Path, recipe: Recipe, *, report: bool = False) -> Index:
    source = Corpus(str(corpus), recipe.corpus)
    with open_runner(source, place, recipe, engines=EngineChoice.parse("local"), listener=Silent()) as runner:
        run_stages(runner, (*STAGES, "report") if report else STAGES)
    return open_index(place)


def stored(index: Index, recipe: Recipe) -> Any:
    found = read_map(index.read(), recipe, recipe.map[0])
    assert found is not None
    return found


@pytest.fixture(scope="module")
def half(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A corpus that lacks some of the demo's files, and its index with a map of 20 pictures."""
    place = tmp_path_factory.mktemp("maps")
    corpus = Path(shutil.copytree(demo / "corpus", place / "corpus"))
    files = sorted(path for path in corpus.rglob("*") if path.suffix in (".tif", ".jpg", ".png"))
    (place / "later").mkdir()
    for number, path in enumerate(files[::9]):
        path.rename(place / "later" / f"{number}{path.suffix}")
    ran(corpus, place / "index", recipe_of(20))
    return corpus, place / "index"


def test_some_are_laid_out_and_the_others_placed(half: tuple[Path, Path]) -> None:
    found = stored(open_index(half[1]), recipe_of(20))
    assert found.fitted.sum() == 20 < len(found.images)
    assert found.coordinates.shape == (len(found.images), 2)
    assert np.isfinite(found.coordinates).all()


def test_nothing_is_laid_out_twice(half: tuple[Path, Path]) -> None:
    before = open_index(half[1]).commit
    assert ran(*half, recipe_of(20)).commit == before


def test_new_pictures_are_placed_and_old_ones_stay(half: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, index = half[0], Path(shutil.copytree(half[1], tmp_path / "index"))
    recipe = recipe_of(20)
    before = stored(open_index(index), recipe)
    shutil.copytree(corpus.parent / "later", corpus / "later")
    try:
        after = stored(ran(corpus, index, recipe, report=True), recipe)
    finally:
        shutil.rmtree(corpus / "later")
    assert len(after.images) > len(before.images)
    old = np.searchsorted(after.images, before.images)
    np.testing.assert_array_equal(after.coordinates[old], before.coordinates)
    assert not np.delete(after.fitted, old).any()
    table = read_report_table(open_index(index).location, "maps")
    assert table.num_rows == len(after.images)
    assert table["placed"].to_pylist().count(False) == 20


def test_a_map_that_is_outgrown_is_laid_out_anew(demo: Path, tmp_path: Path) -> None:
    few = recipe_of(1000, "corpus.sample=25")
    first = stored(ran(demo / "corpus", tmp_path / "index", few), few)
    every = recipe_of(1000)
    second = stored(ran(demo / "corpus", tmp_path / "index", every), every)
    assert len(second.images) > 2 * len(first.images)
    assert second.fitted.all()


def test_clusterings_take_a_map_where_they_name_it(half: tuple[Path, Path]) -> None:
    root = open_index(half[1]).read()
    for method in ("kmeans", "density_peaks"):
        labels: Any = np.asarray(root[f"clusters/flat-{method}/labels"][:])
        assert len(np.unique(labels)) == 3
    assert "own-kmeans" not in set(root["clusters"].group_keys())


def test_what_cannot_be_laid_out_is_said(demo: Path, tmp_path: Path) -> None:
    recipe = recipe_of(1000, "corpus.sample=3")
    source = Corpus(str(demo / "corpus"), recipe.corpus)
    listener = Notes()
    with open_runner(source, tmp_path / "i", recipe, engines=EngineChoice.parse("local"), listener=listener) as runner:
        run_stages(runner, ("walk", "pair", "pixels", "embed", "map"))
    assert any("map: flat of own is left out" in text for text in listener.texts)


class Notes(Silent):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def tell(self, event: Event) -> None:
        self.texts.append(str(event))
