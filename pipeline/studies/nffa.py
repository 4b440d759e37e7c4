"""A corpus of electron micrographs: what was found of its vectors and clusterings, put to the test."""

from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure as Canvas

from pipeline.reporting.figure_style import MUTED, draw, log_axis, series_style
from pipeline.studies.base import Drawing, Figure, Findings, Material, Prepared, Study
from pipeline.studies.further import future_work, worked_example
from pipeline.studies.results import Results

LAYOUT: Final = (
    "The corpus is a folder of pictures, or has them in corpus/; its ten categories are labels/ (a folder each) or "
    "labels.csv (file, category)."
)
LINKAGES: Final = ("single", "complete", "centroid", "ward")
METHODS: Final = (*LINKAGES, "density_peaks")
SETS: Final = ("features", "logits")
ELBOWS: Final = (5, 12)
MOST_DIMENSIONS, RISE, CORRELATION = 18.0, 67.0, 0.32
_FEWEST_SCORES: Final = 3
_ALIKE: Final = 0.05  # difference of mean NMI
_WHOLE: Final = -1  # the table's number for all rows, beside its halves and quarters
_OTHER: Final = "Lite0 for InceptionV3, whose weights can't be had here"
_UNTESTED: Final = "not tested: the recipe has no fine-tuned network"


def make(folder: Path, size: int, seed: int) -> None:
    """Write a corpus like the sample's, of the ten categories, with about ``size`` pictures."""
    from pipeline.demo.corpus import write_demo_corpus
    from pipeline.demo.textures import ALL_TEXTURES

    each = max(4, round(size / len(ALL_TEXTURES)))
    write_demo_corpus(folder, seed=seed, images_per_class=each, textures=tuple(ALL_TEXTURES))


def prepare(material: Material) -> Prepared:
    """The pictures where they are."""
    if not (material.data / "labels").is_dir():
        material.find("labels.csv", LAYOUT)
    labels = material.data / ("labels" if (material.data / "labels").is_dir() else "labels.csv")
    corpus = material.data / "corpus"
    settings = {"corpus.sample": material.size} if material.size else {}
    return Prepared(str(corpus if corpus.is_dir() else material.data), {"categories": str(labels)}, settings)


def compare(results: Results) -> Findings:
    """Dimension, distance maps, elbows and the findings on clusterings, from the numbers of the index."""
    pictures, labelled = len(results.vectors("features")[0]), len(results.labelled("features", "categories")[0])
    figures = [
        Figure("pictures in the subset", 52682, pictures, why="another corpus"),
        Figure("of them labelled", 7557, labelled, why="another corpus"),
    ]
    for row in results.table("dimension"):
        if row["vectors"] in SETS and row["fraction"] == 0.9 and row["subsample"] == _WHOLE:
            name = f"2-NN dimension of {row['vectors']} (90%); published: at most"
            figures.append(Figure(name, MOST_DIMENSIONS, row["dimension"], why=_OTHER))
    figures += _correlations(results)
    elbows = _elbows(results)
    answer = "yes" if set(elbows) == set(ELBOWS) else f"no: at {', '.join(map(str, elbows)) or 'none'}"
    figures.append(Figure("scree plot of features has elbows at 5 and 12", answer=answer, why=_OTHER))
    figures += [*_findings(results), *worked_example(), *future_work(results, SETS)]
    return Findings(figures, [_curves(results)])


def _correlations(results: Results) -> list[Figure]:
    found = {row["vectors"]: row["correlation_with_labels"] for row in results.table("distances")}
    figures = []
    for name in SETS:
        before, after = found.get(name), found.get(f"{name}18")
        if before is None or after is None or not before > 0:
            continue
        rise = 100 * (after / before - 1)
        published = (CORRELATION, RISE) if name == "features" else (None, None)
        figures.append(Figure(f"distances with labels, codes of {name}: correlation", published[0], after, why=_OTHER))
        figures.append(Figure(f"its rise by the autoencoder ({name})", published[1], rise, "%", why=_OTHER))
    return figures


def _elbows(results: Results) -> list[int]:
    """The two components, from the 3rd to the 20th, after which the logarithm of the variance bends most."""
    rows = sorted(
        (r["component"], r["explained_variance_ratio"]) for r in results.table("spectrum") if r["vectors"] == "features"
    )
    if len(rows) < 20:
        return []
    bend = np.diff(np.log(np.maximum([share for _, share in rows], 1e-12)), 2)
    return sorted((np.argsort(-bend[1:19])[:2] + 3).tolist())


def _curve(results: Results, vectors: str, method: str) -> dict[int, float]:
    """NMI by the number of clusters, of one method, or of a reference curve where ``vectors`` is empty."""
    rows = (r for r in results.scores if (r["vectors"], r["method"], r["level"]) == (vectors, method, 1))
    return {row["k"]: row["nmi"] for row in rows if row["k"] > 0 and row["nmi"] == row["nmi"]}


def _means(results: Results, vectors: str) -> dict[str, float]:
    """Mean NMI of each method over the numbers of clusters that all of them have."""
    curves = {method: curve for method in METHODS if (curve := _curve(results, vectors, method))}
    shared = set.intersection(*map(set, curves.values())) if curves else set()
    if len(shared) < _FEWEST_SCORES:
        return {}
    return {method: float(np.mean([curve[k] for k in shared])) for method, curve in curves.items()}


def _findings(results: Results) -> list[Figure]:
    figures = []
    for name in SETS:
        means = _means(results, name)
        if set(means) != set(METHODS):
            figures.append(Figure(f"findings on clusterings of {name}", answer="not tested: too few labelled pictures"))
            continue
        said = ", ".join(f"{method} {value:.2f}" for method, value in means.items())
        alike = [means[method] for method in ("complete", "ward", "density_peaks")]
        held = {
            "single linkage is the worst": min(means, key=means.__getitem__) == "single",
            "complete, Ward and Density Peaks are alike": max(alike) - min(alike) <= _ALIKE,
            "Ward is the best": max(means, key=means.__getitem__) == "ward",
        }
        figures += [Figure(f"{n} on {name}", answer="yes" if held[n] else "no", why=f"mean NMI: {said}") for n in held]
    figures.append(
        Figure("centroid is poor below k = 70 on fine-tuned features, then above the refinements", answer=_UNTESTED)
    )
    return figures


def _curves(results: Results) -> Drawing:
    def paint(figure: Canvas) -> None:
        for axes, name in zip(figure.subplots(1, len(SETS), sharey=True), SETS, strict=True):
            for place, method in enumerate(METHODS):
                curve, (color, marker) = _curve(results, name, method), series_style(place)
                axes.plot(list(curve), list(curve.values()), color=color, marker=marker, label=method)
            for method, line in (("refined", "--"), ("uniform", ":"), ("orthogonal", "-.")):
                curve = _curve(results, "", method)
                axes.plot(list(curve), list(curve.values()), color=MUTED, linestyle=line, label=f"reference: {method}")
            axes.set(xlabel="number of clusters", title=name, ylim=(0, 1.02))
            log_axis(axes, "x", lambda value: f"{value:,.0f}")
        figure.axes[0].set_ylabel("NMI with the categories")
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)

    caption = (
        "NMI with the categories by the number of clusters: four linkages, Density Peaks, and three reference curves."
    )
    return Drawing("nmi_by_k", caption, draw("nmi_by_k", paint, width=9, height=4.4))


STUDY = Study("NFFA: a corpus of electron micrographs", LAYOUT, prepare, compare, make, size=5000)
