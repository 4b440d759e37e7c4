"""Trees of sub-categories, the stability of their nodes, and how well they keep labels together."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.kernels.agreement.dendrogram_purity import dendrogram_purity
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.clustering.category_tree import Node, Path, Split, deepest_nodes, grow_tree, parents_of
from pipeline.kernels.clustering.stability import Resampled, draw_resamples, stability


def _halves(rows: NDArray[np.int64], path: Path) -> Split | str:
    """The lower and the upper half; the last row of five or more is in no part."""
    labels = (np.arange(len(rows)) * 2 // len(rows)).astype(np.int32)
    if len(rows) >= 5:
        labels[-1] = -1
    return Split(labels, 0.5, np.array([0.25, 0.75]))


def test_groups_are_divided_again_and_again() -> None:
    groups = (np.arange(8), np.arange(8, 11))
    nodes = [node for i, rows in enumerate(groups) for node in grow_tree(rows, i, _halves, depth=2, fewest=4)]
    paths = [node.path for node in nodes]
    assert paths == [(0,), (0, 0), (0, 0, 0), (0, 0, 1), (0, 1), (1,)]
    assert [node.rows.tolist() for node in nodes] == [
        [0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3], [0, 1], [2, 3], [4, 5, 6], [8, 9, 10],
    ]  # fmt: skip
    assert [node.n_children for node in nodes] == [2, 2, 0, 0, 0, 0]
    assert parents_of(nodes).tolist() == [-1, 0, 1, 1, 0, -1]
    assert deepest_nodes(nodes, 12).tolist() == [2, 2, 3, 3, 4, 4, 4, 0, 5, 5, 5, -1]
    assert deepest_nodes(nodes, 12, level=0).tolist() == [0] * 8 + [5] * 3 + [-1]
    np.testing.assert_array_equal([node.stability for node in nodes], [np.nan, 0.25, 0.25, 0.75, 0.75, np.nan])


def test_what_cannot_be_divided_is_a_leaf() -> None:
    one = Split(np.zeros(4, np.int32), 0.0, np.ones(1))
    for split, reason in ((lambda rows, path: "no reason"), "no reason"), ((lambda rows, path: one), "one part only"):
        (node,) = grow_tree(np.arange(4), 3, split, depth=5)
        assert (node.path, node.n_children, node.reason) == ((3,), 0, reason)
    (node,) = grow_tree(np.arange(4), 3, _halves, depth=5, fewest=5)
    assert node.reason == "fewer than 5 points"
    orphan = Node((0, 1), np.arange(2), 0, 0.0, 0.0)
    with pytest.raises(UsageError, match="no parent before it"):
        parents_of([orphan])


def test_purity_by_hand() -> None:
    """Three of "a" in one leaf with one "b", the other "b" beside it: two pairs of labels are spread over both."""
    labels, deepest = list("aaabb"), [1, 1, 1, 1, 2]
    assert dendrogram_purity(labels, deepest, [-1, 0, 0]) == pytest.approx((3 * 0.75 + 1 * 0.4) / 4)
    with pytest.raises(UsageError, match="before its parent"):
        dendrogram_purity(labels, deepest, [1, -1, 0])
    with pytest.raises(InvalidDataError, match="no two points"):
        dendrogram_purity(["a", "b"], [0, 0], [-1])


@given(st.integers(2, 14), st.integers(1, 9), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_purity_is_that_of_all_pairs(n_points: int, n_nodes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    parents = np.array([random.integers(-1, node) if node else -1 for node in range(n_nodes)])
    deepest, labels = random.integers(0, n_nodes, n_points), random.integers(0, 3, n_points)
    shares = [
        _share(labels, deepest, parents, i, j) for i, j in combinations(range(n_points), 2) if labels[i] == labels[j]
    ]
    if shares:
        assert dendrogram_purity(labels, deepest, parents) == pytest.approx(np.mean(shares))


def _share(labels: NDArray[np.int64], deepest: NDArray[np.int64], parents: NDArray[np.int64], i: int, j: int) -> float:
    def chain(node: int) -> list[int]:
        return [node] if node < 0 else [node, *chain(int(parents[node]))]

    chains = [chain(int(node)) for node in deepest]
    lowest = next(node for node in chains[i] if node in chains[j])
    inside = [k for k, above in enumerate(chains) if lowest in above]
    return float(np.mean(labels[inside] == labels[i]))


def test_a_cluster_that_comes_again_is_stable_and_one_that_is_torn_is_not() -> None:
    labels = np.repeat(np.arange(3, dtype=np.int32), 4)
    labels[-1] = -1
    rows = np.arange(12)
    torn = np.array([0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 3, -1], np.int32)
    found = stability(labels, [Resampled(rows, torn), Resampled(rows[:4], np.zeros(4, np.int32))])
    assert found.clusters.tolist() == [1.0, 0.5, 1.0]
    assert found.partition < 1
    unseen = stability(labels, [Resampled(rows[:4], np.zeros(4, np.int32))])
    np.testing.assert_array_equal(unseen.clusters, [1, np.nan, np.nan])
    assert np.isnan(stability(labels, []).partition)


def test_parts_are_drawn_from_the_seed() -> None:
    parts, again = (draw_resamples(50, 3, share=0.8, seed=4) for _ in range(2))
    assert [len(part) for part in parts] == [40] * 3
    assert all((np.diff(part) > 0).all() for part in parts)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))
    assert not np.array_equal(parts[0], parts[1])
    with pytest.raises(UsageError, match=r"share .* is 1\.0"):
        draw_resamples(50, 3, share=1.0, seed=4)
