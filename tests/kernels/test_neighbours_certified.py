"""Certified search: lower bounds that never exceed, the same bits by every way, nothing unproven handed out."""

import tracemalloc
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.kernels import candidates, certified_search
from pipeline.kernels.certified_search import Method, PreparedSearch, certified_neighbours, memory_bytes, prepare_search
from pipeline.kernels.exact_search import find_frame
from pipeline.kernels.locality import locality_order
from pipeline.kernels.lower_bounds import LowerBounds, fewer_components, full_rows, shortened_rows
from pipeline.kernels.neighbours import nearest_neighbours, neighbours_of_block, prepare_blocks
from tests.kernels.test_neighbours import SETS
from tests.reference.neighbours import brute_force_neighbours

METHODS = [method for method in get_args(Method) if method != "auto"]


def _curved(rng: np.random.Generator, n_rows: int = 5000, width: int = 120) -> NDArray[np.float32]:
    """Ten dimensions, bent into many: what a projection shortens well."""
    latent = rng.standard_normal((n_rows, 5)) + 3 * rng.integers(0, 3, (n_rows, 1))
    folded = np.tanh(latent @ rng.standard_normal((5, width)) / 3 + rng.standard_normal(width))
    return (folded + 1e-3 * rng.standard_normal((n_rows, width))).astype(np.float32)


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "TILE_ROWS", 96)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("method", METHODS)
def test_every_way_equals_brute_force_on_every_set(name: str, method: Method) -> None:
    vectors = SETS[name](np.random.default_rng(7)).astype(np.float64 if name == "random_float64" else np.float32)
    truth, distances = brute_force_neighbours(vectors, 20)
    prepared = prepare_search(vectors, 20, pairs_once=True, method=method)
    for start, stop in ((0, len(vectors)), (130, 199)):
        rows, distances_sq = certified_neighbours(vectors, 20, prepared, start=start, stop=stop)
        np.testing.assert_array_equal(rows, truth[start:stop])
        np.testing.assert_allclose(np.sqrt(distances_sq), distances[start:stop], rtol=1e-12)


@pytest.mark.usefixtures("small_tiles")
def test_all_ways_blocks_and_threads_give_the_same_bits() -> None:
    vectors = _curved(np.random.default_rng(0), 1500)
    direct = certified_neighbours(vectors, 9, prepare_search(vectors, 9, pairs_once=True, method="direct"))
    for method in METHODS:
        prepared = prepare_search(vectors, 9, pairs_once=True, method=method)
        assert prepared.method == method
        for threads in (1, 3):
            found = certified_neighbours(vectors, 9, prepared, threads=threads)
            np.testing.assert_array_equal(found[0], direct[0])
            np.testing.assert_array_equal(found[1], direct[1])
        part = certified_neighbours(vectors, 9, prepared, start=700, stop=911)
        np.testing.assert_array_equal(part[0], direct[0][700:911])
        np.testing.assert_array_equal(part[1], direct[1][700:911])


@settings(max_examples=25, deadline=None)
@given(
    n_rows=st.integers(20, 90),
    width=st.integers(2, 60),
    levels=st.integers(1, 40),
    exponent=st.integers(-20, 20),
    method=st.sampled_from(METHODS),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_sets_with_ties(n_rows: int, width: int, levels: int, exponent: int, method: Method, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = (rng.integers(0, levels, (n_rows, width)) * 2.0**exponent).astype(np.float32)
    truth, _ = brute_force_neighbours(vectors, 6)
    rows, _ = certified_neighbours(vectors, 6, prepare_search(vectors, 6, pairs_once=True, method=method))
    np.testing.assert_array_equal(rows, truth)


@pytest.mark.parametrize(
    "name", ["random", "large_offset", "sphere_of_radius_1e4", "one_outlier", "tight_clusters_far_apart"]
)
def test_bounds_never_exceed_the_distance(name: str) -> None:
    vectors = SETS[name](np.random.default_rng(1)).astype(np.float64)
    frame = find_frame(vectors)
    long = shortened_rows(vectors, frame, 4)
    distances = np.sqrt(((vectors[:, None] - vectors[None]) ** 2).sum(axis=2))
    for bounds in (full_rows(vectors, frame), long, fewer_components(long, 2)):
        computed = (bounds.norms[:, None] + bounds.norms) + (-2 * bounds.rows) @ bounds.rows.T
        least = (np.sqrt(np.maximum(computed - bounds.underflow, 0)) - bounds.slack) / bounds.scale
        assert (least <= distances * (1 + 1e-12)).all()


@pytest.mark.usefixtures("small_tiles")
def test_lists_hold_what_is_below_their_limits() -> None:
    vectors = _curved(np.random.default_rng(2), 700)
    bounds = shortened_rows(vectors, find_frame(vectors), 8)
    computed = (bounds.norms[:, None] + bounds.norms) + (-2 * bounds.rows) @ bounds.rows.T
    np.fill_diagonal(computed, np.inf)
    whole = candidates.candidates_of_all(bounds, 30)
    block = candidates.candidates_of_block(bounds, 200, 300, 30)
    for lists, first in ((whole, 0), (block, 200)):
        for i in range(len(lists.counts)):
            listed = lists.rows[i, : lists.counts[i]]
            assert len(np.unique(listed)) == lists.counts[i] >= 30
            left_out = np.delete(computed[first + i], listed)
            # The products of another tile may differ in their last bits.
            assert left_out.min() >= lists.limits[i] * (1 - 1e-5)


def test_what_the_bounds_leave_open_is_searched_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(3).standard_normal((900, 40)).astype(np.float32)
    searched = []
    direct = certified_search._direct

    def noted(*arguments: object) -> object:
        searched.append(arguments[3])
        return direct(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(certified_search, "_direct", noted)
    rows, _ = certified_neighbours(vectors, 5, prepare_search(vectors, 5, pairs_once=True, method="projected"))
    np.testing.assert_array_equal(rows, brute_force_neighbours(vectors, 5)[0])
    assert sum(len(part) for part in searched) > 450


def test_bounds_that_exceed_would_be_noticed() -> None:
    """Bounds twice too large make wrong answers, so the tests above do test them."""
    vectors = _curved(np.random.default_rng(4), 600)
    prepared = prepare_search(vectors, 5, pairs_once=True, method="projected")
    assert prepared.bounds is not None
    rng = np.random.default_rng(0)
    wrong = replace(prepared.bounds, norms=prepared.bounds.norms * rng.choice([1, 9], 600).astype(np.float32))
    rows, _ = certified_neighbours(vectors, 5, replace(prepared, bounds=wrong))
    assert (rows != brute_force_neighbours(vectors, 5)[0]).mean() > 0.1


def test_the_way_follows_the_data() -> None:
    rng = np.random.default_rng(5)
    curved = _curved(rng)
    noise = rng.standard_normal(curved.shape).astype(np.float32)
    grid = rng.integers(0, 2, (5000, 9)).astype(np.float32)
    assert prepare_search(curved, 10, pairs_once=True).method == "projected"
    assert prepare_search(curved, 10, pairs_once=False).method == "projected"
    assert prepare_search(noise, 10, pairs_once=True).method == "tiles"
    assert prepare_search(noise, 10, pairs_once=False).method == "direct"
    assert prepare_search(grid, 10, pairs_once=True).method == "direct"
    assert prepare_search(np.zeros((5000, 9), np.float32), 10, pairs_once=True).method == "direct"
    assert prepare_search(curved[:1000], 10, pairs_once=True).method == "direct"


@pytest.mark.parametrize("compressible", [True, False])
def test_the_fast_ways_equal_the_plain_search_and_keep_to_the_memory(compressible: bool) -> None:
    rng = np.random.default_rng(6)
    vectors = _curved(rng) if compressible else rng.standard_normal((5000, 120)).astype(np.float32)
    plain = neighbours_of_block(vectors, 0, 5000, 10, prepared=PreparedSearch(find_frame(vectors)))
    nearest_neighbours(vectors[:4200], 10)  # compiling takes memory of its own
    tracemalloc.start()
    found = nearest_neighbours(vectors, 10)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= memory_bytes(5000, 120, 10)
    prepared = prepare_blocks(vectors, 10)
    block = neighbours_of_block(vectors, 1000, 1300, 10, prepared=prepared)
    for one, other, part in zip(found, plain, block, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(part, other[1000:1300])


def test_near_rows_stand_together() -> None:
    rng = np.random.default_rng(8)
    cluster = rng.integers(0, 4, 2048)
    rows = (100 * np.eye(4)[cluster] + rng.standard_normal((2048, 4))).astype(np.float32)
    order = locality_order(rows)
    np.testing.assert_array_equal(np.sort(order), np.arange(2048))
    assert (np.diff(cluster[order]) != 0).sum() < 20
    np.testing.assert_array_equal(locality_order(rows[:10]), np.arange(10))


def test_bounds_can_be_reordered() -> None:
    bounds = LowerBounds(np.eye(3, dtype=np.float32), np.arange(3, dtype=np.float32), 0.0, 0.0, 1.0)
    moved = bounds.reordered(np.array([2, 0, 1]))
    np.testing.assert_array_equal(moved.norms, [2, 0, 1])
    np.testing.assert_array_equal(moved.rows[0], [0, 0, 1])
