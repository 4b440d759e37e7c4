"""Tables of what was taken for what, and scores of clusterings beside published accuracies."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from pipeline.reporting.figure_style import draw, short
from pipeline.studies.base import Drawing, Figure
from pipeline.studies.results import Results

_NAMED: Final = 15
"""With more labels than these, cells have colours in place of numbers, and axes no names."""
_BRIGHT: Final = 60  # percent, from which a cell's number is black


def accuracy_rows(
    results: Results, title: str, clustering: str, *, published: float | None, labels: str, why: str = ""
) -> list[Figure]:
    """Majority accuracy in percent beside the published one, and the other scores; none without the clustering.

    Majority: each cluster's most frequent label is what it says. Hungarian: the best one-to-one matching. F1: the mean
    over the classes, however many pictures each has. Silhouette and Davies-Bouldin know no labels, and are of the
    vectors that were clustered: those of different sets do not compare.
    """
    accuracy = results.score(clustering, "accuracy", labels=labels)
    if accuracy is None:
        return []
    of_image, clusters = results.labels(labels), results.clusters(clustering)
    both = sorted(of_image.keys() & clusters.keys())
    f1 = macro_f1(np.array([of_image[row] for row in both]), np.array([clusters[row] for row in both]))
    quality: dict[str, object] = next((row for row in results.table("quality") if row["clustering"] == clustering), {})
    found = {
        "Hungarian": results.score(clustering, "hungarian_accuracy", labels=labels),
        "NMI": results.score(clustering, "nmi", labels=labels),
        "ARI": results.score(clustering, "ari", labels=labels),
        "macro F1": f1,
        "silhouette": quality.get("silhouette"),
        "Davies-Bouldin": quality.get("davies_bouldin"),
    }
    beside = ", ".join(f"{name} {value:.3f}" for name, value in found.items() if value is not None and value == value)
    return [Figure(title, published, 100 * accuracy, "%", why="; ".join(filter(None, (beside, why))))]


def macro_f1(truth: NDArray[np.str_], clusters: NDArray[np.int64]) -> float:
    """Mean over the labels of F1, where each cluster says its most frequent label; a label that none says has 0.

    Examples
    --------
    >>> macro_f1(np.array(["a", "a", "a", "b"]), np.array([0, 0, 1, 1]))  # the tie goes to a: 6/7 and 0
    0.42857142857142855
    """
    names, kinds = np.unique(truth, return_inverse=True)
    numbers, found = np.unique(clusters, return_inverse=True)
    counts = np.zeros((len(names), len(numbers)), np.int64)
    np.add.at(counts, (kinds, found), 1)
    said = counts.argmax(axis=0)
    right = np.bincount(said, counts.max(axis=0), len(names))
    claimed = np.bincount(said, counts.sum(axis=0), len(names))
    return float(np.mean(2 * right / (claimed + counts.sum(axis=1))))


def confusion(results: Results, panels: Sequence[tuple[str, str]], *, labels: str) -> Drawing:
    """Draw, for each (title, clustering), true labels by the label most frequent in the cluster, in shares of a row."""
    of_image = results.labels(labels)
    names = sorted(set(of_image.values()))
    place = {name: number for number, name in enumerate(names)}

    def paint(figure: Canvas) -> None:
        few = len(names) <= _NAMED
        across = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (title, clustering) in zip(across, panels, strict=True):
            clusters = results.clusters(clustering)
            rows = [row for row in of_image if row in clusters]
            counts = np.zeros((len(names), max(clusters.values(), default=0) + 1), np.int64)
            np.add.at(counts, ([place[of_image[row]] for row in rows], [clusters[row] for row in rows]), 1)
            told = np.zeros((len(names), len(names)), np.int64)
            np.add.at(told.T, counts.argmax(axis=0), counts.T)
            shares = 100 * told / np.maximum(1, told.sum(axis=1, keepdims=True))
            image = axes.imshow(shares, cmap="viridis", vmin=0, vmax=100)
            axes.grid(False)
            shown = [short(name, longest=10) for name in names] if few else []
            axes.set_xticks(range(len(shown)), shown)
            axes.set_yticks(range(len(shown)), shown)
            axes.tick_params(axis="x", rotation=90 if max(map(len, names), default=0) > 2 else 0)
            axes.set_title(title)
            axes.set_xlabel("most frequent label of the cluster")
            axes.set_ylabel("true label")
            if few:
                for row, column in np.argwhere(told > 0).tolist():
                    share = shares[row, column]
                    color = "black" if share > _BRIGHT else "white"
                    axes.annotate(f"{share:.0f}", (column, row), ha="center", va="center", size=6.5, color=color)
        if not few:
            figure.colorbar(image, ax=across, label="% of the true label", fraction=0.03, shrink=0.8)

    caption = "What was taken for what, in percent of the pictures with that true label; clusters of one label are one."
    return Drawing("confusion", caption, draw("confusion", paint, width=4.6 * len(panels), height=5))
