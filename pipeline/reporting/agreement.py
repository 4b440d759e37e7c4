"""Which clustering agrees best with which label set, as the table ``agreement`` tells it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.reporting.columns import Tables, distinct_in, filled, flags, numbers, texts, where

REFERENCE_METHODS = ("refined", "uniform", "orthogonal")


@dataclass(frozen=True, slots=True)
class Best:
    """The highest NMI of the run.

    `k` is None where the method takes none, `level` empty where the label set has only one.
    """

    clustering: str
    vectors: str
    method: str
    k: int | None
    label_set: str
    level: str
    nmi: float


def scored(tables: Tables) -> pa.Table | None:
    """Return the rows of ``agreement`` that score a real clustering, best first; None without any.

    Rows without a finite NMI are left out. Ties are in order of clustering, then label set.
    """
    table = filled(tables, "agreement")
    if table is None:
        return None
    nmi = numbers(table, "nmi")
    real = np.array([method not in REFERENCE_METHODS for method in texts(table, "method")])
    rows = np.flatnonzero(real & np.isfinite(nmi))
    names, sets = texts(table, "clustering"), texts(table, "set")
    order = sorted(rows.tolist(), key=lambda row: (-nmi[row], names[row], sets[row], row))
    return table.take(pa.array(order, pa.int64())) if order else None


def best(tables: Tables) -> Best | None:
    """Return the clustering and label set with the highest NMI, or None when nothing was scored."""
    table = scored(tables)
    if table is None:
        return None
    k = numbers(table, "k")[0]
    label_set = texts(table, "set")[0]
    return Best(
        clustering=texts(table, "clustering")[0],
        vectors=texts(table, "vectors")[0],
        method=texts(table, "method")[0],
        k=int(k) if np.isfinite(k) else None,
        label_set=label_set,
        level=texts(table, "level")[0] if _level_matters(table, label_set) else "",
        nmi=float(numbers(table, "nmi")[0]),
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
