"""The stage of dimension: its parts together are what one process measures, and an interrupted run goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice, Engines
from pipeline.index.report_tables import report_tables
from pipeline.index.schema import Sources
from pipeline.index.store import Index, create_index, open_index
from pipeline.index.tables import read_table
from pipeline.kernels.dimension.gride import gride_curve
from pipeline.kernels.dimension.principal_components import fit_pca
from pipeline.kernels.dimension.two_nn import distinct_distances, two_nn
from pipeline.kernels.neighbours.nearest import nearest_neighbours
from pipeline.progress import Silent
from pipeline.runtime.execute import Runner
from pipeline.runtime.keys import random_seed
from pipeline.stages.dimension import estimate as dimension
from pipeline.stages.dimension import moments
from pipeline.stages.neighbours import search as neighbours
from pipeline.stages.neighbours.tables import SEARCHES
from tests.reference.decimation import decimation
from tests.stages.conftest import OneEngine
from tests.stages.neighbours.test_search import ALL, WIDTH, _recipe, _store


@pytest.fixture(scope="module")
def swiss() -> NDArray[np.float32]:
    """A square in 12 features."""
    rng = np.random.default_rng(0)
    flat = np.zeros((ALL, WIDTH))
    flat[:, :2] = rng.random((ALL, 2))
    return flat.astype(np.float32)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Index]:
    """Runs neighbours and dimension on a new index of these vectors."""

    def run(values: NDArray[np.float32], recipe: Recipe, name: str = "index", engines: Engines | None = None) -> Index:
        index = create_index(tmp_path / name, attributes={"shard_rows": 128})
        _store(index, recipe, values, np.ones(len(values), bool))
        _go(index, recipe, tmp_path, engines)
        return index

    return run


def _go(index: Index, recipe: Recipe, tmp_path: Path, engines: Engines | None = None) -> int:
    if engines is None:
        with Engines(EngineChoice.parse("local"), Silent()) as local:
            return _go(index, recipe, tmp_path, local)
    runner = Runner(index, Corpus(str(tmp_path)), recipe, engines, Silent())
    runner.run(neighbours.STAGE)
    return runner.run(dimension.STAGE).steps


def _tables(index: Index) -> dict[str, dict[str, NDArray[Any]]]:
    root = index.read()
    return {name: read_table(root, name) for name in [table.place for table in dimension.MEASURED]}


def test_equals_the_kernels(run: Callable[..., Index], swiss: NDArray[np.float32]) -> None:
    recipe = _recipe("dimension.decimation_repeats=3", "neighbours.k=20")
    found = _tables(run(swiss, recipe))
    table = found["dimension"]
    indices, distances = nearest_neighbours(swiss, 20)
    fit = two_nn(*distinct_distances(indices, distances), fraction=0.9)
    whole = (table["subsample"] < 0) & (table["fraction"] == 0.9)
    assert (table["dimension"][whole], table["ml_dimension"][whole]) == (fit.dimension, fit.ml_dimension)
    curve = decimation(swiss, [150, 75], seed=random_seed(0, "dimension", "made"), repeats=3)
    parts = table["subsample"] >= 0
    np.testing.assert_array_equal(table["dimension"][parts], curve.estimates.ravel())
    np.testing.assert_allclose(table["error"][parts], np.repeat(curve.spread, 3), rtol=1e-12)
    scales = gride_curve(distances.astype(np.float64))
    np.testing.assert_array_equal(found["dimension_scales"]["n2"], [2, 4, 8, 16])
    np.testing.assert_array_equal(found["dimension_scales"]["dimension"], [scale.dimension for scale in scales])
    pca = fit_pca(swiss, WIDTH)
    np.testing.assert_array_equal(found["spectrum"]["explained_variance_ratio"], pca.explained_variance_ratio)
    first = found["loadings"]["component"] == 1
    np.testing.assert_array_equal(
        found["loadings"]["loading"][first], pca.components[0][found["loadings"]["feature"][first]]
    )
    (findings,) = zip(*found["dimension_findings"].values(), strict=True)
    told = dict(zip(found["dimension_findings"], findings, strict=True))
    assert told["components_90"] == told["components_99"] == 2
    assert "plateau" in str(told["statement"]).lower()


def test_duplicates_are_counted_and_said(run: Callable[..., Index], swiss: NDArray[np.float32]) -> None:
    values = swiss.copy()
    values[:30] = values[100:130]
    index = run(values, _recipe())
    found = _tables(index)
    assert set(found["dimension"]["n_dropped"][found["dimension"]["subsample"] < 0]) == {60}
    assert str(found["dimension_findings"]["statement"][0]).startswith("60 duplicates were dropped.")


def test_near_copies_do_not_pull_the_dimension_down(run: Callable[..., Index], swiss: NDArray[np.float32]) -> None:
    """Rows one float apart are copies; copies further apart than rounding are said, with their images."""
    mixed = swiss.copy()
    mixed[1::10] = np.nextafter(swiss[::10][: len(mixed[1::10])], np.float32(2))
    table = read_table(run(mixed, _recipe("dimension.fractions=[0.9]")).read(), "dimension")
    whole = table["subsample"] == -1
    assert table["n_dropped"][whole].tolist() == [2 * len(mixed[1::10])]
    assert 1.7 < table["dimension"][whole][0] < 2.3

    apart = swiss.copy()
    apart[1::10] = swiss[::10][: len(apart[1::10])] + np.float32(2e-5)
    index = run(apart, _recipe("dimension.fractions=[0.9]"), "apart")
    statement = str(read_table(index.read(), "dimension_findings")["statement"][0])
    assert "near copies that are not paired" in statement
    assert "images 0 and 1" in statement


def test_discrete_vectors_are_said_to_be(run: Callable[..., Index]) -> None:
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 4), -1).reshape(-1, 4).astype(np.float32)
    values = np.pad(grid, ((0, 0), (0, WIDTH - 4)))
    found = _tables(run(values, _recipe()))
    whole = found["dimension"]["subsample"] < 0
    assert np.isnan(found["dimension"]["dimension"][whole]).all()
    assert "discrete" in str(found["dimension_findings"]["statement"][0])


def test_a_killed_run_keeps_the_parts_it_has(
    run: Callable[..., Index], swiss: NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = _recipe("run.checkpoint_seconds=1e-9", "run.retries=0")
    truth = _tables(run(swiss, recipe, "truth"))
    done: list[str] = []
    estimate = dimension.subsample_estimate

    def until_killed(*arguments: Any, **options: Any) -> Any:
        done.append("one")
        if len(done) == 3:
            raise KeyboardInterrupt
        return estimate(*arguments, **options)

    monkeypatch.setattr(dimension, "subsample_estimate", until_killed)
    with pytest.raises(KeyboardInterrupt):
        run(swiss, recipe, "killed")
    done.append("no more kills")
    index = open_index(tmp_path / "killed")
    _go(index, recipe, tmp_path)
    assert len(done) == 4 + 8, "two of the ten subsamples were not made again"
    for name, columns in _tables(index).items():
        for column, values in columns.items():
            np.testing.assert_array_equal(values, truth[name][column])


def test_the_spectrum_of_a_large_set_comes_from_pieces(
    run: Callable[..., Index], swiss: NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = _recipe("run.checkpoint_seconds=1e-9", "run.retries=0")
    truth = _tables(run(swiss, recipe, "truth"))["spectrum"]
    monkeypatch.setattr(moments, "_FEWEST_ROWS", 64)
    monkeypatch.setattr(moments, "BLOCK_ROWS", 4)
    summed: list[int] = []
    sum_piece = moments._sum

    def until_killed(root: Any, vectors: Any, piece: moments.Piece) -> Any:
        if len(summed) == 3:
            summed.append(-1)
            raise KeyboardInterrupt
        summed.append(piece.number)
        return sum_piece(root, vectors, piece)

    monkeypatch.setattr(moments, "_sum", until_killed)
    with pytest.raises(KeyboardInterrupt):
        run(swiss, recipe, "killed")
    index = open_index(tmp_path / "killed")
    assert list(index.read()["dimension/moments"].group_keys())  # type: ignore[union-attr]
    _go(index, recipe, tmp_path)
    assert sorted(summed) == [-1, 0, 1, 2, 3, 4], "300 vectors are five pieces, each summed once"
    found = _tables(index)["spectrum"]
    for column, values in truth.items():
        if values.dtype == np.float64:
            np.testing.assert_allclose(found[column], values, rtol=1e-9, atol=1e-12)
    assert "moments" not in index.read()["dimension"], "what has served is not kept"  # type: ignore[operator]


@pytest.mark.engines
def test_dask_workers_measure_the_same(run: Callable[..., Index], swiss: NDArray[np.float32], cluster: Engines) -> None:
    dask = OneEngine(cluster.pick("dask", seconds=1e9))
    one, other = _tables(run(swiss, _recipe(), "one")), _tables(run(swiss, _recipe(), "other", dask))
    for name, columns in one.items():
        for column, values in columns.items():
            np.testing.assert_array_equal(values, other[name][column])


def test_the_report_says_how_neighbours_were_found(run: Callable[..., Index], swiss: NDArray[np.float32]) -> None:
    recipe = _recipe()
    index = run(swiss, recipe)
    found = report_tables([SEARCHES], Sources(index.read(), recipe))["neighbours"]
    assert found.to_pylist() == [
        {
            "vectors": "made",
            "n_points": ALL,
            "k": 7,
            "metric": "euclidean",
            "method": "exact",
            "recall": 1.0,
            "recall_rows": 0,
        }
    ]
