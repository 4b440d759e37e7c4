"""Agreement with a label set by the number of clusters: curves, their means, what is largest, and their picture."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure as Canvas

from pipeline.reporting.figure_style import MUTED, draw, log_axis, series_style
from pipeline.studies.base import Drawing, Figure
from pipeline.studies.results import Results

REFERENCES: Final = (("refined", "--"), ("uniform", ":"), ("orthogonal", "-."))
_FEWEST_SCORES: Final = 3
_ACROSS: Final = 2  # panels beside each other


def nmi_by_k(results: Results, vectors: str, method: str) -> dict[int, float]:
    """NMI by the number of clusters, of one method, or of a reference curve where ``vectors`` is empty."""
    rows = (r for r in results.scores if (r["vectors"], r["method"], r["level"]) == (vectors, method, 1))
    return {row["k"]: row["nmi"] for row in rows if row["k"] > 0 and row["nmi"] == row["nmi"]}


def mean_nmi(results: Results, vectors: str, methods: Sequence[str]) -> dict[str, float]:
    """Mean NMI of each method over the numbers of clusters that all of them have; nothing where these are too few."""
    curves = {method: curve for method in methods if (curve := nmi_by_k(results, vectors, method))}
    shared = set.intersection(*map(set, curves.values())) if curves else set()
    if len(shared) < _FEWEST_SCORES:
        return {}
    return {method: float(np.mean([curve[k] for k in shared])) for method, curve in curves.items()}


def largest_nmi(results: Results, sets: Sequence[str], methods: Sequence[str]) -> list[Figure]:
    """The largest NMI of each method on each set, as far as the index has it, and at which number of clusters."""
    figures = []
    for name in sets:
        rows = [r for r in results.scores if r["vectors"] == name and r["level"] == 1 and r["nmi"] == r["nmi"]]
        for method in methods:
            if found := {row["k"]: row["nmi"] for row in rows if row["method"] == method}:
                best = max(found, key=lambda k: (found[k], -k))
                why = "its own number of clusters" if best < 1 else f"largest at k = {best}"
                figures.append(Figure(f"{method} on {name}: NMI", None, found[best], why=why))
    return figures


def draw_nmi(results: Results, sets: Sequence[str], methods: Sequence[str]) -> Drawing:
    """A panel for each set of vectors: a line a method, and the reference curves."""
    down = -(-len(sets) // _ACROSS)

    def paint(figure: Canvas) -> None:
        panels = figure.subplots(down, _ACROSS, sharex=True, sharey=True, squeeze=False)
        for axes, name in zip(panels.flat, sets, strict=False):
            for place, method in enumerate(methods):
                curve, (color, marker) = nmi_by_k(results, name, method), series_style(place)
                axes.plot(list(curve), list(curve.values()), color=color, marker=marker, label=method)
            for method, line in REFERENCES:
                curve = nmi_by_k(results, "", method)
                axes.plot(list(curve), list(curve.values()), color=MUTED, linestyle=line, label=f"reference: {method}")
            axes.set(title=name, ylim=(0, 1.02))
            log_axis(axes, "x", lambda value: f"{value:,.0f}")
        for axes in panels.flat[len(sets) :]:
            axes.axis("off")
        for axes in panels[-1]:
            axes.set_xlabel("number of clusters")
        for axes in panels[:, 0]:
            axes.set_ylabel("NMI with the categories")
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)

    caption = "NMI with the categories by the number of clusters, beside reference curves, for each set of vectors."
    return Drawing("nmi_by_k", caption, draw("nmi_by_k", paint, width=9, height=1.4 + 3.0 * down))
