"""Agreement beyond chance, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from pipeline.errors import UsageError
from pipeline.kernels.agreement.chance import adjusted_mutual_information
from pipeline.kernels.agreement.scores import normalized_mutual_information


def test_many_clusters_of_nothing_score_high_by_nmi_alone() -> None:
    """Labels dealt at random into 40 clusters: NMI is far above 0, AMI is not."""
    random = np.random.default_rng(0)
    truth, clusters = random.integers(0, 7, 94), random.integers(0, 40, 94)
    assert normalized_mutual_information(truth, clusters) > 0.35
    assert abs(adjusted_mutual_information(truth, clusters)) < 0.05


@pytest.mark.parametrize("seed", range(5))
def test_it_is_scikit_learns(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.choice(["a", "b", "c"], 60)
    clusters = random.integers(0, 5, 60)
    expected = adjusted_mutual_info_score(truth, clusters, average_method="geometric")
    assert adjusted_mutual_information(truth, clusters) == pytest.approx(expected, abs=1e-12)


def test_equal_partitions_are_1_whatever_they_are_called() -> None:
    labels = np.array([0, 0, 1, 2])
    assert adjusted_mutual_information(labels, np.array(["x", "x", "y", "z"])) == pytest.approx(1.0)
    assert adjusted_mutual_information(np.zeros(4, int), np.zeros(4, int)) == pytest.approx(1.0)


def test_noise_follows_the_rule() -> None:
    truth, clusters = np.array([0, 0, 1, 1]), np.array([0, -1, 1, -1])
    assert adjusted_mutual_information(truth, clusters) == pytest.approx(1.0)
    assert adjusted_mutual_information(truth, clusters, noise="cluster") < 0.5


def test_lengths_must_agree() -> None:
    with pytest.raises(UsageError):
        adjusted_mutual_information([0, 1], [0])
