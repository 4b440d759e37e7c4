"""Galleries: which clusterings, clusters, groups and readings the page shows pictures of."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.records import SCALE_STATUSES_WITH_VALUE
from pipeline.reporting import agreement
from pipeline.reporting.columns import Tables, distinct, distinct_in, filled, flags, integers, numbers, texts, where
from pipeline.reporting.facts import (
    ClusterFacts,
    LabelColumn,
    cluster_facts,
    label_column,
    length,
    pixel_sizes,
)

MAX_CLUSTERINGS = 10
MAX_CLUSTERS = 60
MAX_GROUPS = 16
MAX_MEMBERS = 6
MAX_READINGS = 24
MAX_CONTRADICTIONS = 12


@dataclass(frozen=True, slots=True)
class ClusteringGallery:
    """One clustering as the page shows it; `left_out` clusters, the smallest ones, are not shown."""

    name: str
    summary: str
    label_set: str
    clusters: list[ClusterFacts]
    left_out: int


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Images that belong together, and how."""

    relation: str
    images: list[int]
    note: str
    left_out: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture with a heading and a line of text below it."""

    image: int
    heading: str
    text: str
    good: bool


def shown_clusterings(tables: Tables) -> list[str]:
    """Return the clusterings to show: that of the headline, the best of each method on each vectors, the next best.

    Clusterings without a score follow in the order of the table ``clusterings``.
    """
    table = filled(tables, "clusters")
    if table is None:
        return []
    present = distinct_in(table, "clustering")
    scores = agreement.scored(tables)
    headline = agreement.best_at_class_count(tables)
    opened = [headline.clustering] if headline is not None and headline.clustering in present else []
    ranked = distinct(texts(scores, "clustering")) if scores is not None else []
    listed = filled(tables, "clusterings")
    known = texts(listed, "clustering") if listed is not None else []
    kind = dict(zip(known, _kinds(listed), strict=True)) if listed is not None else {}
    order = [name for name in distinct([*ranked, *known, *present]) if name in set(present)]
    first: dict[tuple[str, str], str] = {}
    for name in order:
        first.setdefault(kind.get(name, ("", name)), name)
    return distinct([*opened, *first.values(), *order])[:MAX_CLUSTERINGS]


def _kinds(table: pa.Table) -> list[tuple[str, str]]:
    return list(zip(texts(table, "vectors"), texts(table, "method"), strict=True))


def clusterings(tables: Tables) -> list[ClusteringGallery]:
    """Return the galleries of the clusterings that `shown_clusterings` names."""
    sizes = pixel_sizes(tables)
    columns: dict[str, LabelColumn | None] = {}
    found = []
    for name in shown_clusterings(tables):
        label_set = label_set_of(tables, name)
        if label_set not in columns:
            columns[label_set] = label_column(tables, label_set)
        found.append(_clustering(tables, name, columns[label_set], sizes))
    return found


def label_set_of(tables: Tables, clustering: str) -> str:
    """Return the label set a clustering agrees with best, else the first set with labels, else ``""``."""
    scores = agreement.scored(tables)
    rows = where(scores, clustering=clustering) if scores is not None else None
    if rows is not None and rows.num_rows:
        return texts(rows, "set")[0]
    labels = filled(tables, "labels")
    return texts(labels, "set")[0] if labels is not None else ""


def _clustering(tables: Tables, name: str, labels: LabelColumn | None, sizes: NDArray[np.float64]) -> ClusteringGallery:
    facts = cluster_facts(where(tables["clusters"], clustering=name), labels, sizes)
    largest = sorted(facts, key=lambda item: (item.cluster < 0, -item.size, item.cluster))
    return ClusteringGallery(
        name=name,
        summary=_summary(tables, name, facts),
        label_set=labels.name if labels is not None else "",
        clusters=largest[:MAX_CLUSTERS],
        left_out=max(0, len(largest) - MAX_CLUSTERS),
    )


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


def duplicate_groups(tables: Tables) -> tuple[list[DuplicateGroup], int]:
    """Return the first groups of duplicates, a relation in turn so that each is seen, and how many are left."""
    table = filled(tables, "duplicates")
    if table is None:
        return [], 0
    members: dict[int, list[int]] = {}
    for row, group in enumerate(integers(table, "group").tolist()):
        members.setdefault(group, []).append(row)
    relation, image = texts(table, "relation"), integers(table, "image")
    differing, most = numbers(table, "differing_pixels"), numbers(table, "max_difference")
    by_relation: dict[str, list[DuplicateGroup]] = {}
    for rows in members.values():
        # The relation of the member that differs most, as the note says; of equal ones the last: the first may stand
        # under the relation of a representative.
        apart = np.nan_to_num(differing[rows[::-1]], nan=-1.0)
        word = relation[rows[::-1][int(np.argmax(apart))]]
        images = list(dict.fromkeys(int(image[row]) for row in rows))
        group_view = DuplicateGroup(
            relation=word.replace("_", " "),
            images=images[:MAX_MEMBERS],
            note=_difference(differing[rows], most[rows]),
            left_out=max(0, len(images) - MAX_MEMBERS),
        )
        by_relation.setdefault(word, []).append(group_view)
    queues = [by_relation[word] for word in sorted(by_relation)]
    turns = [queue[rank] for rank in range(max(map(len, queues))) for queue in queues if rank < len(queue)]
    return turns[:MAX_GROUPS], max(0, len(turns) - MAX_GROUPS)


def _difference(differing: NDArray[np.float64], most: NDArray[np.float64]) -> str:
    if not np.isfinite(differing).any():
        return ""
    pixels = float(np.nanmax(differing))
    if pixels == 0:
        return "every pixel equal"
    step = f", by at most {np.nanmax(most):.0f} of 255" if np.isfinite(most).any() else ""
    return f"{pixels:,.0f} pixels differ{step}"


def scale_readings(tables: Tables) -> list[Shown]:
    """Return a sample of scale readings: every status in turn, an even choice by MD5 within each."""
    table = filled(tables, "scales")
    if table is None:
        return []
    status, md5 = texts(table, "status"), texts(table, "md5")
    rows_of: dict[str, list[int]] = {}
    for row in sorted(range(table.num_rows), key=lambda row: (md5[row], row)):
        rows_of.setdefault(status[row], []).append(row)
    queues = [rows_of[word] for word in sorted(rows_of, key=lambda word: word not in SCALE_STATUSES_WITH_VALUE)]
    chosen = [queue[rank] for rank in range(MAX_READINGS) for queue in queues if rank < len(queue)]
    return _readings(table.take(pa.array(sorted(chosen[:MAX_READINGS], key=lambda row: status[row]), pa.int64())))


def _readings(table: pa.Table) -> list[Shown]:
    shown = []
    columns = (
        integers(table, "image"), texts(table, "status"), texts(table, "text"), numbers(table, "bar_length_px"),
        numbers(table, "nm_per_px"), numbers(table, "metadata_nm_per_px"), texts(table, "reason"),
    )  # fmt: skip
    for image, status, text, bar, size, metadata, reason in zip(*columns, strict=True):
        parts = [f"{length(size)} a pixel" if np.isfinite(size) else "no value"]
        parts += [f"bar {text}" if text else "", f"{bar:,.0f} px long" if np.isfinite(bar) else ""]
        parts += [f"metadata {length(metadata)} a pixel" if np.isfinite(metadata) else ""]
        good = status in SCALE_STATUSES_WITH_VALUE
        # Where there is a value the numbers say enough; where there is none, the reason is what one looks for.
        line = ", ".join(part for part in parts if part) + ("" if good or not reason else f": {reason}")
        shown.append(Shown(int(image), status.replace("_", " "), line, good))
    return shown


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
