"""The reference curves, and the study's worked example: 100 elements, C_k = labels 0..k-1 dealt in turn."""

import math

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.kernels.agreement.reference_labels import orthogonal_labels, refined_labels, uniform_nmi
from pipeline.kernels.agreement.scores import contingency, homogeneity, normalized_mutual_information

HUNDRED = np.arange(100)
TEN = HUNDRED % 10


@pytest.mark.parametrize("k", range(10, 101, 10))
def test_worked_example_multiples_of_ten_lie_on_the_refinement_curve(k: int) -> None:
    dealt = normalized_mutual_information(TEN, HUNDRED % k)
    assert dealt == pytest.approx(normalized_mutual_information(TEN, refined_labels(TEN, k)), abs=1e-12)


@pytest.mark.parametrize("k", [k for k in range(1, 101) if math.gcd(k, 10) == 1])
def test_worked_example_what_is_prime_to_ten_lies_on_the_evenly_mixed_curve(k: int) -> None:
    """C_10 and C_k then meet as evenly as whole elements allow, which is the orthogonal assignment."""
    dealt = normalized_mutual_information(TEN, HUNDRED % k)
    assert dealt == pytest.approx(normalized_mutual_information(TEN, orthogonal_labels(TEN, k)), abs=1e-12)


def test_refined_by_hand() -> None:
    labels = np.array(["b", "a", "b", "b", "a", "b", "b", "b"])
    np.testing.assert_array_equal(refined_labels(labels, 2), [1, 0, 1, 1, 0, 1, 1, 1])
    np.testing.assert_array_equal(refined_labels(labels, 3), [1, 0, 2, 1, 0, 2, 1, 2])
    # The largest cluster has 3 points, its category of 6 is dealt into three parts of 2.
    np.testing.assert_array_equal(np.bincount(refined_labels(labels, 4)), [2, 2, 2, 2])
    assert refined_labels(labels, 4).dtype == np.int32


@pytest.mark.parametrize("k", [4, 5, 17, 200])
def test_refinements_never_mix_categories(k: int) -> None:
    labels = np.random.default_rng(0).choice(4, 200, p=[0.6, 0.3, 0.07, 0.03])
    refined = refined_labels(labels, k)
    assert homogeneity(labels, refined) == pytest.approx(1)
    sizes = np.bincount(refined)
    assert len(sizes) == k
    assert sizes.min() >= 1
    if k == 200:
        assert sizes.max() == 1


@pytest.mark.parametrize("k", [1, 3, 7, 200])
def test_orthogonal_labels_meet_every_category_evenly(k: int) -> None:
    labels = np.random.default_rng(1).choice(3, 200, p=[0.6, 0.3, 0.1])
    dealt = orthogonal_labels(labels, k)
    assert np.ptp(np.bincount(dealt, minlength=k)) <= 1
    assert np.ptp(contingency(labels, dealt).dense(), axis=1).max() <= 1


@pytest.mark.parametrize(("n_points", "k"), [(30, 2), (100, 3), (100, 97), (1000, 40), (1000, 5000)])
def test_uniform_nmi_is_the_mean_of_random_assignments(n_points: int, k: int) -> None:
    rng = np.random.default_rng(2)
    labels = rng.choice(5, n_points, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    drawn = [normalized_mutual_information(labels, rng.integers(0, k, n_points)) for _ in range(400)]
    error = np.std(drawn) / math.sqrt(len(drawn))
    assert uniform_nmi(labels, k) == pytest.approx(np.mean(drawn), abs=4 * error + 0.01 * np.mean(drawn))


def test_uniform_nmi_at_the_ends() -> None:
    assert uniform_nmi([1, 1, 1], 1) == 1
    assert uniform_nmi([1, 1, 1], 5) == 0
    assert uniform_nmi([0, 1, 1], 1) == 0
    large = np.arange(52_682) % 10
    assert uniform_nmi(large, 500) == pytest.approx(
        9 * 499 / (2 * 52_682) / math.sqrt(math.log(10) * math.log(500)), rel=0.02
    )


def test_refusals() -> None:
    for k in (1, 4):
        with pytest.raises(UsageError, match="2 to 3 clusters"):
            refined_labels([0, 0, 1], k)
    for k in (0, 4):
        with pytest.raises(UsageError, match="expected 1 to 3"):
            orthogonal_labels([0, 0, 1], k)
    with pytest.raises(UsageError, match="k is 0"):
        uniform_nmi([0, 1], 0)
    with pytest.raises(UsageError, match="no labels"):
        uniform_nmi([], 2)
