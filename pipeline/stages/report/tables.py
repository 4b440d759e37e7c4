"""The report tables of CONTRACT.md, built from the index and its history."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.index.history import Commit
from pipeline.index.tables import read_table
from pipeline.runtime.keys import scale_key
from pipeline.stages.assessment.recommendation import recommendations
from pipeline.stages.clustering.stored import NO_COUNT, Clustering, StoredClusterings, stored_clusterings
from pipeline.stages.files.ledger import hex_md5, read_files, read_images
from pipeline.stages.neighbours.tables import COMPLETE, neighbours_group
from pipeline.stages.result_keys import stored_keys
from pipeline.stages.selection import done_rows
from pipeline.stages.subdivision import groups as category_groups

_SCALE_COLUMNS = (
    "status",
    "source",
    "text",
    "scale_nm",
    "bar_length_px",
    "nm_per_px",
    "metadata_nm_per_px",
    "confidence",
    "reason",
    "crop",
)


def report_tables(root: zarr.Group, recipe: Recipe, history: Sequence[Commit]) -> dict[str, pa.Table]:
    """All tables by name; a stage that has not run gives a table without rows."""
    images = read_images(root)
    files = read_files(root)
    md5 = hex_md5(images["md5"])
    return {
        "files": _files(files),
        "images": _images(images, md5, files),
        "duplicates": _plain(root, "duplicates", _DUPLICATES),
        "scales": _scales(root, recipe, images["md5"]),
        "label_sets": _label_sets(root, recipe),
        "labels": _labels(root, recipe),
        "neighbours": _neighbours(root, recipe),
        "contradictions": _contradictions(root, recipe),
        "dimension": _plain(root, "dimension", _DIMENSION),
        "dimension_scales": _plain(root, "dimension_scales", _DIMENSION_SCALES),
        "dimension_findings": _plain(root, "dimension_findings", _DIMENSION_FINDINGS),
        "spectrum": _plain(root, "spectrum", _SPECTRUM),
        "loadings": _plain(root, "loadings", _LOADINGS),
        "distances": _plain(root, "distances", _DISTANCES),
        "distance_map": _plain(root, "distance_map", _DISTANCE_MAP),
        "preservation": _plain(root, "preservation", _PRESERVATION),
        "autoencoders": _plain(root, "training", _TRAINING),
        **_clusters(root, recipe, md5),
        "quality": _with_nulls(_plain(root, "quality", _QUALITY), "k", NO_COUNT),
        "recommended_k": pa.Table.from_pylist(list(recommendations(read_table(root, "quality"))), schema=_RECOMMENDED),
        **_category_trees(root),
        "agreement": _agreement(root),
        "confusion": _plain(root, "confusion", _CONFUSION),
        "runs": _runs(history),
    }


_DUPLICATES = {
    "group": pa.int64(),
    "image": pa.int64(),
    "relation": pa.string(),
    "evidence": pa.string(),
    "differing_pixels": pa.int64(),
    "max_difference": pa.int64(),
}
_DIMENSION = {
    "vectors": pa.string(),
    "fraction": pa.float64(),
    "subsample": pa.int64(),
    "n_points": pa.int64(),
    "n_dropped": pa.int64(),
    "dimension": pa.float64(),
    "error": pa.float64(),
    "ml_dimension": pa.float64(),
    "ml_error": pa.float64(),
}
_DIMENSION_SCALES = {
    "vectors": pa.string(),
    "n1": pa.int64(),
    "n2": pa.int64(),
    "scale": pa.float64(),
    "n_points": pa.int64(),
    "n_dropped": pa.int64(),
    "dimension": pa.float64(),
    "error": pa.float64(),
}
_DIMENSION_FINDINGS = {
    "vectors": pa.string(),
    "plateau": pa.float64(),
    "plateau_fewest": pa.int64(),
    "plateau_most": pa.int64(),
    "components_90": pa.int64(),
    "components_95": pa.int64(),
    "components_99": pa.int64(),
    "statement": pa.string(),
}
_SPECTRUM = {
    "vectors": pa.string(),
    "component": pa.int64(),
    "explained_variance_ratio": pa.float64(),
    "cumulative_ratio": pa.float64(),
}
_DISTANCES = {
    "vectors": pa.string(),
    "set": pa.string(),
    "n_points": pa.int64(),
    "correlation_with_labels": pa.float64(),
}
_LOADINGS = {
    "vectors": pa.string(),
    "component": pa.int64(),
    "feature": pa.int64(),
    "loading": pa.float64(),
}
_DISTANCE_MAP = {
    "vectors": pa.string(),
    "set": pa.string(),
    "label": pa.string(),
    "other": pa.string(),
    "n_points": pa.int64(),
    "mean_distance": pa.float64(),
}
_PRESERVATION = {
    "codes": pa.string(),
    "vectors": pa.string(),
    "n_neighbours": pa.int64(),
    "n_points": pa.int64(),
    "trustworthiness": pa.float64(),
    "continuity": pa.float64(),
    "share_kept": pa.float64(),
}
_NEIGHBOURS = {
    "vectors": pa.string(),
    "n_points": pa.int64(),
    "k": pa.int64(),
    "metric": pa.string(),
    "method": pa.string(),
    "recall": pa.float64(),
    "recall_rows": pa.int64(),
}
_TRAINING = {
    "codes": pa.string(),
    "vectors": pa.string(),
    "layers": pa.string(),
    "tied": pa.bool_(),
    "activation": pa.string(),
    "phase": pa.string(),
    "epoch": pa.int64(),
    "train_loss": pa.float64(),
    "test_loss": pa.float64(),
    "kept": pa.string(),
}
_QUALITY = {
    "clustering": pa.string(),
    "vectors": pa.string(),
    "method": pa.string(),
    "k": pa.int64(),
    "n_clusters": pa.int64(),
    "n_scored": pa.int64(),
    "silhouette": pa.float64(),
    "davies_bouldin": pa.float64(),
    "calinski_harabasz": pa.float64(),
    "stability": pa.float64(),
    "decision_gap": pa.float64(),
}
_RECOMMENDED = pa.schema(
    {
        "vectors": pa.string(),
        "method": pa.string(),
        "criterion": pa.string(),
        "clustering": pa.string(),
        "k": pa.int64(),
        "value": pa.float64(),
        "recommended": pa.bool_(),
    }
)
_CATEGORY_TREE = {
    "tree": pa.string(),
    "node": pa.int64(),
    "parent": pa.int64(),
    "level": pa.int64(),
    "category": pa.string(),
    "n_images": pa.int64(),
    "n_children": pa.int64(),
    "silhouette": pa.float64(),
    "stability": pa.float64(),
    "label": pa.string(),
    "n_labelled": pa.int64(),
    "purity": pa.float64(),
    "reason": pa.string(),
}
_CATEGORY_SCORES = {
    "tree": pa.string(),
    "level": pa.int64(),
    "set": pa.string(),
    "label_level": pa.int64(),
    "n_scored": pa.int64(),
    "n_categories": pa.int64(),
    "n_labels": pa.int64(),
    "nmi": pa.float64(),
    "ami": pa.float64(),
    "ari": pa.float64(),
    "homogeneity": pa.float64(),
    "completeness": pa.float64(),
    "dendrogram_purity": pa.float64(),
}
_CATEGORY_MEMBERS = pa.schema({"tree": pa.string(), "image": pa.int64(), "node": pa.int64()})
_AGREEMENT = {
    "clustering": pa.string(),
    "vectors": pa.string(),
    "method": pa.string(),
    "k": pa.int64(),
    "set": pa.string(),
    "level": pa.int64(),
    "n_scored": pa.int64(),
    "nmi": pa.float64(),
    "ami": pa.float64(),
    "ari": pa.float64(),
    "homogeneity": pa.float64(),
    "completeness": pa.float64(),
    "accuracy": pa.float64(),
    "hungarian_accuracy": pa.float64(),
}
_CONFUSION = {
    "clustering": pa.string(),
    "set": pa.string(),
    "label": pa.string(),
    "cluster": pa.int64(),
    "count": pa.int64(),
}


def _plain(root: zarr.Group, name: str, columns: dict[str, pa.DataType]) -> pa.Table:
    """A table of the store as it is."""
    values = read_table(root, name) if name in root else {}
    return pa.table({c: pa.array(values.get(c, []), t, from_pandas=True) for c, t in columns.items()})


def _agreement(root: zarr.Group) -> pa.Table:
    """The scores; the k of a method that finds its own number of clusters is null."""
    return _with_nulls(_plain(root, "agreement", _AGREEMENT), "k", NO_COUNT)


def _with_nulls(table: pa.Table, column: str, missing: int) -> pa.Table:
    """The table with nulls in a column of integers, where one stands for nothing."""
    values = table.column(column).to_numpy()
    return table.set_column(
        table.schema.get_field_index(column), column, pa.array(values, pa.int64(), mask=values == missing)
    )


def _category_trees(root: zarr.Group) -> dict[str, pa.Table]:
    """The trees of sub-categories: nodes, pictures, scores; pictures in no category have no row."""
    parts = [_CATEGORY_MEMBERS.empty_table()]
    for tree in stored_keys(root, category_groups.NODES, category_groups.KEYS):
        table = read_table(root, category_groups.members_group(tree))
        inside = table["node"] >= 0
        images, nodes = table["images"][inside], table["node"][inside]
        names = pa.array([tree] * len(images), pa.string())
        parts.append(pa.table({"tree": names, "image": images, "node": nodes}, schema=_CATEGORY_MEMBERS))
    return {
        "category_tree": _with_nulls(_plain(root, category_groups.NODES, _CATEGORY_TREE), "parent", -1),
        "category_members": pa.concat_tables(parts).combine_chunks(),
        "category_scores": _plain(root, category_groups.SCORES, _CATEGORY_SCORES),
    }


def _neighbours(root: zarr.Group, recipe: Recipe) -> pa.Table:
    """How the neighbours of each set of vectors were found, as their stage has noted it."""
    rows = []
    for name in recipe.vector_sets:
        group = root.get(neighbours_group(name))
        if isinstance(group, zarr.Group) and group.attrs.get(COMPLETE):
            n, k = group["indices"].shape  # type: ignore[union-attr]
            noted = ("metric", "method", "recall", "recall_rows")
            rows.append({"vectors": name, "n_points": n, "k": k, **{key: group.attrs[key] for key in noted}})
    return pa.Table.from_pylist(rows, schema=pa.schema(_NEIGHBOURS))


def _files(files: dict[str, NDArray[Any]]) -> pa.Table:
    modified = files["modified_ns"]
    return pa.table(
        {
            "path": _strings(files["path"]),
            "size_bytes": pa.array(files["size_bytes"]),
            "modified": pa.array(modified, pa.timestamp("ns", tz="UTC"), mask=modified < 0),
            "format": _strings(files["format"]),
            "md5": pa.array(hex_md5(files["md5"]), pa.string()),
            "status": _strings(files["status"]),
            "reason": _strings(files["reason"]),
            "image": pa.array(files["image"], mask=files["image"] < 0),
        }
    )


def _strings(values: NDArray[Any]) -> pa.Array:
    return pa.array(values.tolist(), pa.string())


def _images(images: dict[str, NDArray[Any]], md5: list[str], files: dict[str, NDArray[Any]]) -> pa.Table:
    paths: list[list[str]] = [[] for _ in md5]
    rows = zip(files["image"].tolist(), files["path"].tolist(), files["status"].tolist(), strict=True)
    for image, path, status in rows:
        if image >= 0 and status != "gone":
            paths[image].append(path)
    return pa.table(
        {
            "image": pa.array(np.arange(len(md5), dtype=np.int64)),
            "md5": pa.array(md5, pa.string()),
            "pixel_md5": pa.array(hex_md5(images["pixel_md5"]), pa.string()),
            "picture": pa.array(images["picture"], mask=images["picture"] < 0),
            "format": _strings(images["format"]),
            "width_px": pa.array(images["width_px"]),
            "height_px": pa.array(images["height_px"]),
            "bit_depth": pa.array(images["bit_depth"]),
            "pages": pa.array(images["pages"]),
            "present": pa.array(images["present"]),
            "metadata_nm_per_px": pa.array(images["metadata_nm_per_px"], from_pandas=True),
            "metadata": _strings(images["metadata"]),
            "paths": pa.array([sorted(found, key=str.encode) for found in paths], pa.list_(pa.string())),
        }
    )


def _scales(root: zarr.Group, recipe: Recipe, md5: NDArray[np.uint8]) -> pa.Table:
    rows = done_rows(root, "scale", scale_key(recipe)) if "scale" in root else np.empty(0, np.int64)
    table: dict[str, Any] = {"image": pa.array(rows), "md5": pa.array(hex_md5(md5[rows]), pa.string())}
    for name in _SCALE_COLUMNS:
        values: Any = root[f"scale/{name}"][:][rows] if len(rows) else np.empty(0)  # type: ignore[index]
        text = name in ("status", "source", "text", "reason", "crop")
        table[name] = (
            pa.array(values.tolist(), pa.string()) if text else pa.array(values, pa.float64(), from_pandas=True)
        )
    return pa.table(table)


_SET_COUNTS = (
    "files", "unique", "matched", "matched_by_bytes", "matched_by_pixels", "matched_by_re_encoding", "unmatched",
    "repeated", "contradictory",
)  # fmt: skip


def _sets(root: zarr.Group, recipe: Recipe) -> list[str]:
    return [name for name in sorted(recipe.labels.sets) if f"labels/{name}" in root]


def _label_sets(root: zarr.Group, recipe: Recipe) -> pa.Table:
    names = _sets(root, recipe)
    columns: dict[str, Any] = {"set": pa.array(names, pa.string())}
    for count in _SET_COUNTS:
        columns[count] = pa.array([int(root[f"labels/{name}"].attrs.get(count, 0)) for name in names], pa.int64())  # type: ignore[arg-type]
    return pa.table(columns)


def _labels(root: zarr.Group, recipe: Recipe) -> pa.Table:
    schema = pa.schema({"set": pa.string(), "image": pa.int64(), "label": pa.string(), "contradictory": pa.bool_()})
    parts = [schema.empty_table()]
    for name in _sets(root, recipe):
        table = read_table(root, f"labels/{name}")
        columns = {
            "set": pa.array([name] * len(table["images"]), pa.string()),
            "image": pa.array(table["images"]),
            "label": _strings(table["label"]),
            "contradictory": pa.array(table["contradictory"]),
        }
        parts.append(pa.table(columns, schema=schema))
    return pa.concat_tables(parts)


_CONTRADICTIONS = pa.schema(
    {"set": pa.string(), "image": pa.int64(), "md5": pa.string(), "label": pa.string(), "path": pa.string()}
)


def _contradictions(root: zarr.Group, recipe: Recipe) -> pa.Table:
    """A row a file of a set whose picture (or content, where it is in no picture) has another label, too."""
    parts = [_CONTRADICTIONS.empty_table()]
    for name in _sets(root, recipe):
        table = read_table(root, f"contradictions/{name}")
        if table:
            columns = {
                "set": pa.array([name] * len(table["image"]), pa.string()),
                "image": pa.array(table["image"], mask=table["image"] < 0),
                "md5": pa.array(hex_md5(table["md5"]), pa.string()),
                "label": _strings(table["label"]),
                "path": _strings(table["path"]),
            }
            found = pa.table(columns, schema=_CONTRADICTIONS)
            order = [(name, "ascending") for name in ("image", "md5", "label", "path")]
            parts.append(found.sort_by(order))
    return pa.concat_tables(parts)


_CLUSTERINGS = pa.schema(
    {
        "clustering": pa.string(),
        "vectors": pa.string(),
        "method": pa.string(),
        "k": pa.int64(),
        "settings": pa.string(),
        "n_images": pa.int64(),
        "n_clusters": pa.int64(),
        "inertia": pa.float64(),
        "seconds": pa.float64(),
    }
)
_CLUSTERS = pa.schema(
    {
        "clustering": pa.string(),
        "image": pa.int64(),
        "md5": pa.string(),
        "cluster": pa.int64(),
        "density": pa.float64(),
        "delta": pa.float64(),
        "is_center": pa.bool_(),
    }
)


def _clusters(root: zarr.Group, recipe: Recipe, md5: list[str]) -> dict[str, pa.Table]:
    about, parts = [], [_CLUSTERS.empty_table()]
    names = pa.array(md5, pa.string())
    for stored in stored_clusterings(root, recipe):
        table = stored.read(root)
        for clustering in stored.clusterings:
            about.append(_clustering(table, stored, clustering))
            parts.append(_members(table, names, clustering))
    return {
        "clusterings": pa.Table.from_pylist(about, schema=_CLUSTERINGS),
        "clusters": pa.concat_tables(parts).combine_chunks(),
    }


def _clustering(table: dict[str, NDArray[Any]], stored: StoredClusterings, clustering: Clustering) -> dict[str, Any]:
    labels = np.unique(table["labels"][:, clustering.column])
    return {
        "clustering": clustering.name,
        "vectors": clustering.vectors,
        "method": clustering.label,
        "k": clustering.k,
        "settings": json.dumps(stored.settings, sort_keys=True),
        "n_images": len(table["images"]),
        "n_clusters": int(np.sum(labels >= 0)),
        "inertia": None if stored.inertia is None else stored.inertia[clustering.column],
        "seconds": stored.seconds[clustering.column],
    }


def _members(table: dict[str, NDArray[Any]], md5: pa.Array, clustering: Clustering) -> pa.Table:
    n = len(table["images"])
    columns = {
        "clustering": pa.array([clustering.name] * n, pa.string()),
        "image": pa.array(table["images"]),
        "md5": md5.take(pa.array(table["images"])),
        "cluster": pa.array(table["labels"][:, clustering.column].astype(np.int64)),
        "density": _optional(table, "density", n),
        "delta": _optional(table, "delta", n),
        "is_center": _is_center(table, clustering, n),
    }
    return pa.table(columns, schema=_CLUSTERS)


def _is_center(table: dict[str, NDArray[Any]], clustering: Clustering, n: int) -> pa.Array:
    """Of a method that ranks its peaks: the first k, or all where it finds its own number."""
    rank = table.get("peak_rank")
    if rank is None:
        return pa.nulls(n, pa.bool_())
    return pa.array((rank >= 0) & ((rank < clustering.k) if clustering.k is not None else True))


def _optional(table: dict[str, NDArray[Any]], name: str, n: int) -> pa.Array:
    return pa.array(table[name]) if name in table else pa.nulls(n, pa.float64())


_RUNS = pa.schema(
    {
        "commit": pa.string(),
        "stage": pa.string(),
        "step": pa.string(),
        "kind": pa.string(),
        "settings": pa.string(),
        "started": pa.timestamp("s", tz="UTC"),
        "seconds": pa.float64(),
        "items": pa.int64(),
        "engine": pa.string(),
        "workers": pa.int64(),
        "cpu_seconds": pa.float64(),
        "peak_memory_bytes": pa.int64(),
        "software": pa.string(),
    }
)


def _runs(history: Sequence[Commit]) -> pa.Table:
    """One row a commit that holds work, oldest first."""
    rows = []
    for commit in reversed(history):
        if commit.metadata.get("kind") in ("stage", "checkpoint"):
            found = commit.metadata
            row = {name: found.get(name) for name in _RUNS.names}
            row |= {"commit": commit.id, "settings": json.dumps(found.get("settings", {}), sort_keys=True)}
            row["started"] = datetime.fromisoformat(str(found["started"]))
            rows.append(row)
    return pa.Table.from_pylist(rows, schema=_RUNS)
