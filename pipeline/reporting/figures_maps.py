"""Figures of the maps: the pictures as points, coloured by label and by cluster."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.reporting.agreement import best_at_class_count
from pipeline.reporting.columns import Tables, distinct_in, filled, integers, numbers, texts, where
from pipeline.reporting.figure_style import GRID, MUTED, draw, series_style, short

MAX_POINTS = 3000
MAX_KINDS = 14
_OTHERS, _UNLABELLED = "others", "no label"


def scatter(tables: Tables, *, place: int = 0) -> bytes | None:
    """Draw the first map, by the labels of the first set and, at the next place, by the best clustering's clusters.

    Where there is only one of them it stands at place 0; None where there is nothing for a place.
    """
    table = filled(tables, "maps")
    if table is None:
        return None
    rows = where(table, map=texts(table, "map")[0])
    images = integers(rows, "image")
    panels = [panel for panel in (_labels(tables, images), _clusters(tables, images)) if panel is not None]
    panels = panels or [("pictures", np.full(len(images), _UNLABELLED, object))]
    if place >= len(panels):
        return None
    name, kinds = panels[place]
    shown = _drawn(len(images))
    x, y = numbers(rows, "x")[shown], numbers(rows, "y")[shown]
    title = f"{texts(rows, 'method')[0]} of {short(texts(rows, 'vectors')[0])}"
    part = f" ({len(shown):,} of {len(images):,} pictures)" if len(shown) < len(images) else ""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        _paint(axes, x, y, kinds[shown])
        axes.set_title(f"{title}, by {name}{part}")

    return draw("map", paint, width=5.2, height=5.4)


def _labels(tables: Tables, images: NDArray[np.int64]) -> tuple[str, NDArray[np.object_]] | None:
    table = filled(tables, "labels")
    if table is None:
        return None
    name = distinct_in(table, "set")[0]
    return f"label ({short(name, longest=16)})", _kinds(where(table, set=name), "label", images)


def _clusters(tables: Tables, images: NDArray[np.int64]) -> tuple[str, NDArray[np.object_]] | None:
    table = filled(tables, "clusters")
    if table is None:
        return None
    best = best_at_class_count(tables)
    name = best.clustering if best is not None else texts(table, "clustering")[0]
    return f"cluster ({short(name, longest=24)})", _kinds(where(table, clustering=name), "cluster", images)


def _kinds(table: pa.Table, column: str, images: NDArray[np.int64]) -> NDArray[np.object_]:
    """The label or cluster of every picture; the rarest of many are others."""
    of_image = dict(zip(integers(table, "image").tolist(), texts(table, column), strict=True))
    found = np.array([of_image.get(image, _UNLABELLED) for image in images.tolist()], object)
    names, counts = np.unique(found[found != _UNLABELLED].astype(str), return_counts=True)
    rare = names[np.argsort(-counts, kind="stable")][MAX_KINDS:]
    found[np.isin(found.astype(str), rare)] = _OTHERS
    return found


def _drawn(n: int) -> NDArray[np.int64]:
    """Positions of an even choice."""
    return np.unique(np.linspace(0, n - 1, min(n, MAX_POINTS)).round().astype(np.int64))


def _paint(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], kinds: NDArray[np.object_]) -> None:
    names = sorted({str(kind) for kind in kinds} - {_OTHERS, _UNLABELLED}, key=_natural)
    for name, color in ((_UNLABELLED, GRID), (_OTHERS, MUTED)):
        _points(axes, x[kinds == name], y[kinds == name], name, color, ".")
    for place, name in enumerate(names):
        color, marker = series_style(place)
        # After seven colours the markers move on by one, so that no two kinds look alike.
        marker = series_style(place + place // 7)[1]
        _points(axes, x[kinds == name], y[kinds == name], short(name, longest=22), color, marker)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("near points are alike; far distances mean little")
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.07), ncols=3, markerscale=1.6, handletextpad=0.2)


def _points(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], name: str, color: str, marker: str) -> None:
    if len(x):
        axes.scatter(x, y, s=11, c=color, marker=marker, linewidths=0, alpha=0.8, label=name)


def _natural(name: str) -> tuple[int, str]:
    return (int(name), "") if name.lstrip("-").isdigit() else (10**9, name)
