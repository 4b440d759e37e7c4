"""The tables of `assess`: how good clusterings are without labels, and the numbers of clusters that follow."""

from pipeline.index.schema import Column, Reported, Sources, Table
from pipeline.index.tables import read_table
from pipeline.stages.assessment.recommendation import recommendations
from pipeline.stages.clustering.stored import NO_COUNT

_VECTORS = Column("vectors", "text", "Name of the set of vectors.")
_METHOD = Column(
    "method", "text", "The method, or the name that the recipe gives it; in `agreement` also the reference curves."
)
_CLUSTERING = Column("clustering", "text", "Its name: vectors, method and, where one was asked for, k.")

QUALITY = Table(
    "quality",
    "A row is a clustering, measured without labels (sets of at most `assess.max_points` vectors).",
    (
        Column("part", "text", "The clusterings by one method that it was measured with.", reported=False),
        _CLUSTERING,
        _VECTORS,
        _METHOD,
        Column(
            "k",
            "int64",
            "Number of clusters asked for; null where the method finds its own.",
            null=NO_COUNT,
        ),
        Column("n_clusters", "int64", "Clusters that were found."),
        Column(
            "n_scored",
            "int64",
            "Pictures in a cluster; those in none are in no score but the stability, as one cluster more.",
        ),
        Column(
            "silhouette",
            "float64",
            "Mean silhouette, exact: how much nearer pictures are to their own cluster than to the next.",
        ),
        Column("davies_bouldin", "float64", "Davies-Bouldin index: the lower the better."),
        Column("calinski_harabasz", "float64", "Calinski-Harabasz index: the higher the better."),
        Column(
            "stability",
            "float64",
            "Mean adjusted Rand index with clusterings of random shares of the pictures; null where it was not "
            "measured.",
        ),
        Column(
            "decision_gap",
            "float64",
            "How many times less prominent the next centre of the decision graph is than the last one taken; Density "
            "Peaks only.",
        ),
    ),
)


def _recommended(table: Table, sources: Sources) -> Reported:
    rows = list(recommendations(read_table(sources.root, QUALITY.place)))
    return {column.name: [row[column.name] for row in rows] for column in table.reported}


RECOMMENDED = Table(
    "recommended_k",
    "A row is a set of vectors, a method and a criterion: the number of clusters with the best value. Recommended is "
    "that of the largest silhouette over all methods; the others show whether they agree.",
    (
        _VECTORS,
        _METHOD,
        Column("criterion", "text", "The column of `quality` that chose."),
        _CLUSTERING,
        Column("k", "int64", "Its number of clusters."),
        Column("value", "float64", "Its value."),
        Column("recommended", "bool", "Whether this is the recommendation for its set of vectors."),
    ),
    layout="computed",
    report=_recommended,
)

TABLES = (QUALITY, RECOMMENDED)
