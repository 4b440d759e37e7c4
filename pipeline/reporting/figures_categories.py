"""The tree of sub-categories: a column a level, each category as high as its share of the pictures."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pipeline.reporting.columns import Tables, distinct_in, filled, integers, numbers, texts, where
from pipeline.reporting.figure_style import ACCENT, INK, MUTED, draw, short

MAX_LEVELS = 4
_ROOM_FOR_TEXT = 0.022
_GIVEN = "#e6e6e6"


@dataclass(frozen=True, slots=True)
class TreeLayout:
    """Where the categories of a tree are drawn: all arrays have a row a category.

    Attributes
    ----------
    level : int64 [n]
    bottom, height : float64 [n]
        From 0 to 1 over all pictures; the first category is at the top.
    names : list of str
        The last part of each path.
    sizes : int64 [n]
    stability : float64 [n]
        NaN for what was divided first.
    """

    level: NDArray[np.int64]
    bottom: NDArray[np.float64]
    height: NDArray[np.float64]
    names: list[str]
    sizes: NDArray[np.int64]
    stability: NDArray[np.float64]


def tree_layout(nodes: pa.Table) -> TreeLayout:
    """Lay out the rows of ``category_tree`` of one tree, parents before their parts, parts side by side in order."""
    sizes, parents = integers(nodes, "n_images", missing=0), integers(nodes, "parent")
    total = max(int(sizes[parents < 0].sum()), 1)
    height = sizes / total
    top = np.zeros(len(sizes))
    used = np.zeros(len(sizes) + 1)  # of each category by its parts so far; the last is the whole
    for node, parent in enumerate(parents.tolist()):
        top[node] = (top[parent] if parent >= 0 else 0.0) + used[parent]
        used[parent] += height[node]
    return TreeLayout(
        level=integers(nodes, "level"),
        bottom=1 - top - height,
        height=height,
        names=[
            path.rsplit("/", 1)[-1] if parent >= 0 else path
            for path, parent in zip(texts(nodes, "category"), parents, strict=True)
        ],
        sizes=sizes,
        stability=numbers(nodes, "stability"),
    )


def category_tree(tables: Tables) -> bytes | None:
    """Draw the first tree of sub-categories; None without any."""
    table = filled(tables, "category_tree")
    if table is None:
        return None
    tree = distinct_in(table, "tree")[0]
    layout = tree_layout(where(table, tree=tree))
    levels = min(int(layout.level.max()) + 1, MAX_LEVELS)
    given = int(np.count_nonzero(layout.level == 0))
    shades = LinearSegmentedColormap.from_list("stability", ["#ffffff", ACCENT])

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(title=f"Sub-categories: {short(tree)}")
        _paint_categories(axes, layout, shades)
        axes.set_xlim(0, levels)
        axes.set_ylim(0, 1)
        names = ["divided", *(f"level {level}" for level in range(1, levels))]
        axes.set_xticks(np.arange(levels) + 0.5, names)
        axes.set_yticks([])
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(ScalarMappable(Normalize(0, 1), shades), ax=axes, fraction=0.04, pad=0.02)
        bar.set_label("stability (mean Jaccard index)")
        bar.outline.set_visible(False)

    return draw("category_tree", paint, width=2.4 + 2.2 * levels, height=float(np.clip(0.42 * given + 2, 3.4, 9)))


def _paint_categories(axes: Axes, layout: TreeLayout, shades: LinearSegmentedColormap) -> None:
    for node, level in enumerate(layout.level.tolist()):
        if level >= MAX_LEVELS:
            continue
        stable = layout.stability[node]
        color = shades(stable) if np.isfinite(stable) else _GIVEN
        corner = (level + 0.01, layout.bottom[node])
        axes.add_patch(Rectangle(corner, 0.98, layout.height[node], facecolor=color, edgecolor=MUTED, linewidth=0.5))
        if layout.height[node] >= _ROOM_FOR_TEXT:
            middle = layout.bottom[node] + layout.height[node] / 2
            text = f"{short(layout.names[node], longest=22)} ({layout.sizes[node]:,})"
            dark = np.isfinite(stable) and stable > 0.6
            axes.text(level + 0.05, middle, text, va="center", size=7.5, color="#ffffff" if dark else INK)
