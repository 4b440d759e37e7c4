"""Exact neighbours: by hand, against brute force, and the same bits for every partition."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import StageError, UsageError
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.neighbours import exact_search
from pipeline.kernels.neighbours.certified_search import PreparedSearch, certified_neighbours, memory_bytes
from pipeline.kernels.neighbours.exact_search import Frame
from pipeline.kernels.neighbours.nearest import nearest_neighbours, query_neighbours
from tests.reference.neighbours import brute_force_neighbours, brute_force_queries

Generator = np.random.Generator


def _sphere(rng: Generator) -> NDArray[np.float32]:
    directions = rng.standard_normal((600, 30))
    return (1e4 * directions / np.linalg.norm(directions, axis=1)[:, None]).astype(np.float32)


def _duplicated(rng: Generator) -> NDArray[np.float32]:
    rows = rng.standard_normal((300, 17)).astype(np.float32)
    return np.concatenate([rows, rows[:150], rows[:150], rows[:20]])[rng.permutation(620)]


SETS: dict[str, Callable[[Generator], NDArray[np.generic]]] = {
    "random": lambda rng: rng.standard_normal((600, 37)).astype(np.float32),
    "random_float64": lambda rng: rng.standard_normal((600, 37)),
    "one_feature": lambda rng: rng.standard_normal((600, 1)).astype(np.float32),
    "tight_clusters_far_apart": lambda rng: (
        1e3 * rng.integers(0, 5, (700, 1)) + 1e-3 * rng.standard_normal((700, 12))
    ).astype(np.float32),
    "large_offset": lambda rng: (1e4 + 1e-2 * rng.standard_normal((600, 20))).astype(np.float32),
    "sphere_of_radius_1e4": _sphere,
    "duplicated": _duplicated,
    "constant": lambda rng: np.full((500, 9), 0.1, dtype=np.float32),
    "grid": lambda rng: rng.integers(0, 3, (2500, 4)).astype(np.float32),
    "one_outlier": lambda rng: np.concatenate([rng.standard_normal((400, 5)), [[1e9] * 5]]),
    "subnormal_range": lambda rng: rng.standard_normal((200, 6)) * 1e-30,
    "bytes": lambda rng: rng.integers(0, 4, (300, 5)).astype(np.uint8),
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("k", [1, 20])
def test_equals_brute_force_with_ids_and_ties(name: str, k: int) -> None:
    vectors = SETS[name](np.random.default_rng(7))
    indices, distances = nearest_neighbours(vectors, k)
    true_indices, true_distances = brute_force_neighbours(vectors, k)
    assert indices.dtype == np.int64
    assert distances.dtype == np.float32
    np.testing.assert_array_equal(indices, true_indices)
    np.testing.assert_allclose(distances, true_distances.astype(np.float32), rtol=2e-7)
    np.testing.assert_array_equal(distances == 0, true_distances == 0)


@settings(max_examples=60, deadline=None)
@given(
    n_rows=st.integers(0, 60),
    width=st.integers(1, 11),
    k=st.integers(1, 70),
    levels=st.integers(1, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_tiny_sets_full_of_ties(n_rows: int, width: int, k: int, levels: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).integers(0, levels, (n_rows, width)).astype(np.float32)
    indices, distances = nearest_neighbours(vectors, k)
    true_indices, true_distances = brute_force_neighbours(vectors, k)
    assert indices.shape == (n_rows, min(k, max(n_rows - 1, 0)))
    np.testing.assert_array_equal(indices, true_indices)
    np.testing.assert_array_equal(distances, true_distances.astype(np.float32))


def test_rows_are_the_same_bits_for_every_frame_and_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(1).standard_normal((1500, 40)).astype(np.float32)
    whole = nearest_neighbours(vectors, 12)
    elsewhere = PreparedSearch(Frame(origin=np.full(40, 0.37), scale=0.0625))
    np.testing.assert_array_equal(certified_neighbours(vectors, 12, elsewhere)[0], whole[0])
    monkeypatch.setattr(exact_search, "QUERY_TILE_ROWS", 129)
    monkeypatch.setattr(exact_search, "VECTOR_TILE_ROWS", 67)
    for one, other in zip(nearest_neighbours(vectors, 12), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_thousand_neighbours() -> None:
    vectors = np.random.default_rng(11).standard_normal((5000, 30)).astype(np.float32)
    indices, distances = nearest_neighbours(vectors, 1000)
    for row in (0, 17, 4999):
        true_indices, true_distances = brute_force_queries(vectors[row : row + 1], vectors, 1001)
        np.testing.assert_array_equal(indices[row], true_indices[0, 1:])
        np.testing.assert_allclose(distances[row], true_distances[0, 1:], rtol=2e-7)


@pytest.mark.parametrize("name", [name for name in SETS if name not in ("constant", "bytes", "grid")])
def test_cosine_equals_one_minus_the_cosine(name: str) -> None:
    vectors = SETS[name](np.random.default_rng(7)).astype(np.float64)
    indices, distances = nearest_neighbours(vectors, 10, metric="cosine")
    lengths = np.linalg.norm(vectors / np.abs(vectors).max(), axis=1)
    cosines = (vectors / np.abs(vectors).max()) @ (vectors / np.abs(vectors).max()).T / np.outer(lengths, lengths)
    np.fill_diagonal(cosines, -2)
    best = -np.sort(-cosines, axis=1)[:, :10]
    np.testing.assert_allclose(distances, 1 - best, atol=1e-7)
    np.testing.assert_allclose(np.take_along_axis(cosines, indices, 1), best, atol=1e-12)


def test_cosine_of_copies_and_of_scaled_copies() -> None:
    vectors = np.random.default_rng(3).standard_normal((40, 6))
    vectors[7], vectors[20] = vectors[3], 1e200 * vectors[3]
    indices, distances = nearest_neighbours(vectors, 2, metric="cosine")
    assert indices[3].tolist() == [7, 20]
    assert distances[3, 0] == 0
    assert distances[3, 1] < 1e-30
    near, lengths = query_neighbours(vectors[3:4] * 5, vectors, 3, metric="cosine")
    assert set(near[0].tolist()) == {3, 7, 20}
    assert lengths.max() < 1e-30
    with pytest.raises(InvalidDataError, match="row 1 of vectors is all zeros"):
        nearest_neighbours([[1.0], [0.0]], 1, metric="cosine")
    with pytest.raises(UsageError, match="metric"):
        nearest_neighbours(vectors, 1, metric="manhattan")  # type: ignore[arg-type]


def test_permuting_the_rows_permutes_the_answer() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((400, 9))
    order = rng.permutation(400)
    indices, distances = nearest_neighbours(vectors, 7)
    moved_indices, moved_distances = nearest_neighbours(vectors[order], 7)
    np.testing.assert_array_equal(order[moved_indices], indices[order])
    np.testing.assert_array_equal(moved_distances, distances[order])


def test_the_margin_covers_the_error_of_the_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the margin float32 alone answers wrongly here, so the other tests do test it."""
    vectors = (1e3 * np.eye(5)[np.arange(800) % 5] + 1e-3 * np.random.default_rng(0).random((800, 5))).astype(
        np.float32
    )
    truth, _ = brute_force_neighbours(vectors, 3)
    np.testing.assert_array_equal(nearest_neighbours(vectors, 3)[0], truth)
    centred = vectors - vectors.mean(axis=0)
    norms = (centred**2).sum(axis=1)
    approximate = norms[:, None] + norms - 2 * centred @ centred.T
    np.fill_diagonal(approximate, np.inf)
    assert (np.argsort(approximate, axis=1)[:, :3] != truth).mean() > 0.5


def test_queries_find_rows_and_themselves() -> None:
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((300, 8)).astype(np.float32)
    queries = np.concatenate([vectors[40:50], rng.standard_normal((30, 8)).astype(np.float32)])
    indices, distances = query_neighbours(queries, vectors, 4)
    true_indices, true_distances = brute_force_queries(queries, vectors, 4)
    np.testing.assert_array_equal(indices, true_indices)
    np.testing.assert_allclose(distances, true_distances, rtol=2e-7)
    np.testing.assert_array_equal(indices[:10, 0], np.arange(40, 50))
    assert not distances[:10, 0].any()
    assert query_neighbours(queries, vectors[:2], 4)[0].shape == (40, 2)
    assert query_neighbours(queries, vectors[:0], 4)[0].shape == (40, 0)


def test_empty_and_single() -> None:
    assert nearest_neighbours(np.empty((0, 4)), 3)[0].shape == (0, 0)
    indices, distances = nearest_neighbours(np.ones((1, 4)), 3)
    assert indices.shape == distances.shape == (1, 0)


def test_a_memory_map_will_do(tmp_path: Path) -> None:
    vectors = np.random.default_rng(2).standard_normal((200, 6)).astype(np.float32)
    np.save(tmp_path / "v.npy", vectors)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    np.testing.assert_array_equal(nearest_neighbours(mapped, 3)[0], nearest_neighbours(vectors, 3)[0])


def test_memory_stays_within_the_formula() -> None:
    n_rows, width, k = 5000, 200, 30
    vectors = np.random.default_rng(4).standard_normal((n_rows, width)).astype(np.float32)
    nearest_neighbours(vectors[:10], k)  # compiling takes memory of its own
    tracemalloc.start()
    nearest_neighbours(vectors, k)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= memory_bytes(n_rows, width, k)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_by_row(value: float) -> None:
    vectors = np.zeros((20, 3), dtype=np.float32)
    vectors[13, 1] = value
    with pytest.raises(InvalidDataError, match="row 13"):
        nearest_neighbours(vectors, 2)
    with pytest.raises(StageError, match="row 13 of queries"):
        query_neighbours(vectors, np.zeros((5, 3)), 2)


def test_distances_beyond_float32_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit into float32"):
        nearest_neighbours(np.array([[0.0], [1e39]]), 1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: nearest_neighbours(np.zeros((3, 2)), 0), "k is 0"),
        (lambda: nearest_neighbours(np.zeros(3), 1), "shape"),
        (lambda: nearest_neighbours(np.zeros((3, 0)), 1), "shape"),
        (lambda: nearest_neighbours(np.array([["a"]]), 1), "type"),
        (lambda: query_neighbours(np.zeros((3, 2)), np.zeros((3, 4)), 1), "features"),
    ],
)
def test_wrong_calls(call: Callable[[], object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        call()
