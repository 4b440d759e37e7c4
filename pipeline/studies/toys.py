"""Six plane sets of scikit-learn by linkages and Density Peaks, as published, and by further methods beside them."""

import csv
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from pipeline.reporting.figure_style import INK, PALETTE, draw
from pipeline.studies.base import Drawing, Figure, Findings, Material, Prepared, Study
from pipeline.studies.results import Results

LAYOUT: Final = "The toys are files NAME.npz with the arrays points, float [n, 2], and truth, int [n]."
SETS: Final = {"circles": 2, "moons": 2, "varied": 3, "aniso": 3, "blobs": 3, "uniform": 3}
PUBLISHED: Final = ("single", "complete", "centroid", "ward", "density_peaks")
BESIDE: Final = ("advanced_density_peaks", "hdbscan", "spectral", "kmeans")
_TITLES: Final = {
    "density_peaks": "Density Peaks",
    "advanced_density_peaks": "ADP",
    "hdbscan": "HDBSCAN",
    "kmeans": "k-means",
}
_OWN_COUNT: Final = ("advanced_density_peaks", "hdbscan")


def make(folder: Path, size: int, seed: int) -> None:
    """Write scikit-learn's six sets, of ``size`` points each; seed 0 gives those of its own comparison."""
    from sklearn import datasets

    blobs, noise = 170 + seed, 30 + seed
    spread, truth = datasets.make_blobs(n_samples=size, random_state=blobs)
    sets: dict[str, tuple[Any, Any]] = {
        "circles": datasets.make_circles(n_samples=size, factor=0.5, noise=0.05, random_state=noise),
        "moons": datasets.make_moons(n_samples=size, noise=0.05, random_state=noise),
        "varied": datasets.make_blobs(n_samples=size, cluster_std=[1.0, 2.5, 0.5], random_state=blobs),
        "aniso": (spread @ np.array([[0.6, -0.6], [-0.4, 0.8]]), truth),
        "blobs": datasets.make_blobs(n_samples=size, random_state=noise),
        "uniform": (np.random.RandomState(noise).rand(size, 2), np.zeros(size, int)),
    }
    for name, (points, of_points) in sets.items():
        np.savez(folder / f"{name}.npz", points=points, truth=of_points)


def prepare(material: Material) -> Prepared:
    """A container a set, standardised as in scikit-learn's comparison, and the truth of all but the uniform one."""
    rows = []
    for name in SETS:
        (path,) = material.find(f"{name}.npz", LAYOUT)
        with np.load(path) as found:
            points, truth = found["points"], found["truth"]
        points = (points - points.mean(axis=0)) / points.std(axis=0)
        np.savez(material.folder / f"{name}.npz", **{name: points.astype(np.float32)})
        if name != "uniform":
            rows += [(f"{name}.npz#page={row + 1}", f"{name} {label}") for row, label in enumerate(truth.tolist())]
    place = material.folder.parent / "truth.csv"
    with place.open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *rows])
    return Prepared(str(material.folder), {"truth": str(place)})


def compare(results: Results) -> Findings:
    """Mean agreement of each method over the five sets with a truth, and the figure."""
    figures = []
    for method in _methods(results):
        scores = [results.score(_clustering(name, method)) for name in SETS if name != "uniform"]
        found = [score for score in scores if score is not None]
        seconds = [results.seconds.get(_clustering(name, method), 0.0) for name in SETS]
        why = (
            "drawn in the published figure, without a number" if method in PUBLISHED else "not in the published figure"
        )
        figures += [
            Figure(f"{_title(method)}: mean NMI of five sets", None, float(np.mean(found)), "", why=why),
            Figure(f"{_title(method)}: seconds for the six sets", None, float(np.sum(seconds)), "s"),
        ]
    return Findings(figures, [_drawing(results)])


def _methods(results: Results) -> list[str]:
    """Those of the figure and those beside it, as far as the recipe has them."""
    asked = {method.label for method in results.recipe.cluster.methods}
    return [method for method in (*PUBLISHED, *BESIDE) if method in asked]


def _clustering(name: str, method: str) -> str:
    return f"{name}-{method}" if method in _OWN_COUNT else f"{name}-{method}-k{SETS[name]}"


def _title(method: str) -> str:
    return _TITLES.get(method, method.capitalize())


def _drawing(results: Results) -> Drawing:
    methods = _methods(results)

    def paint(figure: Canvas) -> None:
        grid = figure.subplots(len(methods), len(SETS))
        for line, method in zip(grid, methods, strict=True):
            line[0].set_ylabel(_title(method), fontweight="bold")
            for axes, name in zip(line, SETS, strict=True):
                _panel(axes, results, name, method)
        for axes, name in zip(grid[0], SETS, strict=True):
            axes.set_title(f"{name}, k = {SETS[name]}", loc="center")

    caption = (
        "Six plane sets, a column each, clustered by the five methods of the published figure (upper rows) and by four "
        "more. Colours are clusters, light gray points are in none, black marks the centres of Density Peaks. In each "
        "panel: NMI with the truth (the uniform set has none) and seconds. ADP and HDBSCAN find their own number."
    )
    return Drawing("toys", caption, draw("toys", paint, width=11.0, height=14.5))


def _panel(axes: Axes, results: Results, name: str, method: str) -> None:
    clustering = _clustering(name, method)
    rows, points = results.vectors(name)
    of_image = results.clusters(clustering)
    labels = np.array([of_image.get(row, -1) for row in rows.tolist()])
    axes.scatter(points[:, 0], points[:, 1], s=1.6, c=_colors(labels), linewidths=0, rasterized=True)
    centers = results.centers(clustering)
    if len(centers):
        marked = points[np.isin(rows, centers)]
        axes.scatter(marked[:, 0], marked[:, 1], s=34, c=INK, marker="X", linewidths=0)
    score = results.score(clustering)
    said = f"{len(np.unique(labels[labels >= 0]))} clusters" if method in _OWN_COUNT else ""
    nmi = "" if score is None else f"NMI {score:.2f}"
    axes.set_xlabel(", ".join(filter(None, (nmi, said, f"{results.seconds.get(clustering, 0):.2f} s"))), size=8)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")


def _colors(labels: NDArray[np.int64]) -> list[str]:
    """The largest clusters in the palette's colours, what is in none in light gray."""
    names, counts = np.unique(labels[labels >= 0], return_counts=True)
    rank = {int(name): place for place, name in enumerate(names[np.argsort(-counts, kind="stable")])}
    return ["#c8ced6" if label < 0 else PALETTE[rank[label] % len(PALETTE)] for label in labels.tolist()]


STUDY = Study("Toys: six plane sets, clustered", LAYOUT, prepare, compare, make, size=3000)
