"""The tables of `agree`: scores, and the cells of labels against clusters."""

from pipeline.index.schema import Column, Table
from pipeline.stages.clustering.stored import NO_COUNT

_PART = Column(
    "part", "text", "The clusterings by one method, or the reference curves, that it was scored with.", reported=False
)

AGREEMENT = Table(
    "agreement",
    "A row is a score of a clustering against a label set. The reference curves `refined`, `uniform` and `orthogonal` "
    "are methods here; they have an NMI only.",
    (
        _PART,
        Column("clustering", "text", "Its name: vectors, method and, where one was asked for, k."),
        Column("vectors", "text", "Name of the set of vectors."),
        Column(
            "method",
            "text",
            "The method, or the name that the recipe gives it; in `agreement` also the reference curves.",
        ),
        Column("k", "int64", "Number of clusters asked for; null where the method finds its own.", null=NO_COUNT),
        Column("set", "text", "Name of the label set."),
        Column("level", "int64", "Level of a label path that was scored, from 1."),
        Column("n_scored", "int64", "Labelled pictures that were scored."),
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
            "accuracy", "float64", "Share of pictures whose label is the most frequent one of their cluster (purity)."
        ),
        Column(
            "hungarian_accuracy", "float64", "Share right under the best one-to-one matching of clusters to labels."
        ),
    ),
)

CONFUSION = Table(
    "confusion",
    "A row is a cell of the table of labels against clusters; only cells with pictures in them.",
    (
        _PART,
        Column("clustering", "text", "Its name: vectors, method and, where one was asked for, k."),
        Column("set", "text", "Name of the label set."),
        Column("label", "text", "The label, a path where classes are nested (`Fibres/bundle`)."),
        Column("cluster", "int64", "Number of the cluster; -1 where the picture is in none."),
        Column("count", "int64", "Pictures with this label in this cluster."),
    ),
)

TABLES = (AGREEMENT, CONFUSION)
