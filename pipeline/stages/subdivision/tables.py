"""The tables of `subdivide`: the nodes of trees, their pictures, and their scores."""

import numpy as np

from pipeline.index.schema import Column, Reported, Sources, Table
from pipeline.index.tables import column_of, read_table

_TREE = Column("tree", "text", "Its name: vectors and the recipe's `name`.")

CATEGORY_TREE = Table(
    "category_tree",
    "A row is a category: a label or cluster that was divided, one of its parts, and so on (`[[subdivide]]` of the "
    "recipe).",
    (
        _TREE,
        Column("node", "int64", "Number of the category in its tree; parents come before their parts."),
        Column(
            "parent",
            "int64",
            "The category that it is a part of; null for what was divided first.",
            null=-1,
        ),
        Column("level", "int64", "0 for what was divided first, 1 for its parts."),
        Column("category", "text", "Its path: the label or cluster, then the number of the part."),
        Column("n_images", "int64", "Pictures in it and its parts."),
        Column("n_children", "int64", "Parts that it was divided into; 0 for none."),
        Column(
            "silhouette",
            "float64",
            "Mean silhouette of its pictures in its parts, by which the number of parts was chosen.",
        ),
        Column(
            "stability",
            "float64",
            "Mean Jaccard index with the most similar part when random shares of the parent's pictures are divided "
            "alone; above 0.75 is usually called stable, below 0.5 dissolved.",
        ),
        Column("label", "text", "The most frequent whole label of its pictures."),
        Column("n_labelled", "int64", "Pictures that have a label."),
        Column("purity", "float64", "Share of the labelled ones that have it."),
        Column("reason", "text", "Why it was not divided; empty where it was, or lies at the tree's depth."),
    ),
)


def _members(table: Table, sources: Sources) -> Reported:
    """The pictures of all trees; those in no category have no row."""
    parts = []
    trees = dict.fromkeys(read_table(sources.root, CATEGORY_TREE.place, "tree").get("tree", ()))
    for tree in trees:
        found = read_table(sources.root, table.place.replace("*", tree))
        inside = column_of(found, "node", np.int64) >= 0
        images = found["images"][inside]
        parts.append({"tree": [tree] * len(images), "image": images, "node": found["node"][inside]})
    return {c.name: np.concatenate([part[c.name] for part in parts]) for c in table.reported} if parts else {}


CATEGORY_MEMBERS = Table(
    "category_members",
    "A row is a picture in a tree of categories.",
    (
        Column("tree", "text", _TREE.meaning, stored=False),
        Column("image", "int64", "Row in the store's `images` arrays.", stored=False),
        Column("images", "int64", "The picture.", of="image", reported=False),
        Column("node", "int64", "The deepest category that the picture is in."),
    ),
    group="category_members/*",
    report=_members,
)

CATEGORY_SCORES = Table(
    "category_scores",
    "A row is a level of a tree of categories against a level of a label set.",
    (
        _TREE,
        Column(
            "level",
            "int64",
            "Level of the tree; a picture that is in no part there counts with what it stays in.",
        ),
        Column("set", "text", "Name of the label set."),
        Column("label_level", "int64", "Level of the label path, from 1."),
        Column("n_scored", "int64", "Labelled pictures that were scored."),
        Column("n_categories", "int64", "Categories of the tree that have scored pictures, at this level."),
        Column("n_labels", "int64", "Labels of the scored pictures."),
        Column("nmi", "float64", "Mutual information normalised by the geometric mean of the entropies."),
        Column(
            "ami",
            "float64",
            "Mutual information less what chance would give, normalised in the same way: 0 is no better than chance.",
        ),
        Column("ari", "float64", "Adjusted Rand index."),
        Column("homogeneity", "float64", "1 if every cluster holds one label only."),
        Column("completeness", "float64", "1 if every label lies in one cluster only."),
        Column(
            "dendrogram_purity",
            "float64",
            "Of pairs of pictures with one label: the mean share of that label in the smallest category that has both. "
            "Of the whole tree, the same at each of its levels.",
        ),
    ),
)

TABLES = (CATEGORY_TREE, CATEGORY_MEMBERS, CATEGORY_SCORES)
