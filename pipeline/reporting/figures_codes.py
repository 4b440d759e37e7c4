"""Figures of one set of codes: vectors beside reconstructions, the codes by pairs, errors, the worst pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.reporting.figure_style import GRID, MUTED, PALETTE, draw, log_axis, series_style, short

MAX_CODES = 6
MAX_KINDS = 7
_UNLABELLED, _OTHERS = "no label", "others"


@dataclass(frozen=True, slots=True)
class Example:
    """A vector and what the network makes of its code.

    Attributes
    ----------
    title : str
        Which one it is, for people.
    error : float
        Mean squared error of a value over the mean variance of a value: 1 is what the mean alone loses.
    vector, back : float32 [D]
    picture : uint8 [h, w] or None
    """

    title: str
    error: float
    vector: NDArray[np.float32]
    back: NDArray[np.float32]
    picture: NDArray[np.uint8] | None


def reconstructions(name: str, examples: Sequence[Example]) -> bytes:
    """Draw each example's picture, and its vector above the reconstruction, value by value."""

    def paint(figure: Figure) -> None:
        panels = figure.subplots(len(examples), 2, squeeze=False, width_ratios=(1, 4))
        for (left, right), one in zip(panels, examples, strict=True):
            _paint_picture(left, one.picture, "")
            right.plot(one.vector, color=PALETTE[0], linewidth=0.9, label="vector")
            right.plot(one.back, color=PALETTE[1], linewidth=0.9, label="reconstruction")
            right.set_title(f"{short(one.title)}: error {one.error:.3g}")
            right.margins(x=0.01)
        panels[-1][1].set_xlabel("value of the vector")
        panels[0][1].legend(loc="upper right", ncols=2)

    return draw(f"reconstructions-{name}", paint, width=8.4, height=1.9 * len(examples))


def scatter(name: str, codes: NDArray[np.float32], labels: Sequence[str]) -> bytes:
    """Draw the values of codes [n, d] by pairs, those of most variance first, coloured by label, with histograms."""
    order = np.argsort(-codes.var(axis=0), kind="stable")[:MAX_CODES]
    kinds = _kinds(labels)
    size = len(order)

    def paint(figure: Figure) -> None:
        panels = figure.subplots(size, size, squeeze=False)
        for i, row in enumerate(order.tolist()):
            for j, column in enumerate(order.tolist()):
                axes = panels[i][j]
                axes.grid(False)
                axes.set_xticks([])
                axes.set_yticks([])
                if i == j:
                    axes.hist(codes[:, row], bins=30, color=MUTED)
                else:
                    _paint_kinds(axes, codes[:, column], codes[:, row], kinds)
                if j == 0:
                    axes.set_ylabel(f"code {row}")
                if i == size - 1:
                    axes.set_xlabel(f"code {column}")
        handles, names = panels[0][-1].get_legend_handles_labels()
        if len(names) > 1:
            figure.legend(handles, names, loc="outside lower center", ncols=4, markerscale=3)

    return draw(f"codes-{name}", paint, width=1.5 * size + 0.6, height=1.5 * size + 0.6)


def error_histogram(name: str, errors: NDArray[np.float64], of_components: NDArray[np.float64]) -> bytes:
    """Draw how many pictures lose how much, by the network and by as many principal components."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(title=f"What the codes {short(name)} lose of each picture")
        positive = np.concatenate((errors, of_components))
        positive = positive[positive > 0]
        low, high = (positive.min(), positive.max()) if positive.size else (0.1, 1.0)
        edges = np.geomspace(low, max(high, low * 1.01), 41)
        axes.hist(np.clip(errors, low, None), bins=edges.tolist(), color=PALETTE[0], alpha=0.7, label="network")
        axes.hist(
            np.clip(of_components, low, None), bins=edges.tolist(), histtype="step", color=PALETTE[1], linewidth=1.6,
            label="principal components",
        )  # fmt: skip
        log_axis(axes, "x", lambda value: f"{value:g}")
        axes.set_xlabel("error (1: what the mean alone loses)")
        axes.set_ylabel("pictures")
        axes.legend(loc="best")

    return draw(f"errors-{name}", paint, width=5.2)


def worst(name: str, errors: Mapping[str, float], pictures: Mapping[str, NDArray[np.uint8]]) -> bytes:
    """Draw the pictures, by title, that lose most; ``pictures`` may lack some."""

    def paint(figure: Figure) -> None:
        columns = 4
        rows = -(-len(errors) // columns)
        panels = figure.subplots(rows, columns, squeeze=False)
        for axes in panels.flat:
            axes.set_axis_off()
        for axes, (title, error) in zip(panels.flat, errors.items(), strict=False):
            _paint_picture(axes, pictures.get(title), f"{short(title, longest=22)}\nerror {error:.3g}")

    return draw(f"worst-{name}", paint, width=8.4, height=2.4 * -(-len(errors) // 4))


def _paint_picture(axes: Axes, picture: NDArray[np.uint8] | None, title: str) -> None:
    axes.set_axis_off()
    if picture is not None:
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, size=7.5)


def _kinds(labels: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Positions by label, the most frequent labels first; the rest are others."""
    names, counts = np.unique([label for label in labels if label], return_counts=True)
    kept = names[np.argsort(-counts, kind="stable")][:MAX_KINDS].tolist()
    spelled = np.array([label if label in kept else _OTHERS if label else _UNLABELLED for label in labels], object)
    return {name: np.flatnonzero(spelled == name) for name in (_UNLABELLED, _OTHERS, *kept) if (spelled == name).any()}


def _paint_kinds(
    axes: Axes, x: NDArray[np.float32], y: NDArray[np.float32], kinds: dict[str, NDArray[np.int64]]
) -> None:
    place = 0
    for name, rows in kinds.items():
        plain = name in (_UNLABELLED, _OTHERS)
        color, marker = (GRID if len(kinds) > 1 else PALETTE[0], "o") if plain else series_style(place)
        place += not plain
        axes.scatter(x[rows], y[rows], s=4, c=color, marker=marker, linewidths=0, label=short(name, longest=20))
