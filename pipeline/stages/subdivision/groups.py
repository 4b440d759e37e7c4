"""What trees of sub-categories begin with: those that the recipe asks for, and the categories that are divided."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.clustering_methods.registry import method_of
from pipeline.config import Recipe, SubdivideSettings
from pipeline.runtime.keys import stage_key
from pipeline.stages.clustering.stored import cluster_labels, find_clustering
from pipeline.stages.labels.sets import LabelSet, label_sets
from pipeline.stages.vectors.sets import VectorSet, vector_sets

NODES, SCORES = "category_tree", "category_scores"
"""The tables: a row a node, and a row a score; the first one's attribute `KEYS` tells what is current."""

KEYS = "keys"
ALL = "all"
"""What the category is called where nothing but the pictures is given."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree that the recipe asks for and the index can give.

    Attributes
    ----------
    name : str
        ``VECTORS-NAME``.
    vectors : VectorSet
    settings : SubdivideSettings
    key : int
    """

    name: str
    vectors: VectorSet
    settings: SubdivideSettings
    key: int


def members_group(tree: str) -> str:
    """Table of the pictures of a tree: ``images``, and the deepest ``node`` of each."""
    return f"category_members/{tree}"


def wanted_trees(root: zarr.Group, recipe: Recipe) -> Iterator[Tree]:
    """Every tree whose categories and vectors are there, by recipe line, then by set of vectors."""
    if not recipe.subdivide:
        return
    sets, ready = label_sets(root, recipe), vector_sets(root, recipe)
    for settings in recipe.subdivide:
        given = _given(root, recipe, settings, sets)
        for vectors in ready:
            if given is not None and vectors.name in recipe.clustered_vectors(settings.method):
                yield Tree(f"{vectors.name}-{settings.name}", vectors, settings, _key(vectors, settings, given, sets))


def missing_categories(root: zarr.Group, recipe: Recipe) -> Iterator[str]:
    """Sentences on the trees whose labels or clusters are not in the index."""
    sets = label_sets(root, recipe) if recipe.subdivide else []
    for settings in recipe.subdivide:
        if _given(root, recipe, settings, sets) is None:
            kind, name = ("label set", settings.labels) if settings.labels else ("clustering", settings.clustering)
            yield f"the tree {settings.name} is left out: there is no {kind} {name!r} in the index"


def _given(root: zarr.Group, recipe: Recipe, settings: SubdivideSettings, sets: list[LabelSet]) -> int | None:
    """Key of what gives the categories; None while that is not there."""
    if settings.labels:
        return next((found.key for found in sets if found.name == settings.labels), None)
    if settings.clustering:
        found = find_clustering(root, recipe, settings.clustering)
        return None if found is None else found[0].key
    return 0


def _key(vectors: VectorSet, settings: SubdivideSettings, given: int, sets: list[LabelSet]) -> int:
    """The scores are part of a tree, so that a change of any label set makes it anew."""
    about = settings.model_dump(mode="json", exclude={"name", "method"}) | {"method": settings.method.relevant()}
    entry, labels = method_of(settings.method), [found.key for found in sets]
    return stage_key("subdivide", about, entry.name, entry.version, vectors.content, given, *labels)


def groups_of(root: zarr.Group, recipe: Recipe, tree: Tree) -> dict[str, NDArray[np.int64]]:
    """The categories by name, in order: positions of their pictures among the vectors, ascending.

    Pictures without a label, or in no cluster, are in none.
    """
    rows, settings = tree.vectors.rows, tree.settings
    if settings.labels:
        labels = next(found for found in label_sets(root, recipe) if found.name == settings.labels)
        positions, names = labels.at_level(settings.level, rows)
    elif settings.clustering:
        found = find_clustering(root, recipe, settings.clustering)
        assert found is not None, "the plan asks only for clusterings that are there"
        cluster = cluster_labels(found[0], root, found[1])
        numbers = np.array([cluster.get(row, -1) for row in rows.tolist()], np.int64)
        positions = np.flatnonzero(numbers >= 0)
        width = len(str(numbers.max(initial=0)))
        names = np.array([f"cluster {number:0{width}}" for number in numbers[positions].tolist()], np.str_)
    else:
        return {ALL: np.arange(len(rows))}
    return {str(name): positions[names == name] for name in np.unique(names)}
