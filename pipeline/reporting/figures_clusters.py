"""Figures of the clusterings: agreement against k, the confusion, the decision graph, cluster sizes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pipeline.reporting.agreement import REFERENCE_METHODS, best_at_class_count, category_count, scored
from pipeline.reporting.columns import (
    Tables,
    distinct,
    distinct_in,
    filled,
    flags,
    integers,
    numbers,
    texts,
    where,
)
from pipeline.reporting.figure_style import (
    ACCENT,
    INK,
    MUTED,
    PALETTE,
    draw,
    log_axis,
    series_style,
    short,
    thousands,
    whole_ticks,
)

MAX_SERIES = 7
MAX_LABELS = 30
MAX_CLUSTERS = 40
MAX_BARS = 60
_AXES_POINTS = (340.0, 215.0)  # width and height of the decision graph's axes, about
MAX_POINTS = 1500
_REFERENCE_LINES = {"refined": (0, (5, 2)), "uniform": (0, (1, 1.5)), "orthogonal": (0, (3, 1.5, 1, 1.5))}
# Above this share a cell is dark enough for white figures.
_WHITE_ABOVE = 0.5


def nmi(tables: Tables, *, place: int = 0) -> bytes | None:
    """Draw NMI with the label set at `place` against the number of clusters, with the reference curves; None without.

    Each level of a label set whose labels are paths has a place of its own.
    """
    table = filled(tables, "agreement")
    if table is None or not np.isfinite(numbers(table, "nmi")).any():
        return None
    sets = distinct(list(zip(texts(table, "set"), texts(table, "level"), strict=True)))
    if place >= len(sets):
        return None
    name, level = sets[place]
    rows = where(table, set=name, level=level) if level else where(table, set=name)
    several = [other for other, _ in sets].count(name) > 1

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(ylabel="NMI")
        _paint_nmi(axes, rows, _cluster_counts(tables))
        _mark_categories(axes, category_count(tables, name, level=int(level) if level else None))
        axes.set_title(f"Agreement with {short(name, longest=20)}" + (f", level {level}" if several else ""), pad=18)
        _legend_below(figure, axes)

    return draw("nmi", paint, width=5.6, height=4.2)


def _cluster_counts(tables: Tables) -> dict[str, float]:
    table = filled(tables, "clusterings")
    if table is None:
        return {}
    return dict(zip(texts(table, "clustering"), numbers(table, "n_clusters").tolist(), strict=True))


def _paint_nmi(axes: Axes, table: pa.Table, sizes: dict[str, float]) -> None:
    k = numbers(table, "k")
    # A method that takes no k stands at the number of clusters that it found.
    found = np.array([sizes.get(name, np.nan) for name in texts(table, "clustering")])
    k = np.where(np.isfinite(k), k, found)
    names, value = _series(table), numbers(table, "nmi")
    real = [name for name in distinct(names) if name not in REFERENCE_METHODS][:MAX_SERIES]
    for name in [*_REFERENCE_LINES, *real]:
        mine = np.array([item == name for item in names]) & np.isfinite(k) & np.isfinite(value)
        if not mine.any():
            continue
        # Reference curves come once for every clustering they stand beside: one value a k is drawn.
        x = np.unique(k[mine])
        y = [value[mine & (k == each)].max() for each in x]
        if name in _REFERENCE_LINES:
            line = _REFERENCE_LINES[name]
            axes.plot(x, y, label=f"reference: {name}", color=MUTED, linewidth=1.1, linestyle=line)
        else:
            color, marker = series_style(real.index(name))
            axes.plot(x, y, label=short(name, longest=36), color=color, marker=marker)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("number of clusters")
    usable = k[np.isfinite(k) & (k > 0)]
    if usable.size and usable.max() / usable.min() > 30:
        log_axis(axes, "x", lambda value: f"{value:,.0f}")
    else:
        whole_ticks(axes, "x")
        thousands(axes, "x")


def _series(table: pa.Table) -> list[str]:
    """Name of each row's curve: the method, with its vectors where there are several."""
    methods, vectors = texts(table, "method"), texts(table, "vectors")
    pairs = list(zip(methods, vectors, strict=True))
    several = len({vector for method, vector in pairs if method not in REFERENCE_METHODS}) > 1
    return [
        f"{method} on {vector}" if several and vector and method not in REFERENCE_METHODS else method
        for method, vector in pairs
    ]


def _mark_categories(axes: Axes, categories: int) -> None:
    if categories == 0:
        return
    axes.axvline(categories, color=INK, linewidth=1, linestyle=(0, (1, 2)))
    axes.annotate(
        f"{categories:,} categories", (categories, 1), xycoords=("data", "axes fraction"), xytext=(0, 2),
        textcoords="offset points", ha="center", va="bottom", size=8, color=INK,
    )  # fmt: skip


def _legend_below(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        figure.legend(handles, labels, loc="outside lower center", ncols=min(2, len(labels)), fontsize=8)


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of one clustering against one label set, cut to the most frequent labels and clusters.

    `count` is int64 [labels, clusters], `totals` the pictures of each label before the cut. The clusters
    are in the order of the label that rules them, which puts the agreement on the diagonal.
    """

    clustering: str
    label_set: str
    labels: list[str]
    clusters: list[int]
    count: NDArray[np.int64]
    totals: NDArray[np.int64]
    left_out: int


def best_confusion(tables: Tables) -> Confusion | None:
    """Return the confusion of the best clustering at the number of classes, else of the table's first one."""
    table = filled(tables, "confusion")
    if table is None:
        return None
    found = best_at_class_count(tables)
    rows = where(table, clustering=found.clustering, set=found.label_set) if found else table.slice(0, 0)
    if rows.num_rows == 0:
        rows = where(table, clustering=texts(table, "clustering")[0], set=texts(table, "set")[0])
    names, clusters, cells = texts(rows, "label"), integers(rows, "cluster"), integers(rows, "count", missing=0)
    labels = sorted(set(names))
    ids = np.unique(clusters)
    count = np.zeros((len(labels), ids.size), dtype=np.int64)
    place = {label: row for row, label in enumerate(labels)}
    at = np.array([place[name] for name in names], dtype=np.intp), np.searchsorted(ids, clusters)
    np.add.at(count, at, cells)
    keep_labels = np.sort(np.argsort(-count.sum(axis=1), kind="stable")[:MAX_LABELS])
    keep = np.argsort(-count.sum(axis=0), kind="stable")[:MAX_CLUSTERS]
    cut = count[np.ix_(keep_labels, keep)]
    order = np.lexsort((-cut.max(axis=0), cut.argmax(axis=0)))
    return Confusion(
        clustering=texts(rows, "clustering")[0],
        label_set=texts(rows, "set")[0],
        labels=[labels[row] for row in keep_labels],
        clusters=[int(ids[column]) for column in keep[order]],
        count=cut[:, order],
        totals=count.sum(axis=1)[keep_labels],
        left_out=int(count.sum() - cut.sum()),
    )


def confusion(tables: Tables) -> bytes | None:
    """Draw, a row a label, which share of its pictures lies in which cluster; None without a confusion."""
    found = best_confusion(tables)
    if found is None:
        return None
    rows, columns = found.count.shape

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(title=f"{short(found.clustering)} against {short(found.label_set)}")
        _paint_cells(axes, found)
        axes.set_xticks(range(columns), [str(cluster) for cluster in found.clusters])
        axes.set_yticks(range(rows), [short(label) for label in found.labels])
        axes.tick_params(length=0)
        axes.tick_params(axis="x", labelrotation=90 if columns > 20 else 0)
        axes.set_xlabel("cluster; the deeper a cell, the larger\nits share of the label's pictures")
        axes.grid(False)
        axes.spines[:].set_visible(False)

    return draw("confusion", paint, width=max(5.6, min(9.6, 2.6 + 0.42 * columns)), height=1.5 + 0.29 * rows)


def _paint_cells(axes: Axes, found: Confusion) -> None:
    rows, columns = found.count.shape
    share = found.count / np.maximum(found.totals, 1)[:, None]
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    for row, column in zip(*np.nonzero(found.count), strict=True):
        depth = float(share[row, column])
        corner = (column - 0.47, row - 0.46)
        axes.add_patch(Rectangle(corner, 0.94, 0.92, facecolor=ACCENT, edgecolor="none", alpha=0.06 + 0.94 * depth))
        if columns <= 25:
            color = "#ffffff" if depth > _WHITE_ABOVE else INK
            number = f"{found.count[row, column]}"
            axes.text(column, row, number, ha="center", va="center_baseline", size=7.5, color=color)


def decision_graph(tables: Tables) -> bytes | None:
    """Draw density against delta with the centres; None when no clustering has both."""
    rows = _with_density(tables)
    if rows is None:
        return None
    density, delta = numbers(rows, "density"), numbers(rows, "delta")
    centers = flags(rows, "is_center")
    usable = np.isfinite(density) & np.isfinite(delta)
    shown = _prominent(density, delta, np.flatnonzero(usable & ~centers))
    total = int(usable.sum())

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(title=f"Decision graph of {short(texts(rows, 'clustering')[0])}")
        axes.scatter(density[shown], delta[shown], s=9, color=MUTED, alpha=0.55, linewidths=0, label="pictures")
        peaks = np.flatnonzero(centers & usable)
        axes.scatter(density[peaks], delta[peaks], s=42, color=PALETTE[1], marker="D", label="centres")
        _name_peaks(axes, density, delta, peaks, integers(rows, "cluster"))
        some = f" ({shown.size + peaks.size:,} of {total:,} pictures drawn)" if shown.size + peaks.size < total else ""
        axes.set_xlabel(f"density{some}")
        axes.set_ylabel("delta: distance to the nearest denser picture")
        axes.legend(loc="best", markerscale=1.3)

    return draw("decision_graph", paint, width=5.6, height=3.8)


def _with_density(tables: Tables) -> pa.Table | None:
    table = filled(tables, "clusters")
    if table is None:
        return None
    usable = np.isfinite(numbers(table, "density")) & np.isfinite(numbers(table, "delta"))
    table = table.filter(pa.array(usable))
    if table.num_rows == 0:
        return None
    names = distinct_in(table, "clustering")
    scores = scored(tables)
    ranked = texts(scores, "clustering") if scores is not None else []
    return where(table, clustering=next((name for name in ranked if name in names), names[0]))


def _prominent(density: NDArray[np.float64], delta: NDArray[np.float64], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Keep all points where they are few; else those that stand out and an even choice of the others."""
    if rows.size <= MAX_POINTS:
        return rows
    # Densities may be logarithms: counted from the smallest, a product still tells what stands out.
    above = density[rows] - density[rows].min()
    order = rows[np.argsort(-delta[rows] * above, kind="stable")]
    half = MAX_POINTS // 2
    rest = order[half:]
    return np.concatenate([order[:half], rest[np.linspace(0, rest.size - 1, MAX_POINTS - half).astype(np.intp)]])


def _name_peaks(
    axes: Axes,
    density: NDArray[np.float64],
    delta: NDArray[np.float64],
    peaks: NDArray[np.intp],
    cluster: NDArray[np.int64],
) -> None:
    """Write the number of each centre beside it where there is room; one that would lie on another is left out."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    taken: list[tuple[float, float]] = [
        (_AXES_POINTS[0] * (density[row] - left) / (right - left), _AXES_POINTS[1] * (delta[row] - low) / (high - low))
        for row in peaks
    ]
    for place, row in enumerate(peaks.tolist()):
        x, y = taken[place]
        name = f"{cluster[row]}"
        for dx, dy, side in ((6, 3, "left"), (-6, 3, "right"), (6, -10, "left"), (-6, -10, "right")):
            middle = (x + dx + (3 if side == "left" else -3) * len(name), y + dy + 3)
            apart = [abs(middle[0] - other[0]) > 4 + 3 * len(name) or abs(middle[1] - other[1]) > 8 for other in taken]
            apart[place] = True  # its own mark
            if all(apart):
                taken.append(middle)
                axes.annotate(
                    name, (density[row], delta[row]), xytext=(dx, dy), textcoords="offset points", size=8, color=INK,
                    ha=side,
                )  # fmt: skip
                break


def cluster_sizes(tables: Tables) -> bytes | None:
    """Draw the sizes of the clusters of the best clustering at the number of classes; None without clusters."""
    table = filled(tables, "clusters")
    if table is None:
        return None
    found = best_at_class_count(tables)
    rows = where(table, clustering=found.clustering) if found else table.slice(0, 0)
    if rows.num_rows == 0:
        rows = where(table, clustering=texts(table, "clustering")[0])
    ids, sizes = np.unique(integers(rows, "cluster"), return_counts=True)
    order = np.lexsort((ids, -sizes))[:MAX_BARS]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(title=f"Cluster sizes of {short(texts(rows, 'clustering')[0])}")
        axes.bar(range(order.size), sizes[order], color=ACCENT, width=0.75)
        names = ["none" if ids[place] < 0 else str(ids[place]) for place in order]
        many = order.size > 20
        axes.set_xticks(range(order.size), names, rotation=90 if many else 0, size=6 if many else 8.5)
        axes.grid(False, axis="x")
        more = f"; the {order.size} largest of {ids.size:,}" if ids.size > order.size else ""
        axes.set_xlabel(f"cluster, largest first{more}")
        axes.set_ylabel("pictures")
        whole_ticks(axes, "y")
        thousands(axes, "y")

    return draw("cluster_sizes", paint, width=5.6, height=3.8)
