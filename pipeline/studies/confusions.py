"""Tables of what was taken for what, and scores of clusterings beside published accuracies."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure as Canvas

from pipeline.reporting.figure_style import draw, short
from pipeline.studies.base import Drawing, Figure
from pipeline.studies.results import Results


def accuracy_rows(
    results: Results, title: str, clustering: str, *, published: float | None, labels: str, why: str = ""
) -> list[Figure]:
    """Majority accuracy in percent beside the published one, Hungarian accuracy, NMI, ARI; none without the clustering.

    Majority: each cluster's most frequent label is what it says. Hungarian: the best one-to-one matching.
    """
    scores = {
        column: results.score(clustering, column, labels=labels)
        for column in ("accuracy", "hungarian_accuracy", "nmi", "ari")
    }
    if scores["accuracy"] is None:
        return []
    said = {"hungarian_accuracy": "Hungarian", "nmi": "NMI", "ari": "ARI"}
    beside = ", ".join(f"{name} {scores[column]:.3f}" for column, name in said.items() if scores[column] is not None)
    return [Figure(title, published, 100 * scores["accuracy"], "%", why="; ".join(filter(None, (beside, why))))]


def confusion(results: Results, panels: Sequence[tuple[str, str]], *, labels: str) -> Drawing:
    """Draw, for each (title, clustering), true labels by the label most frequent in the cluster, in shares of a row."""
    of_image = results.labels(labels)
    names = sorted(set(of_image.values()))
    place = {name: number for number, name in enumerate(names)}

    def paint(figure: Canvas) -> None:
        for axes, (title, clustering) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            clusters = results.clusters(clustering)
            rows = [row for row in of_image if row in clusters]
            counts = np.zeros((len(names), max(clusters.values(), default=0) + 1), np.int64)
            np.add.at(counts, ([place[of_image[row]] for row in rows], [clusters[row] for row in rows]), 1)
            told = np.zeros((len(names), len(names)), np.int64)
            np.add.at(told.T, counts.argmax(axis=0), counts.T)
            axes.imshow(told / np.maximum(1, told.sum(axis=1, keepdims=True)), cmap="viridis", vmin=0, vmax=1)
            axes.grid(False)
            few = len(names) <= 15
            axes.set_xticks(range(len(names)), [short(name, longest=10) for name in names] if few else [])
            axes.set_yticks(range(len(names)), [short(name, longest=10) for name in names] if few else [])
            axes.tick_params(axis="x", rotation=90 if max(map(len, names), default=0) > 2 else 0)
            axes.set_title(title)
            axes.set_xlabel("most frequent label of the cluster")
            axes.set_ylabel("true label")
            if few:
                for row, column in np.argwhere(told > 0).tolist():
                    share = told[row, column] / told[row].sum()
                    color = "black" if share > 0.6 else "white"
                    axes.annotate(f"{100 * share:.0f}", (column, row), ha="center", va="center", size=6.5, color=color)

    caption = "What was taken for what, in percent of the pictures with that true label; clusters of one label are one."
    return Drawing("confusion", caption, draw("confusion", paint, width=4.6 * len(panels), height=4.6))
