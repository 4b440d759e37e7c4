"""Certified search: lower bounds that never exceed, the same bits by every way, nothing unproven handed out."""

import tracemalloc
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.kernels.neighbours import candidates, certified_search
from pipeline.kernels.neighbours.certified_search import (
    Method,
    PreparedSearch,
    certified_neighbours,
    memory_bytes,
    prepare_search,
)
from pipeline.kernels.neighbours.exact_search import find_frame
from pipeline.kernels.neighbours.locality import locality_order
from pipeline.kernels.neighbours.lower_bounds import LowerBounds, contracting_basis, full_rows, shortened_rows
from pipeline.kernels.neighbours.nearest import nearest_neighbours
from tests.kernels.neighbours.test_nearest import SETS
from tests.reference.neighbours import brute_force_neighbours, brute_force_queries

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
    prepared = prepare_search(vectors, 20, method=method)
    rows, distances_sq = certified_neighbours(vectors, 20, prepared)
    np.testing.assert_array_equal(rows, truth)
    np.testing.assert_allclose(np.sqrt(distances_sq), distances, rtol=1e-12)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("split", [1, 7, 190])
def test_two_parts_find_each_other_by_every_way(name: str, method: Method, split: int) -> None:
    vectors = SETS[name](np.random.default_rng(7)).astype(np.float64 if name == "random_float64" else np.float32)
    prepared = prepare_search(vectors, 20, split=split, method=method)
    rows, distances_sq = certified_neighbours(vectors, 20, prepared, split=split, threads=2)
    others, own = vectors[split:], vectors[:split]
    for part, searched, first in ((slice(0, split), others, split), (slice(split, None), own, 0)):
        truth, distances = brute_force_queries(vectors[part], searched, 20)
        found = truth.shape[1]
        np.testing.assert_array_equal(rows[part, :found], truth + first)
        np.testing.assert_allclose(np.sqrt(distances_sq[part, :found]), distances, rtol=1e-12)
        assert (rows[part, found:] == -1).all()
        assert np.isinf(distances_sq[part, found:]).all()


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("method", METHODS)
def test_nothing_within_reach_is_left_out(name: str, method: Method) -> None:
    vectors = SETS[name](np.random.default_rng(7)).astype(np.float64 if name == "random_float64" else np.float32)
    k, split, rng = 20, 100, np.random.default_rng(1)
    whole = certified_neighbours(vectors, k, prepare_search(vectors, k, split=split, method="direct"), split=split)
    chosen = rng.integers(0, k, len(vectors))
    reach = whole[1][np.arange(len(vectors)), chosen]  # the very distance of one of the neighbours
    reach[rng.random(len(vectors)) < 0.2] = np.inf
    reach[rng.random(len(vectors)) < 0.1] = 0.0
    prepared = prepare_search(vectors, k, split=split, reach=reach, method=method)
    rows, distances_sq = certified_neighbours(vectors, k, prepared, split=split, reach=reach)
    wanted = (whole[1] <= reach[:, None]) & (whole[0] >= 0)
    np.testing.assert_array_equal(rows[wanted], whole[0][wanted])
    np.testing.assert_array_equal(distances_sq[wanted], whole[1][wanted])


@pytest.mark.usefixtures("small_tiles")
def test_all_ways_and_threads_give_the_same_bits() -> None:
    vectors = _curved(np.random.default_rng(0), 1500)
    direct = certified_neighbours(vectors, 9, prepare_search(vectors, 9, method="direct"))
    for method in METHODS:
        prepared = prepare_search(vectors, 9, method=method)
        assert prepared.method == method
        for threads in (1, 3):
            found = certified_neighbours(vectors, 9, prepared, threads=threads)
            np.testing.assert_array_equal(found[0], direct[0])
            np.testing.assert_array_equal(found[1], direct[1])


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
    rows, _ = certified_neighbours(vectors, 6, prepare_search(vectors, 6, method=method))
    np.testing.assert_array_equal(rows, truth)


@pytest.mark.parametrize(
    "name", ["random", "large_offset", "sphere_of_radius_1e4", "one_outlier", "tight_clusters_far_apart"]
)
def test_bounds_never_exceed_the_distance(name: str) -> None:
    vectors = SETS[name](np.random.default_rng(1)).astype(np.float64)
    frame = find_frame(vectors)
    basis = contracting_basis(vectors, frame, 4)
    distances = np.sqrt(((vectors[:, None] - vectors[None]) ** 2).sum(axis=2))
    for bounds in (full_rows(vectors, frame), *(shortened_rows(vectors, frame, basis[:, :p]) for p in (4, 2))):
        computed = (bounds.norms[:, None] + bounds.norms) + (-2 * bounds.rows) @ bounds.rows.T
        least = (np.sqrt(np.maximum(computed - bounds.underflow, 0)) - bounds.slack) / bounds.scale
        assert (least <= distances * (1 + 1e-12)).all()


@pytest.mark.usefixtures("small_tiles")
def test_lists_hold_what_is_below_their_limits() -> None:
    vectors = _curved(np.random.default_rng(2), 700)
    frame = find_frame(vectors)
    bounds = shortened_rows(vectors, frame, contracting_basis(vectors, frame, 8))
    computed = (bounds.norms[:, None] + bounds.norms) + (-2 * bounds.rows) @ bounds.rows.T
    np.fill_diagonal(computed, np.inf)
    whole = candidates.candidates_within(bounds, 30)
    parts = candidates.candidates_between(bounds, 200, 30)
    across = computed.copy()
    across[:200, :200] = across[200:, 200:] = np.inf
    for lists, allowed in ((whole, computed), (parts, across)):
        for i in range(len(lists.counts)):
            listed = lists.rows[i, : lists.counts[i]]
            assert len(np.unique(listed)) == lists.counts[i] >= 30
            assert np.isfinite(allowed[i, listed]).all()
            left_out = np.delete(allowed[i], listed)
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
    rows, _ = certified_neighbours(vectors, 5, prepare_search(vectors, 5, method="projected"))
    np.testing.assert_array_equal(rows, brute_force_neighbours(vectors, 5)[0])
    assert sum(len(part) for part in searched) > 450


def test_bounds_that_exceed_would_be_noticed() -> None:
    """Bounds twice too large make wrong answers, so the tests above do test them."""
    vectors = _curved(np.random.default_rng(4), 600)
    prepared = prepare_search(vectors, 5, method="projected")
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
    assert prepare_search(curved, 10).method == "projected"
    assert prepare_search(noise, 10).method == "tiles"
    assert prepare_search(grid, 10).method == "direct"
    assert prepare_search(np.zeros((5000, 9), np.float32), 10).method == "direct"
    assert prepare_search(curved[:1000], 10).method == "direct"


@pytest.mark.parametrize("compressible", [True, False])
def test_the_fast_ways_equal_the_plain_search_and_keep_to_the_memory(compressible: bool) -> None:
    rng = np.random.default_rng(6)
    vectors = _curved(rng) if compressible else rng.standard_normal((5000, 120)).astype(np.float32)
    plain = certified_neighbours(vectors, 10, PreparedSearch(find_frame(vectors)))
    nearest_neighbours(vectors[:4200], 10)  # compiling takes memory of its own
    tracemalloc.start()
    found = nearest_neighbours(vectors, 10)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= memory_bytes(5000, 120, 10)
    np.testing.assert_array_equal(found[0], plain[0])
    np.testing.assert_array_equal(found[1], np.sqrt(plain[1]).astype(np.float32))


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


def _hostile(rng: np.random.Generator, kind: str, n_rows: int, width: int) -> NDArray[np.floating]:
    """Rows whose differences drown in rounding: what a bound without its allowance gets wrong."""
    if kind == "close_pairs_of_large_norm":
        base = 1e4 * rng.standard_normal((n_rows // 2, width))
        return np.concatenate([base, base * (1 + 1e-7 * rng.standard_normal(base.shape))]).astype(np.float32)
    if kind == "almost_parallel":
        return (
            np.outer(10.0 ** rng.uniform(-3, 3, n_rows), np.ones(width)) + 1e-6 * rng.standard_normal((n_rows, width))
        ).astype(np.float32)
    if kind == "alternating_signs":
        return (rng.choice([-1.0, 1.0], (n_rows, width)) * (1 + 2.0**-23 * rng.integers(0, 3, (n_rows, width)))).astype(
            np.float32
        )
    if kind == "subnormal_beside_one":
        ones = rng.random((n_rows, width)) < 0.1
        ones[0, 0] = True
        return np.where(ones, 1.0, 1e-42 * rng.random((n_rows, width))).astype(np.float32)
    return rng.standard_normal((n_rows, width)) * 10.0 ** rng.integers(-8, 9, (1, width))


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(
        ["close_pairs_of_large_norm", "almost_parallel", "alternating_signs", "subnormal_beside_one", "uneven_float64"]
    ),
    n_rows=st.integers(8, 40),
    width=st.integers(2, 700),
    components=st.integers(1, 128),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_rounding_makes_a_bound_exceed(kind: str, n_rows: int, width: int, components: int, seed: int) -> None:
    vectors = _hostile(np.random.default_rng(seed), kind, n_rows, width)
    frame = find_frame(vectors)
    assume(0 < frame.scale < 2.0**300)
    exact = vectors.astype(np.longdouble)
    distances = np.sqrt(((exact[:, None] - exact[None]) ** 2).sum(axis=2))
    basis = contracting_basis(vectors, frame, min(components, width))
    for bounds in (full_rows(vectors, frame), shortened_rows(vectors, frame, basis)):
        norms = bounds.norms
        for left in (-2 * bounds.rows, np.asfortranarray(-2 * bounds.rows)):
            computed = ((norms[:, None] + norms) + left @ bounds.rows.T).astype(np.longdouble)
            least = (np.sqrt(np.maximum(computed - bounds.underflow, 0)) - bounds.slack) / bounds.scale
            assert (least <= distances).all()


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(["close_pairs_of_large_norm", "almost_parallel", "alternating_signs", "uneven_float64"]),
    n_rows=st.integers(8, 60),
    width=st.integers(2, 200),
    method=st.sampled_from(METHODS),
    seed=st.integers(0, 2**32 - 1),
)
def test_hostile_sets_are_answered_exactly(kind: str, n_rows: int, width: int, method: Method, seed: int) -> None:
    vectors = _hostile(np.random.default_rng(seed), kind, n_rows, width)
    rows, distances_sq = certified_neighbours(vectors, 4, prepare_search(vectors, 4, method=method))
    truth, distances = brute_force_neighbours(vectors, 4)
    np.testing.assert_allclose(np.sqrt(distances_sq), distances, rtol=1e-12)
    apart = np.diff(distances, axis=1) > 1e-9 * distances[:, 1:]  # sums in another order may turn nearer ones round
    settled = np.column_stack([apart[:, :1], apart[:, 1:] & apart[:, :-1]])
    np.testing.assert_array_equal(rows[:, :-1][settled], truth[:, :-1][settled])
