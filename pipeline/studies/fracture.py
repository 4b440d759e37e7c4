"""Crops of micrographs of a tungsten heavy alloy: compositions found among crops, and across micrographs."""

from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from pipeline.demo.detector import detect
from pipeline.demo.grains import draw_grains
from pipeline.kernels.agreement.scores import agreement_scores
from pipeline.kernels.dimension.principal_components import fit_pca
from pipeline.models.textures import WIDTHS
from pipeline.reporting.figure_style import draw, series_style
from pipeline.studies.activations import activations
from pipeline.studies.base import Drawing, Figure, Findings, Material, Prepared, Study, write_labels
from pipeline.studies.classifying import apart_accuracy, dealt_accuracy
from pipeline.studies.results import Results

LAYOUT: Final = "The crops are pictures COMPOSITION/PARENT_NUMBER.png (or .jpg, .tif), two parents a composition."
COMPOSITIONS: Final = (90, 92, 95, 97, 99)
EIGENVALUES: Final = (41.6, 16.5, 8.7)
_SIDE, _NEIGHBOURS, _TEST_SHARE = 448, 15, 54 / 729
_APART: Final = "no crop of a test micrograph was trained on; crops of one on both sides flatter the rows above"
_APART_ON: Final = {"the map of features": "drawn", "the map of textures": "drawn_textures", "features": "pooled"}
_TEXTURES: Final = "made-up micrographs, where the binder is a texture"
_PATTERNS: Final = f"patterns and scattering beside Haralick's values; {_TEXTURES}"
_MADE: Final = "made-up micrographs, Lite0 for VGG16, whose weights can't be had here"
_DEALT_ON: Final = (("features", "drawn", 93.0, _MADE), ("textures", "drawn_textures", None, _PATTERNS))


def make(folder: Path, size: int, seed: int) -> None:
    """Draw two micrographs a composition, with ever less binder, and cut ``size`` crops of 448 px in all."""
    import cv2

    crops = max(1, round(size / (2 * len(COMPOSITIONS))))
    columns = int(np.ceil(crops**0.5))
    side = columns * _SIDE
    for composition in COMPOSITIONS:
        (folder / f"{composition}W").mkdir()
        for parent in (1, 2):
            generator = np.random.default_rng([seed, composition, parent])
            grain = 11 * (1 + 0.02 * (composition - 95)) * generator.uniform(0.88, 1.12)
            binder = grain * (0.025 + 0.015 * (100 - composition))
            small = draw_grains(generator, (side // 4, side // 4), grain_px=grain, binder_px=binder)
            picture = detect(generator, np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)))
            for number in range(crops):
                top, left = (_SIDE * place for place in divmod(number, columns))
                name = folder / f"{composition}W" / f"A{composition}{parent}_{number:03}.png"
                cv2.imwrite(str(name), picture[top : top + _SIDE, left : left + _SIDE])


def prepare(material: Material) -> Prepared:
    """The pictures where they are, with composition and parent by their folder and name."""
    found = [p for kind in ("png", "jpg", "tif") for p in sorted(material.data.glob(f"*/*_*.{kind}"))]
    found = found or material.find("*/*_*.png", LAYOUT)
    names = [str(path.relative_to(material.data)) for path in found]
    labels = {
        "composition": [path.parent.name for path in found],
        "parent": [path.stem.rpartition("_")[0] for path in found],
    }
    return Prepared(str(material.data), write_labels(material, names, labels))


def compare(results: Results) -> Findings:
    """Components, clusters and neighbours on the map; then the same with each parent on one side only."""
    rows, values, truth = results.labelled("pooled", "composition")
    parents = np.array([results.labels("parent")[row] for row in rows.tolist()])
    shares = 100 * fit_pca(values).explained_variance_ratio
    figures = [
        Figure(f"component {n + 1}: variance explained", published, float(shares[n]), "%", why=_MADE)
        for n, published in enumerate(EIGENVALUES)
    ]
    clustering = results.score("drawn-kmeans-k5", "accuracy", labels="composition")
    figures.append(Figure("k-means on the t-SNE map: majority accuracy", 81.2, 100 * (clustering or 0), "%", why=_MADE))
    parent, share = _worst(results, parents, rows, truth)
    figures.append(Figure("k-means without the worst parent", 91.0, share, "%", why=f"{_MADE}; here {parent}"))
    for title, name, published, why in _DEALT_ON:
        _, places, kinds = results.labelled(name, "composition")
        dealt = 100 * dealt_accuracy(places, kinds, share=_TEST_SHARE)
        figures.append(Figure(f"15-NN on the map of {title}, crops dealt at random", published, dealt, "%", why=why))
    for title, name in _APART_ON.items():
        _, points, kinds = results.labelled(name, "composition")
        apart = 100 * apart_accuracy(points, kinds, parents)
        figures.append(Figure(f"15-NN on {title}, parents kept apart", None, apart, "%", why=_APART))
    _, described, kinds = results.labelled("textures", "composition")
    haralick = described[:, WIDTHS[0] : WIDTHS[0] + WIDTHS[1]]
    dealt = 100 * dealt_accuracy(haralick, kinds, share=_TEST_SHARE)
    figures.append(Figure("15-NN on Haralick's values alone, crops dealt at random", 21.0, dealt, "%", why=_TEXTURES))
    apart = 100 * apart_accuracy(haralick, kinds, parents)
    figures.append(Figure("15-NN on Haralick's values alone, parents kept apart", None, apart, "%", why=_APART))
    return Findings(figures, [_colour_map(results), _scree(shares), activations(results, rows, truth, "pooled")])


def _worst(
    results: Results, parents: NDArray[np.generic], rows: NDArray[np.generic], truth: NDArray[np.generic]
) -> tuple[str, float]:
    """The parent without which the clusters agree best with the compositions, and how well they then do, in percent."""
    of_image = results.clusters("drawn-kmeans-k5")
    labels = np.array([of_image[row] for row in rows.tolist()])
    shares = {
        p: agreement_scores(truth[parents != p], labels[parents != p]).majority_accuracy for p in np.unique(parents)
    }
    best = max(shares, key=lambda parent: shares[parent])
    return str(best), 100 * shares[best]


def _colour_map(results: Results) -> Drawing:
    from sklearn.neighbors import KNeighborsClassifier

    rows, places, kinds = results.labelled("drawn", "composition")
    names, parents = np.unique(kinds), results.labels("parent")
    low, high = places.min(axis=0) - 3, places.max(axis=0) + 3
    grid = np.stack(np.meshgrid(*np.linspace(low, high, 160).T), -1)
    model = KNeighborsClassifier(min(_NEIGHBOURS, len(kinds))).fit(places, np.searchsorted(names, kinds))
    field = model.predict(grid.reshape(-1, 2)).reshape(160, 160)
    first = {min(parents[row] for row, one in zip(rows.tolist(), kinds, strict=True) if one == kind) for kind in names}
    second = np.array([2 - (parents[row] in first) for row in rows.tolist()])

    def paint(figure: Canvas) -> None:
        axes = figure.add_subplot(title="15 nearest neighbours on the map")
        colors = [series_style(place)[0] for place in range(len(names))]
        axes.contourf(grid[..., 0], grid[..., 1], field, np.arange(-0.5, len(names)), colors=colors, alpha=0.22)
        for parent, marker, size in ((1, "o", 14), (2, "^", 18)):
            for place, name in enumerate(names):
                x, y = places[(kinds == name) & (second == parent)].T
                axes.scatter(
                    x, y, s=size, c=colors[place], marker=marker, linewidths=0, label=f"{name}, parent {parent}"
                )
        axes.set(xticks=[], yticks=[])
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

    caption = "Crops in the t-SNE map, a colour a composition, a marker a parent; the ground is what 15 neighbours say."
    return Drawing("colour_map", caption, draw("colour_map", paint, width=7.4, height=5))


def _scree(shares: NDArray[np.float64]) -> Drawing:
    def paint(figure: Canvas) -> None:
        axes = figure.add_subplot(title="Components of the pooled features")
        axes.plot(np.arange(1, 51)[: len(shares)], shares[:50], marker="o", label="ours")
        axes.plot((1, 2, 3), EIGENVALUES, "s", label="published (VGG16)")
        axes.set(xlabel="component", ylabel="variance explained in %")
        axes.legend()

    return Drawing("components", "Variance that each of the first 50 components explains.", draw("components", paint))


STUDY = Study("Fracture: a tungsten heavy alloy by composition", LAYOUT, prepare, compare, make, size=810)
