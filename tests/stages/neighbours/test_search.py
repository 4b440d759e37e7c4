"""The stage of neighbours: equal to one search of all vectors, whatever came, went or was interrupted in between."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.config import Recipe, load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice, Engines
from pipeline.errors import RecipeError
from pipeline.index.rows import RowArray, require_rows, shards_of, write_shard
from pipeline.index.store import Index, create_index
from pipeline.index.tables import write_table
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.neighbours.nearest import Metric, nearest_neighbours
from pipeline.progress import Silent
from pipeline.runtime.execute import Runner
from pipeline.runtime.plan import Context
from pipeline.stages.clustering import cluster as clustering_stage
from pipeline.stages.neighbours import search as stage
from pipeline.stages.neighbours import updates as neighbour_updates
from pipeline.stages.neighbours.tables import read_neighbours
from pipeline.stages.vectors.sets import VectorSet, vector_sets
from tests.stages.conftest import OneEngine

TEXT = """
autoencode = []
[[embed]]
name = "made"
model = "test_resnet"
weights = "random"
[neighbours]
k = 7
block_rows = 64
[cluster]
methods = ["kmeans"]
"""
WIDTH = 12
ALL = 300


def _recipe(*assignments: str) -> Recipe:
    return load_recipe("test", builtin={"test": TEXT}, assignments=assignments)


@pytest.fixture(scope="module")
def values() -> NDArray[np.float32]:
    """Rounded, so that there are copies and ties."""
    values = np.random.default_rng(0).standard_normal((ALL, WIDTH)).round(0).astype(np.float32)
    values[[40, 41, 250]] = values[3]
    return values


def _store(index: Index, recipe: Recipe, values: NDArray[np.float32], present: NDArray[np.bool_]) -> None:
    """Make an index hold these vectors, of which some images have gone."""
    n = len(values)
    transaction = index.begin()
    root = transaction.root
    columns: dict[str, NDArray[Any]] = {
        "md5": np.arange(4 * n, dtype=np.uint32).view(np.uint8).reshape(n, 16),
        "picture": np.arange(n),
        "present": present,
    }
    write_table(root, "images", columns)
    require_rows(root, "embeddings/made", (RowArray("vectors", "float32", (WIDTH,)),), n, 128)
    key = _key(root, recipe)
    for shard, rows in shards_of(np.arange(n), 128, n):
        write_shard(root, "embeddings/made", shard, rows, {"vectors": values[rows]}, key)
    transaction.commit("made", {})


def _key(root: Any, recipe: Recipe) -> int:
    from pipeline.stages.vectors.sets import row_key

    found = row_key(root, recipe, recipe.embed[0])
    assert found is not None
    return found


class _StoppedError(Exception):
    """The run is killed here."""


def _run(index: Index, recipe: Recipe, tmp_path: Path, engines: Engines | None = None) -> int:
    """Run the stage; the number of new vectors that it says it has compared."""
    if engines is not None:
        return Runner(index, Corpus(str(tmp_path)), recipe, engines, Silent()).run(stage.STAGE).items
    with Engines(EngineChoice.parse("local"), Silent()) as local:
        return _run(index, recipe, tmp_path, local)


def _set(index: Index, recipe: Recipe) -> VectorSet:
    (found,) = vector_sets(index.read(), recipe)
    return found


def _arrays(index: Index) -> dict[str, NDArray[Any]]:
    group: Any = index.read()["neighbours/made"]
    return {name: np.asarray(array[:]) for name, array in group.arrays()}


def _assert_same(one: Index, other: Index) -> None:
    a, b = _arrays(one), _arrays(other)
    assert a.keys() == b.keys() == {"images", "indices", "distances", "distances_sq", "key"}
    for name in a:
        assert a[name].tobytes() == b[name].tobytes(), name


@pytest.fixture
def new_index(tmp_path: Path) -> Callable[[str], Index]:
    """Makes empty indexes."""
    return lambda name: create_index(tmp_path / name, attributes={"shard_rows": 128})


@pytest.mark.parametrize("block_rows", [64, 100, 4096])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_equals_one_search_of_all(
    new_index: Callable[[str], Index], values: NDArray[np.float32], tmp_path: Path, block_rows: int, metric: Metric
) -> None:
    recipe = _recipe(f"neighbours.block_rows={block_rows}", f"neighbours.metric={metric}")
    index = new_index("index")
    present = np.arange(ALL) % 5 != 2
    _store(index, recipe, values, present)
    assert _run(index, recipe, tmp_path) == present.sum()
    table = read_neighbours(index.read(), recipe, _set(index, recipe))
    assert table is not None
    indices, distances = nearest_neighbours(values[present], 7, metric=metric)
    np.testing.assert_array_equal(table.indices, indices)
    np.testing.assert_array_equal(table.distances, distances)
    assert _run(index, recipe, tmp_path) == 0, "nothing is missing"
    euclidean = nearest_neighbours(values[present], 7)[1] if metric == "euclidean" else None
    if euclidean is not None:
        np.testing.assert_array_equal(table.chords(), euclidean.astype(np.float64))
    else:
        np.testing.assert_allclose(table.chords() ** 2, 2 * distances, rtol=1e-6)


def test_vectors_that_come_and_go_end_in_the_bits_of_a_fresh_run(
    new_index: Callable[[str], Index], values: NDArray[np.float32], tmp_path: Path
) -> None:
    recipe = _recipe()
    index = new_index("grown")
    states = [np.arange(170) % 7 != 3, np.ones(230, bool), np.arange(ALL) % 11 != 5, np.arange(ALL) % 11 != 5]
    states[3][[0, 40, 3]] = False
    for number, present in enumerate(states):
        _store(index, recipe, values[: len(present)], present)
        _run(index, recipe, tmp_path)
        fresh = new_index(f"fresh {number}")
        _store(fresh, recipe, values[: len(present)], present)
        _run(fresh, recipe, tmp_path)
        _assert_same(index, fresh)


def test_new_vectors_cost_m_times_n(
    new_index: Callable[[str], Index],
    values: NDArray[np.float32],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe, index = _recipe(), new_index("index")
    _store(index, recipe, values[:280], np.ones(280, bool))
    _run(index, recipe, tmp_path)
    looked_at = []
    search = stage.search_exactly

    def counted(vectors: Any, k: int, split: int | None = None, reach: Any = None) -> Any:
        looked_at.append(len(vectors) ** 2 // 2 if split is None else split * (len(vectors) - split))
        return search(vectors, k, split, reach)

    monkeypatch.setattr(stage, "search_exactly", counted)
    _store(index, recipe, values, np.ones(ALL, bool))
    assert _run(index, recipe, tmp_path) == 20
    assert sum(looked_at) == 20 * 280 + 20 * 20 // 2


def test_a_killed_run_goes_on_with_the_pairs_that_are_missing(
    new_index: Callable[[str], Index],
    values: NDArray[np.float32],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = _recipe("run.checkpoint_seconds=1e-9", "run.retries=0")
    index, fresh = new_index("killed"), new_index("fresh")
    for each in (index, fresh):
        _store(each, recipe, values, np.ones(ALL, bool))
    _run(fresh, recipe, tmp_path)
    merged = []
    merge = stage.merge_into

    def until_killed(root: Any, name: str, positions: Any, found: Any) -> None:
        merged.append(positions)
        if len(merged) == 9:
            raise _StoppedError
        merge(root, name, positions, found)

    monkeypatch.setattr(stage, "merge_into", until_killed)
    with pytest.raises(_StoppedError):
        _run(index, recipe, tmp_path)
    assert read_neighbours(index.read(), recipe, _set(index, recipe)) is None
    monkeypatch.undo()
    done = index.read()["neighbours/made"].attrs[stage._DONE]["pairs"]  # type: ignore[index,call-overload]
    assert len(done) >= 3
    assert 0 < _run(index, recipe, tmp_path) < ALL
    _assert_same(index, fresh)


def test_a_change_in_the_middle_of_a_run_is_no_loss(
    new_index: Callable[[str], Index],
    values: NDArray[np.float32],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = _recipe("run.checkpoint_seconds=1e-9")
    index, fresh = new_index("changed"), new_index("fresh")
    _store(index, recipe, values[:200], np.ones(200, bool))
    _run(index, recipe, tmp_path)
    _store(index, recipe, values[:260], np.ones(260, bool))
    monkeypatch.setattr(stage, "settle", lambda *_: (_ for _ in ()).throw(_StoppedError()))
    with pytest.raises(_StoppedError):
        _run(index, recipe, tmp_path)
    monkeypatch.undo()
    present = np.arange(ALL) != 210
    for each in (index, fresh):
        _store(each, recipe, values, present)
        _run(each, recipe, tmp_path)
    _assert_same(index, fresh)


def test_steps_bound_what_the_driver_holds(
    new_index: Callable[[str], Index], values: NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = _recipe()
    index, fresh = new_index("steps"), new_index("fresh")
    for each in (index, fresh):
        _store(each, recipe, values, np.ones(ALL, bool))
    _run(fresh, recipe, tmp_path)
    monkeypatch.setattr(stage, "_STEP_BYTES", 0)
    monkeypatch.setattr(stage, "_FEWEST_TASKS", 4)
    assert _run(index, recipe, tmp_path) == ALL
    steps = [commit.metadata["step"] for commit in index.history() if commit.metadata.get("kind") == "stage"]
    bounds = [(14, 15), (10, 13), (6, 9), (5, 5), (1, 4)]  # five blocks, searched within themselves first
    assert steps == [f"made, tasks {first} to {last} of 15" for first, last in bounds]
    _assert_same(index, fresh)


@pytest.mark.engines
@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_other_workers_find_the_same_bits(
    new_index: Callable[[str], Index],
    values: NDArray[np.float32],
    tmp_path: Path,
    cluster: Engines,
    engine: Literal["dask", "ray"],
) -> None:
    recipe = _recipe()
    index, fresh = new_index(engine), new_index("fresh")
    for each in (index, fresh):
        _store(each, recipe, values, np.ones(ALL, bool))
    _run(fresh, recipe, tmp_path)
    _run(index, recipe, tmp_path, OneEngine(cluster.pick(engine, seconds=1e9)))
    assert engine in {commit.metadata.get("engine") for commit in index.history()}
    _assert_same(index, fresh)


def test_small_pieces_of_the_table_make_no_difference(
    new_index: Callable[[str], Index], values: NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = _recipe()
    index, fresh = new_index("pieces"), new_index("fresh")
    _store(index, recipe, values[:190], np.arange(190) % 3 != 0)
    monkeypatch.setattr(neighbour_updates, "_PIECE_ROWS", 17)
    _run(index, recipe, tmp_path)
    _store(index, recipe, values, np.ones(ALL, bool))
    _run(index, recipe, tmp_path)
    monkeypatch.undo()
    _store(fresh, recipe, values, np.ones(ALL, bool))
    _run(fresh, recipe, tmp_path)
    _assert_same(index, fresh)


def test_a_vector_of_zeros_has_no_cosine(
    new_index: Callable[[str], Index], values: NDArray[np.float32], tmp_path: Path
) -> None:
    recipe, index = _recipe("neighbours.metric=cosine"), new_index("index")
    blank = values[:100].copy()
    blank[70] = 0
    _store(index, recipe, blank, np.ones(100, bool))
    with pytest.raises(InvalidDataError, match="direction"):
        _run(index, recipe, tmp_path)


def test_density_peaks_want_euclidean_neighbours() -> None:
    with pytest.raises(RecipeError, match="density_peaks"):
        load_recipe(assignments=["neighbours.metric=cosine"])


@pytest.mark.skipif(importlib.util.find_spec("faiss") is None, reason="FAISS (faiss-cpu) is not installed")
def test_above_a_size_neighbours_are_approximate_and_say_so(new_index: Callable[[str], Index], tmp_path: Path) -> None:
    made = np.random.default_rng(3).standard_normal((1200, WIDTH)).astype(np.float32)
    few = ("neighbours.approximate_links=2", "neighbours.approximate_breadth=8")
    large = "neighbours.block_rows=600"
    approximate, exact = _recipe("neighbours.approximate_above=1000", large, *few), _recipe(large)
    index, fresh = new_index("index"), new_index("fresh")
    for each in (index, fresh):
        _store(each, exact, made, np.ones(len(made), bool))
    assert _run(index, approximate, tmp_path) == len(made)
    assert _run(index, approximate, tmp_path) == 0
    told: Any = index.read()["neighbours/made"].attrs
    assert "HNSW" in told["method"]
    found = _arrays(index)
    _run(fresh, exact, tmp_path)
    true = _arrays(fresh)
    shares = [len(np.intersect1d(a, b)) / 7 for a, b in zip(found["indices"], true["indices"], strict=True)]
    assert 0.3 < np.mean(shares) < 1, "a graph of so few links misses some"
    assert told["recall"] == pytest.approx(np.mean(shares), abs=0.05)
    assert (found["distances"] >= true["distances"]).all(), "what is found lies where it is said to lie"

    _run(index, exact, tmp_path)
    _assert_same(index, fresh)
    assert index.read()["neighbours/made"].attrs["method"] == "exact"


@pytest.mark.parametrize("seen", [False, True])
def test_auto_plans_for_gpus_where_the_driver_sees_one(
    seen: bool, values: NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neighbours and k-means alike."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: seen)
    recipe = _recipe("neighbours.device=auto", 'cluster.methods=[{method = "kmeans", k = [4], device = "auto"}]')
    index = create_index(tmp_path / "index", attributes={"shard_rows": 128})
    _store(index, recipe, values, np.ones(ALL, np.bool_))
    context = Context(index.read(), recipe, Corpus(str(tmp_path)))
    for planned in (stage.plan(context), clustering_stage.plan(context)):
        assert planned is not None
        assert (planned.engine, planned.gpus) == (("ray", 1.0) if seen else ("dask", 0.0))
