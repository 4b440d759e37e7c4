"""Which clustering agrees best with which label set, as the table ``agreement`` tells it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.reporting.columns import Tables, distinct_in, filled, flags, numbers, texts, where

REFERENCE_METHODS = ("refined", "uniform", "orthogonal")


NO_BETTER_THAN_CHANCE = 0.05
"""An AMI up to this is what labels dealt at random reach on small sets as well."""


@dataclass(frozen=True, slots=True)
class Best:
    """A clustering's agreement with a label set.

    `k` is None where the method takes none, `level` empty where the label set has only one; `ami` is NaN where it was
    not calculated, `categories` the number of labels.
    """

    clustering: str
    vectors: str
    method: str
    k: int | None
    label_set: str
    level: str
    nmi: float
    ami: float
    categories: int


def scored(tables: Tables) -> pa.Table | None:
    """Return the rows of ``agreement`` that score a real clustering, best first; None without any.

    The best is the one furthest above chance, by AMI: NMI rises with the number of clusters, whatever they hold. Rows
    without a finite NMI are left out, and the label sets that a network has given: a clustering of what it sees agrees
    with them whatever it is worth. Ties are in order of NMI, clustering, then label set.
    """
    table = filled(tables, "agreement")
    if table is None:
        return None
    nmi, ami = numbers(table, "nmi"), numbers(table, "ami")
    above = np.where(np.isfinite(ami), ami, nmi)
    real = np.array([method not in REFERENCE_METHODS for method in texts(table, "method")])
    names, sets = texts(table, "clustering"), texts(table, "set")
    given = np.isin(sets, predicted_sets(tables))
    rows = np.flatnonzero(real & np.isfinite(nmi) & ~given)
    order = sorted(rows.tolist(), key=lambda row: (-above[row], -nmi[row], names[row], sets[row], row))
    return table.take(pa.array(order, pa.int64())) if order else None


def predicted_sets(tables: Tables) -> list[str]:
    """Return the label sets whose labels a network has given."""
    table = filled(tables, "label_sets")
    if table is None or "predicted_by" not in table.column_names:
        return []
    return [name for name, by in zip(texts(table, "set"), texts(table, "predicted_by"), strict=True) if by]


def best(tables: Tables) -> Best | None:
    """Return the clustering and label set with the highest agreement above chance, or None when nothing was scored."""
    table = scored(tables)
    return None if table is None else _row(tables, table, 0)


def best_at_class_count(tables: Tables) -> Best | None:
    """Return the best clustering into as many clusters as the best label set has categories, or None.

    Where there is none of exactly so many clusters, those of the nearest number (by ratio) count.
    """
    table, overall = scored(tables), best(tables)
    if table is None or overall is None or overall.categories < 1:
        return overall
    counts = _cluster_counts(tables, table)
    sets, levels = texts(table, "set"), texts(table, "level")
    of_set = [row for row in range(table.num_rows) if sets[row] == overall.label_set and counts[row] >= 1]
    of_set = [row for row in of_set if not overall.level or levels[row] == overall.level]
    if not of_set:
        return overall
    return _row(tables, table, min(of_set, key=lambda row: (abs(np.log(counts[row] / overall.categories)), row)))


def _cluster_counts(tables: Tables, table: pa.Table) -> NDArray[np.float64]:
    """Clusters of each row: the k that was asked for, or the number that was found."""
    listed = filled(tables, "clusterings")
    found = {} if listed is None else dict(zip(texts(listed, "clustering"), numbers(listed, "n_clusters"), strict=True))
    k = numbers(table, "k")
    own = np.array([found.get(name, np.nan) for name in texts(table, "clustering")])
    return np.nan_to_num(np.where(np.isfinite(k), k, own))


def _row(tables: Tables, table: pa.Table, row: int) -> Best:
    k = numbers(table, "k")[row]
    label_set, level = texts(table, "set")[row], texts(table, "level")[row]
    level = level if _level_matters(table, label_set) else ""
    return Best(
        clustering=texts(table, "clustering")[row],
        vectors=texts(table, "vectors")[row],
        method=texts(table, "method")[row],
        k=int(k) if np.isfinite(k) else None,
        label_set=label_set,
        level=level,
        nmi=float(numbers(table, "nmi")[row]),
        ami=float(numbers(table, "ami")[row]),
        categories=category_count(tables, label_set, level=int(level) if level else None),
    )


def category_count(tables: Tables, label_set: str, *, level: int | None = None) -> int:
    """Return how many categories a label set has among its pictures, contradictory ones left out.

    With `level`, labels are paths (``Fibres/bundle``) of which only the first `level` parts count.
    """
    table = filled(tables, "labels")
    if table is None:
        return 0
    table = where(table, set=label_set)
    table = table.filter(pa.array(~flags(table, "contradictory")))
    labels = distinct_in(table, "label")
    return len(set(labels) if level is None else {"/".join(label.split("/")[:level]) for label in labels})


def _level_matters(table: pa.Table, label_set: str) -> bool:
    return len(set(texts(where(table, set=label_set), "level"))) > 1
