"""Plateaus of decimation curves: by hand, and on sets that have one or none."""

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.kernels.dimension.plateau import READS_LOW, Plateau, dimension_statement, find_plateau
from tests.reference.decimation import decimation

SIZES = [125, 250, 500, 1000, 2000]


@pytest.mark.parametrize(
    ("means", "errors", "expected"),
    [
        ([2.0, 2.0, 2.0, 2.0, 2.0], [0.1] * 5, Plateau(2.0, 125, 2000)),
        ([1.0, 1.5, 2.0, 2.0, 2.0], [0.01] * 5, Plateau(2.0, 500, 2000)),
        ([3.0, 3.0, 3.0, 2.0, 2.0], [0.01] * 5, Plateau(3.0, 125, 500)),
        ([5.0, 6.0, 7.0, 8.0, 9.0], [0.01] * 5, None),
        ([5.0, 6.0, 7.0, 8.0, 9.0], [9.0] * 5, None),
        ([2.0, 2.0, np.nan, np.nan, 2.0], [np.nan] * 5, Plateau(2.0, 125, 2000)),
        ([np.nan] * 5, [np.nan] * 5, None),
    ],
)
def test_by_hand(means: list[float], errors: list[float], expected: Plateau | None) -> None:
    assert find_plateau(SIZES, means, errors) == expected
    assert find_plateau(SIZES[::-1], means[::-1], errors[::-1]) == expected


def test_of_equally_long_ranges_the_one_of_more_points() -> None:
    assert find_plateau([1, 2, 4, 8, 16, 32], [1, 1, 1, 2, 2, 2], [0] * 6) == Plateau(2.0, 8, 32)


def test_two_sizes_are_no_plateau() -> None:
    assert find_plateau([100, 400], [2.0, 2.0], [0.0, 0.0]) is None
    assert find_plateau([], [], []) is None
    with pytest.raises(UsageError, match="as many"):
        find_plateau([1], [], [])


def test_a_square_has_a_plateau_and_a_cube_of_18_has_none() -> None:
    rng = np.random.default_rng(0)
    sizes = [100, 200, 400, 800, 1600]
    found = []
    for dimension in (2, 18):
        curve = decimation(rng.random((1600, dimension)), sizes, seed=0, repeats=4)
        found.append(find_plateau(sizes, curve.mean.tolist(), (curve.spread / 2).tolist()))
    assert found[0] is not None
    assert found[0].dimension == pytest.approx(2, rel=0.05)
    assert found[1] is None or found[1].dimension < 16, "it reads low, and the report says so"


def test_it_says_what_the_curve_shows() -> None:
    fits = [{"subsample": -1, "n_points": 2000, "n_dropped": 1200}]
    flat = [2.0, 2.0, 2.0, 2.0, 2.0]
    found = dimension_statement(SIZES, flat, find_plateau(SIZES, flat, [0.0] * 5), fits)
    assert found == "1,200 duplicates were dropped. A plateau at 2.0 from 125 to 2,000 points."
    rising = dimension_statement(SIZES, [5.0, 6.0, 7.0, 8.0, 9.0], None, [])
    assert rising == f"No plateau: 5.0 at 125 points, 9.0 at 2,000. {READS_LOW}."
    assert dimension_statement([90], [14.1], None, []).endswith(f"{READS_LOW}.")
    assert dimension_statement([], [], None, []).startswith("Too few points")
