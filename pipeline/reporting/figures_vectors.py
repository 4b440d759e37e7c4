"""Figures of the vectors: how the autoencoders learnt, intrinsic dimension, the spectrum of components."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.reporting.code_quality import PCA
from pipeline.reporting.columns import Tables, distinct, filled, numbers, texts, where
from pipeline.reporting.figure_style import INK, MUTED, PALETTE, draw, log_axis, series_style, short, whole_ticks
from pipeline.reporting.terminal import QUOTED_FRACTION

MAX_SERIES = 7
MAX_PANELS = 4
_SHARES = (0.9, 0.95)


def training(tables: Tables) -> bytes | None:
    """Draw the losses of every trained network, a panel a network, a colour a phase; None without any."""
    table = filled(tables, "autoencoders")
    if table is None:
        return None
    codes = distinct(texts(table, "codes"))[:MAX_PANELS]

    def paint(figure: Figure) -> None:
        columns = min(2, len(codes))
        rows = -(-len(codes) // columns)
        grid = figure.subplots(rows, columns, squeeze=False)
        for place in range(rows * columns):
            axes = grid.flat[place]
            if place < len(codes):
                _paint_losses(axes, where(table, codes=codes[place]), codes[place])
            else:
                axes.set_axis_off()

    return draw("training", paint, width=5.2 if len(codes) == 1 else 8.4, height=3.6 * -(-len(codes) // 2))


def _paint_losses(axes: Axes, table: pa.Table, name: str) -> None:
    phases = texts(table, "phase")
    drawn = []
    for phase, column, line in ((PCA, "train_loss", "-"), (PCA, "test_loss", (0, (3, 1.5)))):
        floor = numbers(table, column)[np.array([item == phase for item in phases])]
        if floor.size and np.isfinite(floor[0]):
            drawn.append(floor[:1])
            kind = "training" if column == "train_loss" else "test"
            axes.axhline(floor[0], linestyle=line, color=MUTED, linewidth=1, label=f"principal components, {kind}")
    for place, phase in enumerate([name for name in distinct(phases) if name != PCA][:MAX_SERIES]):
        rows = np.array([item == phase for item in phases])
        epoch = numbers(table, "epoch")[rows]
        order = np.argsort(epoch, kind="stable")
        color = PALETTE[place % len(PALETTE)]
        for column, line in (("train_loss", "-"), ("test_loss", (0, (3, 1.5)))):
            loss = numbers(table, column)[rows][order]
            drawn.append(loss[np.isfinite(loss)])
            kind = "training" if column == "train_loss" else "test"
            if np.isfinite(loss).any():
                label = short(f"{phase}, {kind}") if phase else kind
                axes.plot(epoch[order], loss, linestyle=line, color=color, label=label)
    values = np.concatenate(drawn) if drawn else np.array([])
    if values.size and values.min() > 0 and values.max() / values.min() > 20:
        log_axis(axes, "y", lambda value: f"{value:g}")
    axes.set_title(f"Training of {short(name)}")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    whole_ticks(axes, "x")
    if len(axes.get_lines()) > 3:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    elif values.size:
        axes.legend(loc="best")


def two_nn(tables: Tables) -> bytes | None:
    """Draw the 2-NN dimension against the number of points, a series a vector set; None without estimates."""
    table = filled(tables, "dimension")
    if table is None or not np.isfinite(numbers(table, "dimension")).any():
        return None
    table = _quoted(table)

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(title="Intrinsic dimension (2-NN)")
        for place, name in enumerate(distinct(texts(table, "vectors"))[:MAX_SERIES]):
            _paint_dimension(axes, where(table, vectors=name), name, place)
        log_axis(axes, "x", lambda value: f"{value:,.0f}")
        _tick_sizes(axes, numbers(table, "n_points"))
        axes.set_xlabel("number of points")
        axes.set_ylabel("dimension")
        axes.set_ylim(bottom=0)
        axes.legend(loc="best")

    return draw("two_nn", paint, width=5.2)


def _tick_sizes(axes: Axes, points: NDArray[np.float64]) -> None:
    """Put the ticks at the sizes that were measured, as far as their labels do not touch."""
    ticks: list[float] = []
    sizes = np.unique(points[np.isfinite(points) & (points > 0)])
    for size in sizes[::-1]:
        # A label needs about a twelfth of the axis.
        if not ticks or np.log(ticks[-1] / size) > np.log(sizes[-1] / sizes[0]) / 12:
            ticks.append(float(size))
    axes.set_xticks(ticks, [f"{size:,.0f}" for size in ticks])
    axes.tick_params(axis="x", which="minor", length=0)


def _quoted(table: pa.Table) -> pa.Table:
    """Keep the estimates at one fraction, the one nearest to the quoted: others are not comparable."""
    away = np.abs(numbers(table, "fraction") - QUOTED_FRACTION)
    usable = np.isfinite(numbers(table, "dimension"))
    if not np.isfinite(away[usable]).any():
        return table.filter(pa.array(usable))
    return table.filter(pa.array(usable & (away == np.nanmin(away[usable]))))


def _paint_dimension(axes: Axes, table: pa.Table, name: str, place: int) -> None:
    points, value = numbers(table, "n_points"), numbers(table, "dimension")
    error = np.nan_to_num(numbers(table, "error"))
    sizes = np.unique(points[np.isfinite(points)])
    means = [value[points == size].mean() for size in sizes]
    color, marker = series_style(place)
    axes.errorbar(points, value, yerr=error, fmt=marker, color=color, capsize=3, elinewidth=1.2)
    axes.plot(sizes, means, color=color, marker=marker, label=short(name))


def gride(tables: Tables) -> bytes | None:
    """Draw Gride's dimension against the distance it was measured at, a series a vector set; None without any."""
    table = filled(tables, "dimension_scales")
    if table is None:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(title="Intrinsic dimension by scale (Gride)")
        for place, name in enumerate(distinct(texts(table, "vectors"))[:MAX_SERIES]):
            rows = where(table, vectors=name)
            color, marker = series_style(place)
            axes.errorbar(
                numbers(rows, "scale"), numbers(rows, "dimension"), yerr=np.nan_to_num(numbers(rows, "error")),
                color=color, marker=marker, capsize=3, elinewidth=1.2, label=short(name),
            )  # fmt: skip
        log_axis(axes, "x", lambda value: f"{value:g}")
        axes.set_xlabel("distance of the neighbours")
        axes.set_ylabel("dimension")
        axes.set_ylim(bottom=0)
        axes.legend(loc="best")

    return draw("gride", paint, width=5.2)


def distance_map(tables: Tables) -> bytes | None:
    """Draw the mean distances between labels, a panel a set of vectors (of its first label set); None without any."""
    table = filled(tables, "distance_map")
    if table is None:
        return None
    names = distinct(texts(table, "vectors"))[:MAX_PANELS]

    def paint(figure: Figure) -> None:
        panels = figure.subplots(1, len(names), squeeze=False)
        for axes, name in zip(panels.flat, names, strict=True):
            rows = where(table, vectors=name)
            _paint_map(axes, where(rows, set=texts(rows, "set")[0]), name)

    return draw("distance_map", paint, width=4.6 * len(names), height=4.4)


def _paint_map(axes: Axes, table: pa.Table, name: str) -> None:
    labels = distinct(texts(table, "label"))
    size = len(labels)
    image = axes.imshow(numbers(table, "mean_distance").reshape(size, size), cmap="viridis")
    axes.grid(False)
    spelled = [short(label, longest=14) for label in labels]
    axes.set_xticks(range(size), spelled, rotation=90, size=7)
    axes.set_yticks(range(size), spelled, size=7)
    axes.set_title(f"Distances in {short(name)}")
    axes.figure.colorbar(image, ax=axes, shrink=0.7, label="mean distance")


def scree(tables: Tables) -> bytes | None:
    """Draw the explained variance a component and its running sum; None without a spectrum."""
    table = filled(tables, "spectrum")
    if table is None:
        return None
    names = distinct(texts(table, "vectors"))[:MAX_SERIES]

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for place, name in enumerate(names):
            rows = where(table, vectors=name)
            component = numbers(rows, "component")
            order = np.argsort(component, kind="stable")
            rank = np.arange(1, order.size + 1)
            color = PALETTE[place % len(PALETTE)]
            left.plot(rank, numbers(rows, "explained_variance_ratio")[order], color=color, label=short(name))
            right.plot(rank, numbers(rows, "cumulative_ratio")[order], color=color, label=short(name))
        _finish_scree(left, right)

    return draw("scree", paint, width=8.4)


def _finish_scree(left: Axes, right: Axes) -> None:
    left.set_title("Variance of each component")
    left.set_ylabel("share of the variance")
    log_axis(left, "y", lambda value: f"{100 * value:g}%")
    right.set_title("Variance of the first components")
    right.set_ylabel("running sum of the shares")
    right.set_ylim(0, 1.03)
    for share in _SHARES:
        right.axhline(share, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
        right.annotate(
            f"{share:.0%}", (1, share), xycoords=("axes fraction", "data"), xytext=(4, 0),
            textcoords="offset points", ha="left", va="center", size=8, color=INK,
        )  # fmt: skip
    for axes in (left, right):
        axes.set_xlabel("principal component")
        axes.legend(loc="best")
