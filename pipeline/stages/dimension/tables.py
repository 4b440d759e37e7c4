"""The tables of `dimension`."""

from pipeline.index.schema import Column, Table

DIMENSION = Table(
    "dimension",
    "A row is one 2-NN estimate of the intrinsic dimension.",
    (
        Column("vectors", "text", "Name of the set of vectors."),
        Column("fraction", "float64", "Share of the mu values that the line is fitted on."),
        Column("subsample", "int64", "-1 for all points, else the number of the repeat on a random part of them."),
        Column("n_points", "int64", "Points that the estimate rests on."),
        Column("n_dropped", "int64", "Points left out, being duplicates."),
        Column("dimension", "float64", "The estimate."),
        Column("error", "float64", "Its standard error, or the spread of the repeats."),
        Column("ml_dimension", "float64", "The maximum-likelihood estimate from all mu."),
        Column("ml_error", "float64", "Its standard error."),
    ),
)

DIMENSION_SCALES = Table(
    "dimension_scales",
    "A row is a Gride estimate of the intrinsic dimension, between neighbours n1 and n2.",
    (
        Column("vectors", "text", "Name of the set of vectors."),
        Column("n1", "int64", "The nearer neighbour that distances are taken to, counted from 1."),
        Column("n2", "int64", "The farther one."),
        Column("scale", "float64", "Mean of both distances: where the dimension was measured."),
        Column("n_points", "int64", "Points that the estimate rests on."),
        Column("n_dropped", "int64", "Points left out, being duplicates."),
        Column("dimension", "float64", "The estimate."),
        Column("error", "float64", "Its standard error, points taken as independent."),
    ),
)

DIMENSION_FINDINGS = Table(
    "dimension_findings",
    "A row is a set of vectors: what its dimension and its components come to.",
    (
        Column("vectors", "text", "Name of the set of vectors."),
        Column(
            "plateau",
            "float64",
            "The dimension over the longest range of sizes where it does not change; null where there is none.",
        ),
        Column("plateau_fewest", "int64", "Points of the smallest subsamples in that range; 0 where there is none."),
        Column("plateau_most", "int64", "Points of the largest."),
        Column("components_90", "int64", "Principal components that hold 90% of the variance; 0 where there is none."),
        Column("components_95", "int64", "Those that hold 95%."),
        Column("components_99", "int64", "Those that hold 99%."),
        Column(
            "statement",
            "text",
            "What the estimates show, in words: a plateau or none, what was dropped, why there is none.",
        ),
    ),
)

SPECTRUM = Table(
    "spectrum",
    "A row is a principal component of a set of vectors.",
    (
        Column("vectors", "text", "Name of the set of vectors."),
        Column("component", "int64", "Number of the component, from 1."),
        Column("explained_variance_ratio", "float64", "Share of the variance along it."),
        Column("cumulative_ratio", "float64", "Share along it and all before it."),
    ),
)

LOADINGS = Table(
    "loadings",
    "A row is one of the 10 largest entries of one of the first 5 principal components.",
    (
        Column("vectors", "text", "Name of the set of vectors."),
        Column("component", "int64", "Number of the component, from 1."),
        Column("feature", "int64", "Number of the feature, from 0."),
        Column("loading", "float64", "The component's entry there; components have length 1."),
    ),
)

DISTANCES = Table(
    "distances",
    "A row is a set of vectors and a label set.",
    (
        Column("vectors", "text", "Name of the set of vectors."),
        Column("set", "text", "Name of the label set."),
        Column("n_points", "int64", "Labelled pictures that were compared."),
        Column("correlation_with_labels", "float64", "Correlation of distances with having different labels."),
    ),
)

DISTANCE_MAP = Table(
    "distance_map",
    "A row is a pair of labels: how far their pictures lie apart (at most 40 labels).",
    (
        Column("vectors", "text", "Name of the set of vectors."),
        Column("set", "text", "Name of the label set."),
        Column("label", "text", "The label, a path where classes are nested (`Fibres/bundle`)."),
        Column("other", "text", "The other label; the same for pictures of one label."),
        Column("n_points", "int64", "Pictures of the label that were compared, of at most 5,000 in all."),
        Column("mean_distance", "float64", "Mean Euclidean distance of their vectors."),
    ),
)

PRESERVATION = Table(
    "preservation",
    "A row is a code: how well it keeps the neighbourhoods of the vectors that it was made from.",
    (
        Column("codes", "text", "Name of the set of vectors that it makes."),
        Column("vectors", "text", "Name of the set of vectors that the code was made from."),
        Column("n_neighbours", "int64", "Neighbours looked at."),
        Column("n_points", "int64", "Pictures compared, at most 5,000."),
        Column(
            "trustworthiness",
            "float64",
            "1 where nothing becomes a neighbour in the code that was none in the vectors.",
        ),
        Column("continuity", "float64", "1 where no neighbour in the vectors is lost in the code."),
        Column("share_kept", "float64", "Share of the neighbours in the vectors that are neighbours in the code."),
    ),
)

MOMENTS = Table(
    "moments",
    "Sums from which the components of a large set are computed; they go when its measurement is written.",
    layout="arrays",
    group="dimension/moments/*",
    report=None,
)

MEASURED = (DIMENSION, DIMENSION_SCALES, DIMENSION_FINDINGS, SPECTRUM, LOADINGS, DISTANCES, DISTANCE_MAP, PRESERVATION)
"""What is measured on a set of vectors: one column names it, `codes` in ``preservation`` and else `vectors`."""

TABLES = (*MEASURED, MOMENTS)
