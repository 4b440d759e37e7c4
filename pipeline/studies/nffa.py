"""A corpus of electron micrographs: what was found of its vectors and clusterings, put to the test."""

from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.kernels.dimension.elbows import scree_elbows
from pipeline.studies.base import Figure, Findings, Material, Prepared, Study
from pipeline.studies.curves import draw_nmi, largest_nmi, mean_nmi, nmi_by_k
from pipeline.studies.further import sub_categories, worked_example
from pipeline.studies.results import Results

LAYOUT: Final = (
    "The corpus is a folder of pictures, or has them in corpus/; its ten categories are labels/ (a folder each) or "
    "labels.csv (file, category)."
)
METHODS: Final = ("single", "complete", "centroid", "ward", "density_peaks")
BEFORE: Final = {"features": 18.0, "logits": 18.0}
"""Sets of the network as it came, with the published dimension: at most."""
AFTER: Final = {"features_tuned": 12.0, "logits_tuned": 9.0}
"""Sets of the network that has learnt the categories; about."""
SETS: Final = (*BEFORE, *AFTER)
ELBOWS: Final = [5, 12]
POOR_BELOW: Final = 70
_RISES: Final = {"features": 67.0}
_CORRELATIONS: Final = {"features": 0.32}
_ALIKE: Final = 0.05  # difference of mean NMI
_WHOLE: Final = -1  # the table's number for all rows, beside its halves and quarters
_OTHER: Final = "Lite0 for InceptionV3, whose weights can't be had here"


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
    figures += [*_dimensions(results), *_correlations(results)]
    components = sorted(
        (r["component"], r["explained_variance_ratio"]) for r in results.table("spectrum") if r["vectors"] == "features"
    )
    elbows = scree_elbows(np.array([variance for _, variance in components]))
    answer = "yes" if elbows == ELBOWS else f"no: at {', '.join(map(str, elbows)) or 'none'}"
    figures.append(Figure("scree plot of features has elbows at 5 and 12", answer=answer, why=_OTHER))
    for name in SETS:
        figures += _findings(results, name)
    figures += [*map(partial(_centroid, results), AFTER), *worked_example()]
    figures += [*largest_nmi(results, tuple(BEFORE), ("hdbscan", "spectral")), *sub_categories(results)]
    return Findings(figures, [draw_nmi(results, SETS, METHODS)])


def _dimensions(results: Results) -> list[Figure]:
    rows = [r for r in results.table("dimension") if r["fraction"] == 0.9 and r["subsample"] == _WHOLE]
    found = {row["vectors"]: row["dimension"] for row in rows}
    said = [(BEFORE, "at most"), (AFTER, "about")]
    return [
        Figure(f"2-NN dimension of {name} (90%); published: {words}", published, found[name], why=_OTHER)
        for sets, words in said
        for name, published in sets.items()
        if name in found
    ]


def _correlations(results: Results) -> list[Figure]:
    found = {row["vectors"]: row["correlation_with_labels"] for row in results.table("distances")}
    figures = []
    for name in SETS:
        before, after = found.get(name), found.get(f"{name}_code")
        if before is None or after is None or not before > 0:
            continue
        title, rise = f"distances with labels, codes of {name}: correlation", 100 * (after / before - 1)
        figures.append(Figure(title, _CORRELATIONS.get(name), after, why=_OTHER))
        figures.append(Figure(f"its rise by the autoencoder ({name})", _RISES.get(name), rise, "%", why=_OTHER))
    return figures


def _findings(results: Results, name: str) -> list[Figure]:
    means = mean_nmi(results, name, METHODS)
    if set(means) != set(METHODS):
        return [Figure(f"findings on clusterings of {name}", answer="not tested: too few labelled pictures")]
    said = ", ".join(f"{method} {value:.2f}" for method, value in means.items())
    alike = [means[method] for method in ("complete", "ward", "density_peaks")]
    held = {
        "single linkage is the worst": min(means, key=means.__getitem__) == "single",
        "complete, Ward and Density Peaks are alike": max(alike) - min(alike) <= _ALIKE,
    }
    if name in BEFORE:
        held["Ward is the best"] = max(means, key=means.__getitem__) == "ward"
    return [Figure(f"{n} on {name}", answer="yes" if held[n] else "no", why=f"mean NMI: {said}") for n in held]


def _centroid(results: Results, name: str) -> Figure:
    """Below the curve of refinements up to some number of clusters, and above it from there on."""
    title = f"centroid on {name} is poor below k = {POOR_BELOW}, then above the refinements"
    found, refined = nmi_by_k(results, name, "centroid"), nmi_by_k(results, "", "refined")
    shared = sorted(found.keys() & refined.keys())
    if not shared or shared[0] >= POOR_BELOW or shared[-1] < POOR_BELOW:
        return Figure(title, answer="not tested: too few labelled pictures")
    above = [k for k in shared if found[k] > refined[k]]
    expected = [k for k in shared if k >= POOR_BELOW]
    why = f"above at k = {', '.join(map(str, above)) or 'none'}; below at the other {len(shared) - len(above)}"
    return Figure(title, answer="yes" if above == expected else "no", why=why)


STUDY = Study("NFFA: a corpus of electron micrographs", LAYOUT, prepare, compare, make, size=5000)
