"""Gride: by hand, against DADApy, its error by simulation."""

import math

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.dimension.gride import gride, gride_curve
from pipeline.kernels.dimension.two_nn import two_nn
from pipeline.kernels.neighbours.nearest import nearest_neighbours
from tests.kernels.dimension.test_two_nn import GOLDEN_SETS, golden_sets, golden_values

__all__ = ["golden_sets", "golden_values"]


def _ratios(rng: np.random.Generator, n: int, n1: int, n2: int, dimension: float) -> np.ndarray:
    """Distances of n independent Poisson neighbourhoods: volumes of shells are exponential."""
    volumes = np.cumsum(rng.exponential(size=(n, n2)), axis=1)
    return volumes ** (1 / dimension)


def test_by_hand() -> None:
    """Of (2, 4): the slope 3/d - 3 s + sum log_mu / (1 - mu^-d) is zero, with one log mu for all."""
    table = np.tile([0.5, 1.0, 1.5, 3.0], (4, 1))
    found = gride(table, 2, 4)
    log_mu, d = math.log(3), found.dimension
    assert 3 / d - 4 * 3 * log_mu + 4 * log_mu / (1 - 3**-d) == pytest.approx(0, abs=1e-9)
    assert found.scale == 2
    assert (found.n1, found.n2, found.n_points, found.n_dropped) == (2, 4, 4, 0)


@pytest.mark.parametrize("name", GOLDEN_SETS)
def test_equals_dadapy(name: str, golden_values: dict, golden_sets: dict) -> None:
    _, distances = nearest_neighbours(golden_sets[name], 64)
    curve = gride_curve(distances)
    assert [(point.n1, point.n2) for point in curve] == [(2**i, 2 ** (i + 1)) for i in range(6)]
    np.testing.assert_allclose([point.dimension for point in curve], golden_values[f"{name}/gride_ids"], rtol=1e-6)
    np.testing.assert_allclose([point.error for point in curve], golden_values[f"{name}/gride_err"], rtol=1e-6)


def test_one_and_two_are_the_two_nn_maximum_likelihood() -> None:
    rng = np.random.default_rng(0)
    table = _ratios(rng, 500, 1, 2, 4)
    found, other = gride(table, 1, 2), two_nn(table[:, 0], table[:, 1])
    assert found.dimension == pytest.approx(other.ml_dimension, rel=1e-9)


@pytest.mark.parametrize(("n1", "n2"), [(1, 2), (1, 5), (4, 8), (16, 32)])
def test_finds_the_dimension_with_the_error_it_says(n1: int, n2: int) -> None:
    rng = np.random.default_rng(n2)
    found = [gride(_ratios(rng, 800, n1, n2, 6.5), n1, n2) for _ in range(150)]
    dimensions = np.array([one.dimension for one in found])
    # The sample's own standard deviation is good to 6% here.
    assert np.mean([one.error for one in found]) == pytest.approx(dimensions.std(), rel=0.2)
    assert dimensions.mean() == pytest.approx(6.5, abs=4 * dimensions.std() / np.sqrt(150))


@pytest.mark.parametrize("unit", [1e-30, 1.0, 1e30])
def test_unit_and_dimension_do_not_matter(unit: float) -> None:
    rng = np.random.default_rng(1)
    for dimension in (0.01, 1, 300):
        found = gride(unit * _ratios(rng, 3000, 4, 8, dimension), 4, 8)
        assert found.dimension == pytest.approx(dimension, rel=0.1)


def test_duplicates_are_dropped_and_counted() -> None:
    table = _ratios(np.random.default_rng(2), 300, 1, 2, 3)
    with_copies = np.concatenate([table, [[0.0, 1.0]] * 7, [[0.0, 0.0]] * 2])
    found = gride(with_copies, 1, 2)
    assert found.n_dropped == 9
    assert found.dimension == gride(table, 1, 2).dimension


def test_discrete_or_too_few_data_are_refused_in_words() -> None:
    with pytest.raises(InvalidDataError, match="discrete"):
        gride(np.ones((50, 4)), 2, 4)
    with pytest.raises(InvalidDataError, match="at least 3"):
        gride(np.empty((0, 2)), 1, 2)
    assert gride_curve(np.ones((5, 1))) == []


@pytest.mark.parametrize(("n1", "n2"), [(0, 2), (2, 2), (1, 5)])
def test_orders_outside_the_table(n1: int, n2: int) -> None:
    with pytest.raises(UsageError, match="n1 = "):
        gride(np.ones((5, 4)), n1, n2)


@pytest.mark.parametrize("row", [[2.0, 1.0], [-1.0, 1.0], [np.nan, 1.0], [1.0, np.inf]])
def test_wrong_distances(row: list[float]) -> None:
    with pytest.raises(UsageError, match="row 3"):
        gride([[1.0, 2.0]] * 3 + [row], 1, 2)
