"""Approximate neighbours: true distances, measured recall, the same lists every time, a clear word without FAISS."""

import importlib.util
import sys

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.kernels.neighbours.lists import evaluated_lists
from pipeline.kernels.neighbours.nearest import Metric, nearest_neighbours
from pipeline.search_backends.faiss_graph import approximate_neighbours

needs_faiss = pytest.mark.skipif(importlib.util.find_spec("faiss") is None, reason="FAISS (faiss-cpu) is not installed")


@needs_faiss
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_mostly_the_exact_neighbours_at_true_distances(metric: Metric) -> None:
    vectors = np.random.default_rng(0).standard_normal((1500, 20)).astype(np.float32)
    found = approximate_neighbours(vectors, 10, metric=metric, links=8, breadth=20)
    indices, distances = nearest_neighbours(vectors, 10, metric=metric)
    same = [len(np.intersect1d(a, b)) / 10 for a, b in zip(found.lists.ids, indices, strict=True)]
    assert 0.8 < np.mean(same) < 1
    assert abs(found.recall - np.mean(same)) < 0.03
    assert found.recall_rows == 500
    squares = distances.astype(np.float64) * 2 if metric == "cosine" else distances.astype(np.float64) ** 2
    agree = found.lists.ids == indices
    np.testing.assert_allclose(found.lists.distances_sq[agree], squares[agree], rtol=1e-6)
    assert "HNSW" in found.method
    assert "M = 8" in found.method


@needs_faiss
def test_the_same_lists_every_time_copies_included() -> None:
    vectors = np.random.default_rng(1).integers(0, 3, (800, 6)).astype(np.float32)
    one, other = approximate_neighbours(vectors, 5), approximate_neighbours(vectors, 5)
    np.testing.assert_array_equal(one.lists.ids, other.lists.ids)
    assert (one.lists.ids >= 0).all(), "rows that the graph does not reach are searched exactly"
    assert (one.lists.ids != np.arange(800)[:, None]).all()
    assert (np.diff(one.lists.distances_sq, axis=1) >= 0).all()


@needs_faiss
def test_too_few_rows_are_said() -> None:
    with pytest.raises(UsageError, match="k is 5"):
        approximate_neighbours(np.eye(4), 5)


def test_without_faiss_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UsageError, match=r"semcorpus\[approximate\]"):
        approximate_neighbours(np.eye(4), 2)


def test_candidates_are_evaluated_in_order_without_copies() -> None:
    vectors = np.array([[0.0], [1.0], [-1.0], [5.0]])
    lists = evaluated_lists(vectors, np.array([[3, 2, 1, 1, 0, -1]] * 4), 3)
    assert lists.ids.tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [1, 0, 2]]
    assert lists.distances_sq[0].tolist() == [1, 1, 25]
