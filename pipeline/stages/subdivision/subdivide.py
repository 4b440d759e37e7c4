"""subdivide: within each label or cluster a tree of sub-categories, with the stability of each and its scores.

A tree is grown in the driver's turn (`Plan.drive`): a task is one category, of which a worker reads the vectors.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.clustering_methods.splitting import Dividing, divide
from pipeline.config import Recipe, SubdivideSettings
from pipeline.index.tables import replace_rows, write_table
from pipeline.kernels.clustering.category_tree import Node, Path, Split, deepest_nodes, grow_tree
from pipeline.kernels.mapping import MapTasks
from pipeline.runtime.keys import random_seed
from pipeline.runtime.plan import Block, Context, Done, Job, Plan, Stage
from pipeline.stages.clustering.blocks import StoredRows, job_of, reading
from pipeline.stages.labels.sets import label_sets
from pipeline.stages.result_keys import stored_keys
from pipeline.stages.selection import once_paired
from pipeline.stages.subdivision.groups import (
    KEYS,
    NODES,
    SCORES,
    Tree,
    groups_of,
    members_group,
    missing_categories,
    wanted_trees,
)
from pipeline.stages.subdivision.scoring import node_labels, tree_scores
from pipeline.stages.subdivision.tables import CATEGORY_SCORES, CATEGORY_TREE, TABLES

NAME = "subdivide"


@dataclass(frozen=True, slots=True)
class Grown:
    """A tree, ready to be stored.

    Attributes
    ----------
    tree : Tree
    nodes, scores : list of dict
        Rows of the two tables.
    deepest : int64 [n]
        The deepest node of every vector; -1 where it is in no category.
    """

    tree: Tree
    nodes: list[dict[str, object]]
    scores: list[dict[str, object]]
    deepest: NDArray[np.int64]


def plan(context: Context) -> Plan | None:
    """Grow the first tree that is missing; drop those that are no longer asked for with the last."""
    wanted = list(wanted_trees(context.root, context.recipe))
    context.notes.extend(f"subdivide: {text}." for text in missing_categories(context.root, context.recipe))
    done = stored_keys(context.root, NODES, KEYS)
    missing = [tree for tree in wanted if done.get(tree.name) != tree.key]
    keys = {tree.name: tree.key for tree in wanted}
    if not missing:
        stale = [name for name in done if name not in keys]
        return _dropping(keys) if stale else None
    tree = missing[0]
    return Plan(
        step=tree.name,
        tasks=[Block(len(tree.vectors.rows), f"sub-categories of {tree.name}")],
        job=job_of(context.recipe, tree.settings.method, tree.vectors.name),
        merge=partial(_merge, keys=keys),
        engine="dask",
        seconds_per_item=0.001 * (1 + tree.settings.resamples),
        settings=tree.settings.model_dump(mode="json"),
        drive=partial(_drive, context.recipe, tree),
    )


def _dropping(keys: dict[str, int]) -> Plan:
    return Plan(
        step="drop", tasks=[], job=Job("drop", lambda root: lambda root, task: None), merge=partial(_merge, keys=keys)
    )


def _drive(recipe: Recipe, tree: Tree, root: zarr.Group, map_tasks: MapTasks) -> Grown:
    groups = groups_of(root, recipe, tree)
    tasks = [(number, rows) for number, rows in enumerate(groups.values())]
    with reading(tree.vectors, root):
        parts = list(map_tasks(partial(_grow, recipe, tree.settings, list(groups)), tasks))
    nodes = [node for part in parts for node in part]
    labels = node_labels(nodes, tree, label_sets(root, recipe))
    names = {node.path: place for place, node in enumerate(nodes)}
    rows = [
        {
            "tree": tree.name,
            "node": place,
            "parent": names.get(node.path[:-1], -1),
            "level": node.level,
            "category": "/".join([list(groups)[node.path[0]], *map(str, node.path[1:])]),
            "n_images": len(node.rows),
            "n_children": node.n_children,
            "silhouette": node.silhouette,
            "stability": node.stability,
            "reason": node.reason,
        }
        | labels[place]
        for place, node in enumerate(nodes)
    ]
    scores = list(tree_scores(nodes, tree, label_sets(root, recipe)))
    return Grown(tree, rows, scores, deepest_nodes(nodes, len(tree.vectors.rows)))


def _grow(
    recipe: Recipe, settings: SubdivideSettings, names: Sequence[str], task: tuple[int, NDArray[np.int64]]
) -> list[Node]:
    """The nodes of one category; in a worker."""
    number, rows = task
    vectors, read = StoredRows().pick(rows), settings.method
    counts = read.counts(recipe.cluster.k)
    how = Dividing(read, counts, settings.resamples, settings.share)

    def split(inside: NDArray[np.int64], path: Path) -> Split | str:
        if len(inside) > read.max_points:
            return f"{len(inside):,} pictures are more than its max_points = {read.max_points:,}"
        seed = partial(random_seed, settings.seed, NAME, names[number], *path[1:])
        return divide(vectors[np.searchsorted(rows, inside)], how, seed)

    return list(grow_tree(rows, number, split, depth=settings.depth, fewest=settings.min_pictures))


def _merge(root: zarr.Group, results: Sequence[Grown], *, keys: dict[str, int]) -> None:
    """Replace what was grown, and drop what is no longer asked for."""
    old = stored_keys(root, NODES, KEYS)
    kept = {name: key for name, key in old.items() if keys.get(name) == key}
    kept |= {found.tree.name: found.tree.key for found in results}
    replaced = [name for name in old if name not in kept] + [found.tree.name for found in results]
    nodes = CATEGORY_TREE.typed([row for found in results for row in found.nodes])
    scores = CATEGORY_SCORES.typed([row for found in results for row in found.scores])
    replace_rows(root, NODES, "tree", replaced, nodes, attributes={KEYS: kept})
    replace_rows(root, SCORES, "tree", replaced, scores)
    for name in set(old) - set(kept):
        if members_group(name) in root:
            del root[members_group(name)]
    for found in results:
        columns = {"images": found.tree.vectors.rows, "node": found.deepest}
        write_table(root, members_group(found.tree.name), columns)


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    grown = stored_keys(root, NODES, KEYS)
    for tree in wanted_trees(root, recipe):
        yield Done.whole(tree.name, len(tree.vectors.rows), grown.get(tree.name) == tree.key)


STAGE = Stage(NAME, plan, TABLES, once_paired(_status))
