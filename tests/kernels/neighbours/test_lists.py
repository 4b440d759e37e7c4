"""Lists of neighbours from pairs of blocks: merged in any order they are the search of all rows."""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.kernels.neighbours.certified_search import certified_neighbours, prepare_search
from pipeline.kernels.neighbours.lists import (
    NeighbourLists,
    lists_between,
    lists_within,
    merge_lists,
    pair_memory_bytes,
)
from tests.kernels.neighbours.test_nearest import SETS


def _same(one: NeighbourLists, other: NeighbourLists) -> None:
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.distances_sq, other.distances_sq)


def test_by_hand() -> None:
    one = NeighbourLists(np.array([[7, 9, -1]]), np.array([[1.0, 4.0, np.inf]]))
    other = NeighbourLists(np.array([[3, 7, 5]]), np.array([[1.0, 1.0, 2.0]]))
    merged = merge_lists(one, other)
    assert merged.ids.tolist() == [[3, 7, 5]]
    assert merged.distances_sq.tolist() == [[1.0, 1.0, 2.0]]
    with pytest.raises(UsageError, match="same shape"):
        merge_lists(one, NeighbourLists.empty(2, 3))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 6), levels=st.integers(1, 5))
def test_merging_is_associative_commutative_and_idempotent(seed: int, k: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, levels, (3, 20)).astype(np.float64)  # true distances of ids 0 to 19, with ties

    def some() -> NeighbourLists:
        ids = np.sort(rng.choice(20, rng.integers(0, 20), replace=False))
        lists = NeighbourLists.empty(3, k)
        for row in range(3):
            order = ids[np.lexsort((ids, rows[row, ids]))][:k]
            lists.ids[row, : len(order)], lists.distances_sq[row, : len(order)] = order, rows[row, order]
        return lists

    a, b, c = some(), some(), some()
    _same(merge_lists(a, b), merge_lists(b, a))
    _same(merge_lists(merge_lists(a, b), c), merge_lists(a, merge_lists(b, c)))
    _same(merge_lists(merge_lists(a, b), b), merge_lists(a, b))
    _same(merge_lists(a, NeighbourLists.empty(3, k)), a)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("k", [1, 30])
@pytest.mark.parametrize("known", [True, False])
def test_pairs_of_blocks_merge_to_the_search_of_all_rows(name: str, k: int, known: bool) -> None:
    vectors = SETS[name](np.random.default_rng(7)).astype(np.float64 if name == "random_float64" else np.float32)
    ids = 3 * np.arange(len(vectors)) + 5
    rng = np.random.default_rng(0)
    parts = [np.sort(part) for part in np.split(rng.permutation(len(vectors)), [11, 170])]  # blocks of mingled ids
    found = [NeighbourLists.empty(len(part), k) for part in parts]
    pairs = list(itertools.combinations_with_replacement(range(3), 2))
    for one, other in rng.permutation(pairs).tolist():
        if one == other:
            found[one] = merge_lists(found[one], lists_within(vectors[parts[one]], ids[parts[one]], k))
            continue
        reach = np.concatenate([found[i].distances_sq[:, -1] for i in (one, other)]) if known else None
        mine, theirs = (vectors[parts[one]], ids[parts[one]]), (vectors[parts[other]], ids[parts[other]])
        a, b = lists_between(*mine, *theirs, k, reach=reach)
        found[one], found[other] = merge_lists(found[one], a), merge_lists(found[other], b)
    rows, distances_sq = certified_neighbours(vectors, k, prepare_search(vectors, k))
    for part, lists in zip(parts, found, strict=True):
        np.testing.assert_array_equal(lists.ids, ids[rows[part]])
        np.testing.assert_array_equal(lists.distances_sq, distances_sq[part])


def test_nothing_to_compare_with() -> None:
    vectors, ids = np.ones((3, 2), np.float32), np.arange(3)
    a, b = lists_between(vectors, ids, vectors[:0], ids[:0], 2)
    assert a.ids.tolist() == [[-1, -1]] * 3
    assert b.ids.shape == (0, 2)
    assert lists_within(vectors[:1], ids[:1], 2).ids.tolist() == [[-1, -1]]
    with pytest.raises(UsageError, match="features"):
        lists_between(vectors, ids, vectors[:, :1], ids, 2)


def test_memory_of_a_pair_stays_within_the_formula() -> None:
    rng = np.random.default_rng(0)
    ones, others = (rng.standard_normal((2500, 150)).astype(np.float32) for _ in range(2))
    ids = np.arange(2500)
    lists_between(ones[:10], ids[:10], others, ids, 10)  # compiling takes memory of its own
    tracemalloc.start()
    lists_between(ones, ids, others, ids + 2500, 10)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= pair_memory_bytes(2500, 150, 10)
