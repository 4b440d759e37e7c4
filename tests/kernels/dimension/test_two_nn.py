"""2-NN dimension: by hand, against DADApy and scikit-dimension, its error by simulation."""

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.dimension.two_nn import (
    COLUMNS,
    distinct_distances,
    rounding_distance,
    subsample_estimate,
    two_nn,
)
from pipeline.kernels.neighbours.nearest import nearest_neighbours
from tests.reference.decimation import decimation

GOLDEN_SETS = ["cube2", "cube5", "cube10", "cube18", "swiss", "gauss20"]


@pytest.fixture(scope="module")
def golden_sets(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    shared: Path = request.getfixturevalue("shared_data")
    return dict(_load(shared / "golden" / "data.py").id_sets())


@pytest.fixture(scope="module")
def golden_values(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    """Made by golden/ref_dadapy.py (DADApy 0.3.4, scikit-dimension)."""
    shared: Path = request.getfixturevalue("shared_data")
    with np.load(shared / "golden" / "id_refs.npz") as stored:
        return dict(stored)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_data", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_by_hand() -> None:
    estimate = two_nn([1, 2, 1, 1], [math.e, 2 * math.e**2, math.e**3, math.e**4], fraction=0.5)
    x, y = np.array([1.0, 2.0]), np.array([math.log(4 / 3), math.log(2)])
    np.testing.assert_allclose(estimate.log_mu, x)
    np.testing.assert_allclose(estimate.minus_log_survival, y)
    assert estimate.dimension == pytest.approx((x @ y) / 5)
    assert estimate.ml_dimension == pytest.approx(3 / 10)
    assert (estimate.n_points, estimate.n_fitted, estimate.n_dropped) == (4, 2, 0)


def test_at_one_the_distribution_starts_at_zero() -> None:
    estimate = two_nn([1, 1, 1, 1], np.exp([1.0, 2.0, 3.0, 4.0]), fraction=1)
    np.testing.assert_allclose(estimate.minus_log_survival, -np.log([1, 3 / 4, 2 / 4, 1 / 4]))
    assert math.isfinite(estimate.dimension)


@pytest.mark.parametrize("name", GOLDEN_SETS)
def test_equals_dadapy_and_scikit_dimension(
    name: str, golden_values: dict[str, np.ndarray], golden_sets: dict[str, np.ndarray]
) -> None:
    _, distances = nearest_neighbours(golden_sets[name], 2)
    np.testing.assert_allclose(distances[:, 0], golden_values[f"{name}/r1"], rtol=1e-6)
    for i, fraction in enumerate((0.9, 0.7, 0.5)):
        expected = golden_values[f"{name}/dadapy_2nn_f90_70_50"][i]
        stored = two_nn(golden_values[f"{name}/r1"], golden_values[f"{name}/r2"], fraction=fraction)
        ours = two_nn(distances[:, 0], distances[:, 1], fraction=fraction)
        assert stored.dimension == pytest.approx(expected, rel=1e-6)
        assert ours.dimension == pytest.approx(expected, rel=1e-6)
    assert ours.ml_dimension == pytest.approx(float(golden_values[f"{name}/dadapy_2nn_ml"]), rel=1e-6)


def test_full_fraction_is_near_the_truth(golden_sets: dict[str, np.ndarray]) -> None:
    for name in ("cube2", "swiss"):
        _, distances = nearest_neighbours(golden_sets[name], 2)
        assert two_nn(distances[:, 0], distances[:, 1], fraction=1).dimension == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize("fraction", [1.0, 0.9, 0.5])
def test_errors_are_those_of_repeated_draws(fraction: float) -> None:
    rng = np.random.default_rng(0)
    draws = [two_nn(np.ones(2000), (1 - rng.random(2000)) ** (-1 / 7), fraction=fraction) for _ in range(400)]
    dimensions = np.array([draw.dimension for draw in draws])
    likeliest = np.array([draw.ml_dimension for draw in draws])
    # The sample's own standard deviation is good to 3.5% here.
    assert np.mean([draw.error for draw in draws]) == pytest.approx(dimensions.std(), rel=0.15)
    assert np.mean([draw.ml_error for draw in draws]) == pytest.approx(likeliest.std(), rel=0.12)
    assert likeliest.mean() == pytest.approx(7, abs=4 * likeliest.std() / 20)
    assert dimensions.mean() == pytest.approx(7, rel=0.01)


@pytest.mark.parametrize("share", [0.002, 0.02, 0.1])
def test_duplicates_are_dropped_counted_and_harmless(share: float) -> None:
    rng = np.random.default_rng(1)
    points = rng.random((4000, 5))
    copies = points[rng.choice(4000, int(share * 4000), replace=False)]
    before = two_nn(*distinct_distances(*nearest_neighbours(points, 8)))
    after = two_nn(*distinct_distances(*nearest_neighbours(np.concatenate([points, copies]), 8)))
    assert after.n_dropped == 2 * len(copies)
    assert after.n_points == 4000 - len(copies)
    assert after.dimension == pytest.approx(before.dimension, abs=before.error)


def test_copies_of_the_nearest_neighbour_are_passed_over() -> None:
    line = np.array([[0.0], [1.0], [1.0], [4.0], [1.0]])
    first, second = distinct_distances(*nearest_neighbours(line, 4))
    np.testing.assert_array_equal(first, [1, 0, 0, 3, 0])
    np.testing.assert_array_equal(second[[0, 3]], [4, 4])
    short, _ = distinct_distances(*nearest_neighbours(line, 3))
    np.testing.assert_array_equal(short, [0, 0, 0, 0, 0])
    with pytest.raises(UsageError, match="K >= 2"):
        distinct_distances(*nearest_neighbours(line, 1))


def test_scale_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    first = rng.random(500) + 0.1
    second = first * (1 + rng.random(500))
    one, other = two_nn(first, second), two_nn(first * 1e-3, second * 1e-3)
    assert one.dimension == pytest.approx(other.dimension, rel=1e-12)


def test_thin_strip_reads_two_from_near_and_one_from_afar() -> None:
    """The demonstration of Facco et al., as the study has it: x in 0..100, noise of 0.001 in y."""
    rng = np.random.default_rng(0)
    strip = np.column_stack([rng.random(50_000) * 100, rng.normal(0, 1e-3, 50_000)])
    curve = decimation(strip, [1000], seed=0, repeats=3)
    _, near = nearest_neighbours(strip[np.argsort(strip[:, 0])][:5000], 2)
    assert two_nn(near[:, 0], near[:, 1]).dimension > 1.5
    assert curve.mean[0] == pytest.approx(1, abs=0.1)


def test_decimation_is_seeded_by_size_and_repeat() -> None:
    points = np.random.default_rng(2).random((600, 3))
    curve = decimation(points, [100, 300], seed=5, repeats=4)
    alone = decimation(points, [300], seed=5, repeats=2)
    assert curve.estimates.shape == (2, 4)
    np.testing.assert_array_equal(curve.estimates[1, :2], alone.estimates[0])
    np.testing.assert_allclose(curve.mean, curve.estimates.mean(axis=1))
    np.testing.assert_allclose(curve.spread, curve.estimates.std(axis=1, ddof=1))
    assert not np.array_equal(curve.estimates[1], decimation(points, [300], seed=6, repeats=4).estimates[0])
    assert math.isnan(decimation(points, [300], seed=5, repeats=1).spread[0])
    whole = decimation(points, [600], seed=5, repeats=2)
    assert whole.spread[0] == 0


def test_discrete_or_too_few_data_are_refused_in_words() -> None:
    with pytest.raises(InvalidDataError, match="equally far"):
        two_nn(np.ones(50), np.ones(50))
    with pytest.raises(InvalidDataError, match=r"found 2 \(8 duplicates"):
        two_nn([0.0] * 8 + [1.0, 1.0], [1.0] * 8 + [2.0, 2.0])
    with pytest.raises(InvalidDataError, match="found 0"):
        two_nn([], [])


@pytest.mark.parametrize(
    ("first", "second", "fraction", "says"),
    [
        ([1.0] * 5, [2.0] * 4, 0.9, "shapes"),
        ([1.0] * 5, [0.5] * 5, 0.9, "row 0"),
        ([1.0, -1.0, 1.0], [2.0] * 3, 0.9, "row 1"),
        ([1.0, 1.0, np.nan], [2.0] * 3, 0.9, "row 2"),
        ([1.0, 1.0, 1.0], [2.0, np.inf, 2.0], 0.9, "row 1"),
        ([1.0] * 5, [2.0] * 5, 0.0, "fraction"),
        ([1.0] * 5, [2.0] * 5, 1.5, "fraction"),
    ],
)
def test_wrong_calls(first: list[float], second: list[float], fraction: float, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        two_nn(first, second, fraction=fraction)


@pytest.mark.parametrize("sizes", [[], [2], [50, 700]])
def test_decimation_refuses_impossible_sizes(sizes: list[int]) -> None:
    with pytest.raises(UsageError, match="subsample sizes"):
        decimation(np.random.default_rng(0).random((600, 3)), sizes, seed=0)


def _with_near_copies(points: np.ndarray, every: int = 10) -> np.ndarray:
    """Every tenth row once more, one float32 away in each feature."""
    copies = np.nextafter(points[::every], np.float32(np.inf))
    return np.concatenate([points, copies])


def test_rows_one_float_apart_are_copies() -> None:
    """Without that the ratios of a tenth of the rows are in the millions, and the dimension is near 0."""
    points = np.random.default_rng(3).random((2000, 5)).astype(np.float32)
    mixed = _with_near_copies(points)
    resolution = rounding_distance(mixed)
    table = nearest_neighbours(mixed, COLUMNS)
    assert two_nn(*distinct_distances(*table)).dimension < 1
    found = two_nn(*distinct_distances(*table, resolution=resolution))
    assert found.n_dropped == 400
    alone = two_nn(*distinct_distances(*nearest_neighbours(points, COLUMNS)))
    assert found.dimension == pytest.approx(alone.dimension, rel=0.05)


def test_a_resolution_changes_nothing_where_there_are_no_copies() -> None:
    points = np.random.default_rng(4).random((500, 3)).astype(np.float32)
    table = nearest_neighbours(points, COLUMNS)
    plain, rounded = distinct_distances(*table), distinct_distances(*table, resolution=rounding_distance(points))
    assert all(np.array_equal(one, other) for one, other in zip(plain, rounded, strict=True))
    assert rounding_distance(points[:0]) == 0


def test_the_neighbour_of_near_copies_is_passed_over_once() -> None:
    """By hand: 0 and 1 are one place; seen from 2 it is the nearest, and 3 is the next."""
    points = np.array([[0.0], [1e-7], [1.0], [3.0]], np.float32)
    first, second = distinct_distances(*nearest_neighbours(points, 3), resolution=1e-6)
    assert first.tolist() == pytest.approx([0, 0, 1, 2])
    assert second[2:].tolist() == pytest.approx([2, 3])


def test_subsamples_drop_near_copies_too() -> None:
    points = _with_near_copies(np.random.default_rng(5).random((1000, 5)).astype(np.float32), every=2)
    found = subsample_estimate(points, 1200, seed=0, repeat=0)
    assert found.n_dropped > 300
    assert 4 < found.dimension < 6
