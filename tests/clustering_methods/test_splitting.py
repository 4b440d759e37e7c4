"""Dividing categories by any method: a labelled tree of 36 leaves under 10 categories is found again."""

from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.clustering_methods.base import ClusteringMethod
from pipeline.clustering_methods.registry import METHODS
from pipeline.clustering_methods.splitting import Dividing, divide
from pipeline.clustering_methods.ward import WardSettings
from pipeline.kernels.agreement.dendrogram_purity import dendrogram_purity
from pipeline.kernels.agreement.scores import adjusted_rand_index
from pipeline.kernels.clustering.category_tree import Node, Path, Split, deepest_nodes, grow_tree, parents_of
from pipeline.runtime.keys import random_seed

LEAVES = (2, 3, 4, 5, 3, 4, 2, 6, 3, 4)
"""Of the ten categories."""


def _labelled_tree() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Vectors, categories, leaves: 12 points a leaf."""
    random = np.random.default_rng(5)
    category = np.repeat(np.arange(10), 12 * np.array(LEAVES))
    leaf = np.repeat(np.arange(sum(LEAVES)), 12)
    centers = 40 * random.normal(size=(10, 8))
    inner = 8 * random.normal(size=(sum(LEAVES), 8))
    vectors = centers[category] + inner[leaf] + random.normal(size=(len(leaf), 8))
    order = random.permutation(len(leaf))
    return vectors[order].astype(np.float32), category[order], leaf[order]


def _grow(vectors: NDArray[np.float32], category: NDArray[np.int64], how: Dividing) -> list[Node]:
    def split(rows: NDArray[np.int64], path: Path) -> Split | str:
        return divide(vectors[rows], how, partial(random_seed, 0, *path))

    groups = [np.flatnonzero(category == number) for number in np.unique(category)]
    return [node for number, rows in enumerate(groups) for node in grow_tree(rows, number, split, depth=1)]


def test_a_labelled_tree_is_found_again_and_is_stable() -> None:
    vectors, category, leaf = _labelled_tree()
    nodes = _grow(vectors, category, Dividing(WardSettings(), range(2, 9), 5, 0.8))
    deepest = deepest_nodes(nodes, len(leaf))
    assert adjusted_rand_index(leaf, deepest) > 0.95
    assert dendrogram_purity(leaf, deepest, parents_of(nodes)) > 0.95
    found = [node.n_children for node in nodes if node.level == 0]
    assert np.sum(np.array(found) == LEAVES) >= 9
    assert np.median([node.stability for node in nodes if node.level == 1]) > 0.95


def test_what_has_no_parts_is_not_stable() -> None:
    ball = np.random.default_rng(1).normal(size=(150, 8)).astype(np.float32)
    found = divide(ball, Dividing(WardSettings(), (4, 5, 6), 5, 0.8), partial(random_seed, 0))
    assert isinstance(found, Split)
    assert found.silhouette < 0.2
    assert np.mean(found.stability) < 0.75


@pytest.mark.parametrize("entry", METHODS, ids=lambda entry: entry.name)
def test_any_method_divides(entry: ClusteringMethod) -> None:
    """By the rows alone: in another order of the seeds nothing differs."""
    vectors, category, leaf = _labelled_tree()
    inside = category == 2
    settings = entry.settings()
    how = Dividing(settings, settings.counts((3, 4, 5)), 2, 0.8)
    found = divide(vectors[inside], how, partial(random_seed, 0))
    again = divide(vectors[inside], how, partial(random_seed, 0))
    if isinstance(found, str):
        assert found == again
        assert not how.counts  # by its defaults one that finds its own number may find one cluster of so few points
        return
    assert isinstance(again, Split)
    assert np.array_equal(found.labels, again.labels)
    assert len(found.stability) == found.labels.max() + 1
    assert adjusted_rand_index(leaf[inside], found.labels, noise="cluster") > 0.3


def test_why_there_are_no_parts_is_said() -> None:
    same = np.zeros((8, 3), np.float32)
    reason = divide(same, Dividing(WardSettings(), (2, 3), 2, 0.8), partial(random_seed, 0))
    assert reason == "ward finds no two parts"
