"""Agreement scores: by hand, against scikit-learn, and their invariances."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from pipeline.errors import StageError, UsageError
from pipeline.kernels.agreement import scores as agreement
from pipeline.kernels.agreement.scores import (
    adjusted_rand_index,
    agreement_scores,
    completeness,
    contingency,
    homogeneity,
    hungarian_accuracy,
    majority_accuracy,
    normalized_mutual_information,
)
from pipeline.kernels.arrays import InvalidDataError

SCORES: list[Callable[..., float]] = [
    normalized_mutual_information,
    adjusted_rand_index,
    homogeneity,
    completeness,
    majority_accuracy,
    hungarian_accuracy,
]


def test_by_hand() -> None:
    truth, clusters = [0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 1]
    scores = agreement_scores(truth, clusters)
    information = 2 / 6 * math.log(2) + 1 / 6 * math.log(1 / 2) + 3 / 6 * math.log(3 / 2)
    cluster_entropy = -(2 / 6) * math.log(2 / 6) - 4 / 6 * math.log(4 / 6)
    assert scores.nmi == pytest.approx(information / math.sqrt(math.log(2) * cluster_entropy))
    assert scores.homogeneity == pytest.approx(information / math.log(2))
    assert scores.completeness == pytest.approx(information / cluster_entropy)
    assert scores.majority_accuracy == scores.hungarian_accuracy == pytest.approx(5 / 6)
    # Pairs: 4 together in both, 6 in the truth, 7 in the clusters, 15 in all.
    assert scores.ari == pytest.approx((4 - 6 * 7 / 15) / ((6 + 7) / 2 - 6 * 7 / 15))
    assert scores.n_scored == 6


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 80).flatmap(
        lambda n: st.tuples(
            st.lists(st.integers(0, 6), min_size=n, max_size=n),
            st.lists(st.integers(0, 40), min_size=n, max_size=n),
        )
    )
)
def test_equals_scikit_learn(labels: tuple[list[int], list[int]]) -> None:
    a, b = labels
    scores = agreement_scores(a, b)
    constant = (len(set(a)) == 1, len(set(b)) == 1)
    nmi = metrics.normalized_mutual_info_score(a, b, average_method="geometric")
    assert scores.nmi == pytest.approx(float(all(constant)) if any(constant) else nmi, abs=1e-12)
    assert scores.ari == pytest.approx(metrics.adjusted_rand_score(a, b), abs=1e-12)
    assert scores.homogeneity == pytest.approx(metrics.homogeneity_score(a, b), abs=1e-12)
    assert scores.completeness == pytest.approx(metrics.completeness_score(a, b), abs=1e-12)
    table = metrics.cluster.contingency_matrix(a, b)
    np.testing.assert_array_equal(contingency(a, b).dense(), table)
    assert scores.majority_accuracy == pytest.approx(table.max(axis=0).sum() / len(a))
    assert 0 <= scores.hungarian_accuracy <= scores.majority_accuracy


def test_sparse_counting_equals_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 500), rng.integers(0, 30, 500)
    dense = contingency(a, b)
    monkeypatch.setattr(agreement, "_DENSE_CELLS_A_POINT", 0)
    monkeypatch.setattr(agreement, "_SMALL_TABLE_CELLS", 0)
    sparse = contingency(a, b)
    for field in ("rows", "columns", "counts", "row_totals", "column_totals"):
        np.testing.assert_array_equal(getattr(sparse, field), getattr(dense, field))


def test_golden_nmi(shared_data: Path) -> None:
    """golden/ref_np2.py: geometric NMI by scikit-learn."""
    with np.load(shared_data / "golden" / "cluster_refs.npz") as stored:
        for name in ("noisy_moons", "varied", "aniso", "digits"):
            for method in ("single", "complete", "centroid", "ward"):
                found = normalized_mutual_information(stored[f"{name}/y"], stored[f"{name}/fcluster_{method}"])
                assert found == pytest.approx(float(stored[f"{name}/nmi_geo_{method}"]), abs=1e-12)


@pytest.mark.parametrize("score", SCORES)
def test_relabelling_and_order_do_not_matter(score: Callable[..., float]) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 5, 300), rng.integers(0, 8, 300)
    order = rng.permutation(300)
    renamed = np.array(list("hgfedcba"))[b]
    assert score(a, renamed) == pytest.approx(score(a, b), abs=1e-14)
    assert score(a[order], b[order]) == pytest.approx(score(a, b), abs=1e-14)
    assert score(a, a + 7) == 1


def test_constant_labellings() -> None:
    assert normalized_mutual_information([3, 3, 3], ["a", "a", "a"]) == 1
    assert normalized_mutual_information([3, 3, 3], [0, 1, 2]) == 0
    assert normalized_mutual_information([0, 1, 2], [3, 3, 3]) == 0
    assert adjusted_rand_index([3, 3, 3], [1, 1, 1]) == 1
    assert adjusted_rand_index([0, 1, 2], [5, 3, 4]) == 1
    assert adjusted_rand_index([0], [0]) == 1
    assert homogeneity([1, 1, 1], [0, 1, 2]) == 1
    assert completeness([0, 1, 2], [1, 1, 1]) == 1


def test_noise_rules() -> None:
    truth = np.array([0, 0, 1, 1, -1, 1])
    clusters = np.array([5, 5, 6, -1, 6, -1])
    assert agreement_scores(truth, clusters).n_scored == 3
    assert normalized_mutual_information(truth, clusters) == 1
    alone = agreement_scores(truth, clusters, noise="singletons")
    spelled = agreement_scores([0, 0, 1, 1, 2, 1], [0, 0, 1, 2, 1, 3])
    assert alone == spelled
    assert alone.n_scored == 6
    together = agreement_scores(truth, clusters, noise="cluster")
    spelled = agreement_scores([1, 1, 2, 2, 0, 2], [1, 1, 2, 0, 2, 0])
    assert together == spelled
    assert together.n_scored == 6
    with pytest.raises(InvalidDataError, match="nothing to score"):
        agreement_scores([-1, -1, 0], [0, 0, -1])


def test_any_integer_or_text_array() -> None:
    expected = normalized_mutual_information([0, 0, 1, 2], [0, 1, 1, 2])
    for labels in (
        np.array([9, 9, 200, 255], dtype=np.uint8),
        np.array([1, 1, 2**62, 2**62 + 1]),
        np.array(["pores", "pores", "tips", "wires"], dtype=object),
        np.array([b"a", b"a", b"b", b"c"]),
    ):
        assert normalized_mutual_information(labels, [0, 1, 1, 2]) == expected
    assert adjusted_rand_index(np.array([True, False]), [1, 0]) == 1


def test_pair_counts_do_not_overflow() -> None:
    labels = np.zeros(200_000, dtype=np.int8)
    labels[100_000:] = 1
    assert adjusted_rand_index(labels, labels) == 1
    assert abs(adjusted_rand_index(labels, np.arange(len(labels)) % 2)) < 1e-4


def test_refusals() -> None:
    with pytest.raises(UsageError, match=r"shapes \(2,\) and \(3,\)"):
        agreement_scores([0, 1], [0, 1, 2])
    with pytest.raises(UsageError, match="integers or text"):
        agreement_scores([0.0, 1.0], [0, 1])
    with pytest.raises(UsageError, match="one axis"):
        agreement_scores([[0, 1]], [[0, 1]])
    with pytest.raises(UsageError, match="noise rule"):
        agreement_scores([0], [0], noise="drop")  # type: ignore[arg-type]
    with pytest.raises(InvalidDataError, match="nothing to score"):
        normalized_mutual_information([], [])
    with pytest.raises(StageError, match="GiB"):
        hungarian_accuracy(np.arange(20_000), np.arange(20_000))
