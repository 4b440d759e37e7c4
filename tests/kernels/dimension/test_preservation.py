"""Trustworthiness and continuity against scikit-learn's, and by hand."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.dimension import preservation
from pipeline.kernels.dimension.preservation import neighbourhood_preservation


@pytest.mark.parametrize("k", [1, 5, 40])
def test_equals_scikit_learn(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preservation, "_TILE_ROWS", 64)
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((300, 12)).astype(np.float32)
    codes = vectors[:, :3] + 0.1 * rng.standard_normal((300, 3)).astype(np.float32)
    found = neighbourhood_preservation(vectors, codes, k)
    assert found.trustworthiness == pytest.approx(trustworthiness(vectors, codes, n_neighbors=k), abs=1e-12)
    assert found.continuity == pytest.approx(trustworthiness(codes, vectors, n_neighbors=k), abs=1e-12)
    assert 0 < found.share_kept < 1


def test_the_same_space_is_kept_whole() -> None:
    vectors = np.random.default_rng(1).standard_normal((50, 4))
    found = neighbourhood_preservation(vectors, 3 * vectors + 7, 6)
    assert (found.trustworthiness, found.continuity, found.share_kept) == (1.0, 1.0, 1.0)


def test_by_hand() -> None:
    found = neighbourhood_preservation(np.array([[0.0], [1], [3], [7]]), np.array([[0.0], [1], [3], [0.4]]), 1)
    # Rows 0 and 1 now have row 3 for a neighbour (rank 3 and 3 before); row 3 has row 0 (rank 3 before).
    assert found.trustworthiness == pytest.approx(1 - 2 / (4 * (8 - 3 - 1)) * (2 + 2 + 2))
    assert found.share_kept == 0.25


def test_wrong_calls() -> None:
    with pytest.raises(UsageError, match="as many"):
        neighbourhood_preservation(np.eye(5), np.eye(4), 1)
    with pytest.raises(InvalidDataError, match="more than 4 rows"):
        neighbourhood_preservation(np.eye(4), np.eye(4), 2)
    with pytest.raises(InvalidDataError, match="row 2 of codes"):
        neighbourhood_preservation(np.eye(9), np.where(np.eye(9)[:, 2:3] > 0, np.nan, 1.0), 2)
