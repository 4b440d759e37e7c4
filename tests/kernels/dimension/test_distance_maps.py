"""Mean distances between labels, against the slow way."""

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.kernels.dimension import distance_maps
from pipeline.kernels.dimension.distance_maps import distance_map


def test_equals_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance_maps, "_TILE_ROWS", 13)
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((60, 4))
    labels = np.array(["c", "a", "b"])[rng.integers(0, 3, 60)]
    labels[7] = "x"
    found = distance_map(vectors, labels)
    assert found.labels.tolist() == ["a", "b", "c", "x"]
    for i, one in enumerate(found.labels):
        for j, other in enumerate(found.labels):
            distances = [
                np.linalg.norm(vectors[a] - vectors[b])
                for a in np.flatnonzero(labels == one)
                for b in np.flatnonzero(labels == other)
                if a != b
            ]
            expected = np.mean(distances) if distances else np.nan
            np.testing.assert_allclose(found.mean[i, j], expected, rtol=1e-12)
    np.testing.assert_array_equal(found.mean, found.mean.T)
    assert found.counts.sum() == 60


def test_nothing_and_wrong_calls() -> None:
    assert distance_map(np.empty((0, 3)), np.empty(0, np.int64)).mean.shape == (0, 0)
    with pytest.raises(UsageError, match="as many"):
        distance_map(np.eye(3), ["a"])
