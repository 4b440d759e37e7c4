"""The tables of `cluster`: what is stored of each set of vectors and method, and the reports' view of it."""

import json

import numpy as np
import pyarrow as pa
import zarr
from numpy.typing import NDArray

from pipeline.index.arrays import find_array
from pipeline.index.schema import Column, Reported, Sources, Table, made_anew
from pipeline.index.tables import column_of, hex_md5, read_table
from pipeline.stages.clustering.stored import Clustering, StoredClusterings, stored_clusterings


def _clusterings(table: Table, sources: Sources) -> Reported:
    rows = [
        _about(labels, stored, clustering) | _starts(sources.root, clustering)
        for stored in stored_clusterings(sources.root, sources.recipe)
        for labels in (column_of(stored.read(sources.root, "labels"), "labels", np.int32),)
        for clustering in stored.clusterings
    ]
    return {column.name: [row[column.name] for row in rows] for column in table.reported}


def _about(labels: NDArray[np.int32], stored: StoredClusterings, clustering: Clustering) -> dict[str, object]:
    return {
        "clustering": clustering.name,
        "vectors": clustering.vectors,
        "method": clustering.label,
        "k": clustering.k,
        "settings": json.dumps(stored.settings, sort_keys=True),
        "n_images": len(labels),
        "n_clusters": int(np.sum(np.unique(labels[:, clustering.column]) >= 0)),
        "inertia": None if stored.inertia is None else stored.inertia[clustering.column],
        "seconds": stored.seconds[clustering.column],
    }


def _starts(root: zarr.Group, clustering: Clustering) -> dict[str, object]:
    """How many starts a clustering is the best of, and how far the worst of them was from it."""
    array = find_array(root, f"cluster_models/{clustering.part}/start_inertias_{clustering.k}", np.float64)
    if array is None:
        return {"starts": None, "start_spread": None}
    inertias = array[:]
    spread = float(inertias[-1] / inertias[0] - 1) if len(inertias) and inertias[0] > 0 else None
    return {"starts": len(inertias), "start_spread": spread}


def _clusters(table: Table, sources: Sources) -> Reported:
    """The pictures of all clusterings, one after the other."""
    md5 = pa.array(hex_md5(read_table(sources.root, "images", "md5").get("md5", ())), pa.string())
    parts = [
        _members(stored.read(sources.root), md5, clustering)
        for stored in stored_clusterings(sources.root, sources.recipe)
        for clustering in stored.clusterings
    ]
    return {c.name: pa.chunked_array([p[c.name] for p in parts]).combine_chunks() for c in table.reported if parts}


def _members(table: dict[str, NDArray[np.generic]], md5: pa.Array, clustering: Clustering) -> dict[str, pa.Array]:
    n = len(table["images"])
    return {
        "clustering": pa.array([clustering.name] * n, pa.string()),
        "image": pa.array(table["images"]),
        "md5": md5.take(pa.array(table["images"])),
        "cluster": pa.array(table["labels"][:, clustering.column].astype(np.int64)),
        "density": _optional(table, "density", n),
        "delta": _optional(table, "delta", n),
        "is_center": _is_center(table, clustering, n),
    }


def _is_center(table: dict[str, NDArray[np.generic]], clustering: Clustering, n: int) -> pa.Array:
    """Of a method that ranks its peaks: the first k, or all where it finds its own number."""
    if "peak_rank" not in table:
        return pa.nulls(n, pa.bool_())
    rank = column_of(table, "peak_rank", np.int64)
    return pa.array((rank >= 0) & ((rank < clustering.k) if clustering.k is not None else True))


def _optional(table: dict[str, NDArray[np.generic]], name: str, n: int) -> pa.Array:
    return pa.array(table[name]) if name in table else pa.nulls(n, pa.float64())


def _shown(table: Table, sources: Sources, picture: int) -> dict[str, dict[str, int]]:
    """The picture's cluster by set of vectors and method, then by k: ``k10``, or ``own`` without a k."""
    found: dict[str, dict[str, int]] = {}
    for stored in stored_clusterings(sources.root, sources.recipe):
        columns = stored.read(sources.root, "images", "labels")
        for row in np.flatnonzero(columns["images"] == picture).tolist():
            found[stored.part] = {
                "own" if one.k is None else f"k{one.k}": int(columns["labels"][row, one.column])
                for one in stored.clusterings
            }
    return found


CLUSTERINGS = Table(
    "clusterings",
    "A row is a clustering: a set of vectors, a method and a number of clusters.",
    (
        Column("clustering", "text", "Its name: vectors, method and, where one was asked for, k."),
        Column("vectors", "text", "Name of the set of vectors."),
        Column(
            "method",
            "text",
            "The method, or the name that the recipe gives it; in `agreement` also the reference curves.",
        ),
        Column("k", "int64", "Number of clusters asked for; null where the method finds its own."),
        Column("settings", "text", "The method's settings, as JSON."),
        Column("n_images", "int64", "Pictures clustered."),
        Column("n_clusters", "int64", "Clusters that have pictures."),
        Column("inertia", "float64", "Sum of squared distances to the centres; k-means only."),
        Column(
            "starts",
            "int64",
            "Starts that it is the best of, on a sample; 0 where it began from stored centres; k-means only.",
        ),
        Column(
            "start_spread",
            "float64",
            "How much more inertia the worst of these starts had on the sample than the best: 0.02 is 2%.",
        ),
        Column("seconds", "float64", "Seconds that it took."),
    ),
    layout="computed",
    report=_clusterings,
)

CLUSTERS = Table(
    "clusters",
    "A row is a picture in a clustering.",
    (
        Column("clustering", "text", "Its name: vectors, method and, where one was asked for, k."),
        Column("image", "int64", "Row in the store's `images` arrays."),
        Column("md5", "text", "MD5 of the file's bytes (of a page: of its picture's), 32 hexadecimal digits."),
        Column("cluster", "int64", "Number of the cluster; -1 where the picture is in none."),
        Column("density", "float64", "Logarithm of the local density; Density Peaks only."),
        Column("delta", "float64", "Distance to the nearest denser point; Density Peaks only."),
        Column("is_center", "bool", "Whether it is a peak that a cluster grew from; Density Peaks only."),
    ),
    layout="computed",
    report=_clusters,
    show=_shown,
)

STORED = Table(
    "stored_clusters",
    "A row is a picture that a method clustered.",
    (
        Column("images", "int64", "The picture.", of="image"),
        Column("labels", "int32", "Its cluster in each of the clusterings; -1 in none.", shape=None),
    ),
    group="clusters/*",
    report=None,
    forget=made_anew,
)

MODELS = Table(
    "cluster_models",
    "What belongs to a clustering and is no value a picture: centres, a tree of merges.",
    layout="arrays",
    group="cluster_models/*",
    report=None,
)

TABLES = (CLUSTERINGS, CLUSTERS, STORED, MODELS)
