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
_SHARES = (0.9, 0.95)


def training(tables: Tables, *, place: int = 0) -> bytes | None:
    """Draw the losses of a trained network, the one at `place`, a colour a phase; None where there is none."""
    table = filled(tables, "autoencoders")
    codes = distinct(texts(table, "codes")) if table is not None else []
    if table is None or place >= len(codes):
        return None
    rows = where(table, codes=codes[place])
    return draw(
        "training", lambda figure: _paint_losses(figure.add_subplot(), rows, codes[place]), width=5.2, height=3.6
    )


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


def distance_map(tables: Tables, *, place: int = 0) -> bytes | None:
    """Draw the mean distances between the labels of the first label set in the vectors at `place`; None without any."""
    table = filled(tables, "distance_map")
    names = distinct(texts(table, "vectors")) if table is not None else []
    if table is None or place >= len(names):
        return None
    rows = where(table, vectors=names[place])
    rows = where(rows, set=texts(rows, "set")[0])
    return draw(
        "distance_map", lambda figure: _paint_map(figure.add_subplot(), rows, names[place]), width=5.2, height=4.4
    )


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
    """Draw the explained variance a component; None without a spectrum."""
    table = filled(tables, "spectrum")
    if table is None:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(title="Variance of each component", ylabel="share of the variance")
        _paint_spectrum(axes, table, "explained_variance_ratio")
        log_axis(axes, "y", lambda value: f"{100 * value:g}%")

    return draw("scree", paint, width=5.2)


def running_variance(tables: Tables) -> bytes | None:
    """Draw the running sum of the explained variance; None without a spectrum."""
    table = filled(tables, "spectrum")
    if table is None:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(title="Variance of the first components", ylabel="running sum of the shares")
        _paint_spectrum(axes, table, "cumulative_ratio")
        axes.set_ylim(0, 1.03)
        _mark_shares(axes)

    return draw("running_variance", paint, width=5.2)


def _paint_spectrum(axes: Axes, table: pa.Table, column: str) -> None:
    for place, name in enumerate(distinct(texts(table, "vectors"))[:MAX_SERIES]):
        rows = where(table, vectors=name)
        order = np.argsort(numbers(rows, "component"), kind="stable")
        rank = np.arange(1, order.size + 1)
        axes.plot(rank, numbers(rows, column)[order], color=PALETTE[place % len(PALETTE)], label=short(name))
    axes.set_xlabel("principal component")
    axes.legend(loc="best")


def _mark_shares(axes: Axes) -> None:
    for share in _SHARES:
        axes.axhline(share, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
        axes.annotate(
            f"{share:.0%}", (1, share), xycoords=("axes fraction", "data"), xytext=(4, 0),
            textcoords="offset points", ha="left", va="center", size=8, color=INK,
        )  # fmt: skip
