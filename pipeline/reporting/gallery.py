"""Galleries: the clusterings with their clusters, and the contradictory labels, that the page shows pictures of."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.reporting import agreement
from pipeline.reporting.columns import (
    Tables,
    distinct,
    distinct_in,
    filled,
    flags,
    integers,
    numbers,
    split,
    texts,
    where,
)
from pipeline.reporting.facts import (
    ClusterFacts,
    LabelColumn,
    cluster_facts,
    label_column,
    pixel_sizes,
)

MAX_CLUSTERS = 400
MAX_MEMBERS = 20_000  # pictures whose cluster in every clustering the page knows
MAX_CONTRADICTIONS = 12
NOT_CLUSTERED = -2


@dataclass(frozen=True, slots=True)
class ClusteringGallery:
    """One clustering as the page shows it; `left_out` clusters, the smallest ones, are not shown.

    `note` says why it stands out: agreement with labels, or that it is recommended without any.
    """

    name: str
    note: str
    summary: str
    label_set: str
    clusters: list[ClusterFacts]
    left_out: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture with a heading and a line of text below it."""

    image: int
    heading: str
    text: str
    good: bool


def shown_clusterings(tables: Tables) -> list[str]:
    """Return all clusterings: that of the headline, the best of each method on each vectors, then the others.

    Without labels the recommended ones come first. Clusterings without a score follow in the order of the table
    ``clusterings``.
    """
    table = filled(tables, "clusters")
    if table is None:
        return []
    present = distinct_in(table, "clustering")
    scores = agreement.scored(tables)
    headline = agreement.best_at_class_count(tables)
    opened = [headline.clustering] if headline is not None else recommended(tables)
    ranked = distinct(texts(scores, "clustering")) if scores is not None else []
    listed = filled(tables, "clusterings")
    known = texts(listed, "clustering") if listed is not None else []
    kind = dict(zip(known, _kinds(listed), strict=True)) if listed is not None else {}
    there = set(present)
    order = [name for name in distinct([*ranked, *known, *present]) if name in there]
    first: dict[tuple[str, str], str] = {}
    for name in order:
        first.setdefault(kind.get(name, ("", name)), name)
    return distinct([*(name for name in opened if name in there), *first.values(), *order])


def recommended(tables: Tables) -> list[str]:
    """Return the clusterings that are recommended without labels, one a set of vectors."""
    table = filled(tables, "recommended_k")
    if table is None:
        return []
    return distinct(texts(table.filter(pa.array(flags(table, "recommended"))), "clustering"))


def _kinds(table: pa.Table) -> list[tuple[str, str]]:
    return list(zip(texts(table, "vectors"), texts(table, "method"), strict=True))


def clusterings(tables: Tables) -> list[ClusteringGallery]:
    """Return the galleries of the clusterings that `shown_clusterings` names."""
    names = shown_clusterings(tables)
    if not names:
        return []
    sizes = pixel_sizes(tables)
    members = split(tables["clusters"], "clustering")
    notes = _notes(tables, names)
    columns: dict[str, LabelColumn | None] = {}
    found = []
    for name in names:
        label_set = label_set_of(tables, name)
        if label_set not in columns:
            columns[label_set] = label_column(tables, label_set)
        labels = columns[label_set]
        facts = cluster_facts(members[name], labels, sizes)
        largest = sorted(facts, key=lambda item: (item.cluster < 0, -item.size, item.cluster))
        found.append(
            ClusteringGallery(
                name=name,
                note=notes.get(name, ""),
                summary=_summary(tables, name, facts),
                label_set=labels.name if labels is not None else "",
                clusters=largest[:MAX_CLUSTERS],
                left_out=max(0, len(largest) - MAX_CLUSTERS),
            )
        )
    return found


def _notes(tables: Tables, names: list[str]) -> dict[str, str]:
    notes = dict.fromkeys(recommended(tables), "recommended without labels")
    headline = agreement.best_at_class_count(tables)
    if headline is not None:
        notes[headline.clustering] = "that of the headline" + (
            f", {word}" if (word := notes.get(headline.clustering)) else ""
        )
    return {name: note for name, note in notes.items() if name in names}


def clustered_pictures(tables: Tables) -> NDArray[np.int64]:
    """Return the images of all clusterings in order; of more than `MAX_MEMBERS` an even choice, int64 [images]."""
    table = filled(tables, "clusters")
    if table is None:
        return np.empty(0, np.int64)
    images = np.unique(integers(table, "image"))
    return images if images.size <= MAX_MEMBERS else images[np.arange(MAX_MEMBERS) * images.size // MAX_MEMBERS]


def memberships(tables: Tables, names: list[str], images: NDArray[np.int64]) -> list[NDArray[np.int32]]:
    """Return the cluster of each image in each clustering, int32 [images]; `NOT_CLUSTERED` where it is in none.

    `images` are in order.
    """
    found = []
    members = split(tables["clusters"], "clustering") if names else {}
    for name in names:
        rows = integers(members[name], "image")
        known = np.isin(rows, images)
        labels = np.full(images.size, NOT_CLUSTERED, np.int32)
        labels[np.searchsorted(images, rows[known])] = integers(members[name], "cluster")[known]
        found.append(labels)
    return found


def label_set_of(tables: Tables, clustering: str) -> str:
    """Return the label set a clustering agrees with best, else the first set with labels, else ``""``."""
    scores = agreement.scored(tables)
    rows = where(scores, clustering=clustering) if scores is not None else None
    if rows is not None and rows.num_rows:
        return texts(rows, "set")[0]
    labels = filled(tables, "labels")
    return texts(labels, "set")[0] if labels is not None else ""


def _summary(tables: Tables, name: str, facts: list[ClusterFacts]) -> str:
    real = [item for item in facts if item.cluster >= 0]
    parts = [f"{len(real):,} clusters of {sum(item.size for item in facts):,} pictures"]
    listed = filled(tables, "clusterings")
    rows = where(listed, clustering=name) if listed is not None else None
    if rows is not None and rows.num_rows:
        parts.append(f"{texts(rows, 'method')[0]} on {texts(rows, 'vectors')[0]}")
    scores = agreement.scored(tables)
    rows = where(scores, clustering=name) if scores is not None else None
    if rows is not None and rows.num_rows:
        parts.append(f"NMI {numbers(rows, 'nmi')[0]:.3f} with {texts(rows, 'set')[0]}")
    return "; ".join(parts)


def contradictions(tables: Tables) -> tuple[list[Shown], int]:
    """Return pictures whose labels contradict each other, with all their labels, and how many are left."""
    table = filled(tables, "labels")
    if table is None:
        return [], 0
    table = table.filter(pa.array(flags(table, "contradictory")))
    labels: dict[tuple[str, int], list[str]] = {}
    rows = zip(texts(table, "set"), integers(table, "image").tolist(), texts(table, "label"), strict=True)
    for name, image, label in rows:
        labels.setdefault((name, image), []).append(label)
    found = [
        Shown(image, " / ".join(dict.fromkeys(given)), f"in {name}", False)
        for (name, image), given in sorted(labels.items())
    ]
    return found[:MAX_CONTRADICTIONS], max(0, len(found) - MAX_CONTRADICTIONS)
