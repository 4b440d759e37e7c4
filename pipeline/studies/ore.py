"""Spectra of crushed ore: what is left of size, plant and month when spectra are reduced to a few values."""

from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from pipeline.demo.spectra import mineral_spectra, mixed_spectra
from pipeline.errors import UsageError
from pipeline.kernels.dimension.principal_components import fit_pca
from pipeline.reporting.figure_style import draw, series_style
from pipeline.studies.base import Drawing, Figure, Findings, Material, Prepared, Study, rows_of, write_labels
from pipeline.studies.classifying import draw_kinds, neighbour_accuracy
from pipeline.studies.results import Results

LAYOUT: Final = (
    "The ore is .h5 containers, each with one hyperspectral image, [rows, columns, bands], and the attributes size, "
    "plant and month; or one .mat cube with the spectra Y or V [bands, n] and abundances A [materials, n]."
)
LABELS: Final = ("size", "plant", "month")
# Accuracy for size, plant and month, on 62,589 test spectra.
PUBLISHED: Final = {"PCA": (0.86, 0.41, 0.11), "4 bands": (0.95, 0.57, 0.24), "16 bands": (0.97, 0.65, 0.33)}
SETS: Final = {"PCA": "spectra", "4 bands": "bands4", "16 bands": "bands16", "nothing reduced": "spectra"}
_BANDS: Final = 128
_OTHER: Final = "on a material cube, without these labels"


def make(folder: Path, size: int, seed: int) -> None:
    """Write 72 containers of the study's layout with ``size`` spectra in all: mixtures of five made-up minerals."""
    import h5py

    generator = np.random.default_rng(seed)
    minerals = mineral_spectra(generator, 5, _BANDS)
    plants, drift = generator.dirichlet(np.full(5, 4), 3), generator.normal(0, 0.02, (12, 5)).cumsum(axis=0)
    side = max(2, round((size / 72) ** 0.5))
    for grain, coarse in (("M100", 0), ("P100", 1)):
        for plant in range(3):
            for month in range(12):
                mean = np.clip(plants[plant] + drift[month], 0.02, None)
                found = mixed_spectra(generator, minerals, mean, side * side, shade=0.08 + 0.06 * coarse)
                found += coarse * 0.05 * np.linspace(-1, 1, _BANDS, dtype=np.float32)
                with h5py.File(folder / f"{grain}_{plant + 1}_{month + 1:02}.h5", "w") as file:
                    file["image"] = found.reshape(side, side, _BANDS)
                    file.attrs.update({"size": grain, "plant": f"plant {plant + 1}", "month": f"{month + 1:02}"})


def prepare(material: Material) -> Prepared:
    """All spectra in one container, each band scaled to 0 to 1, with their labels."""
    cubes = sorted(material.data.glob("*.mat")) if material.data.is_dir() else []
    spectra, labels = _read_cube(cubes[0]) if cubes else _read_containers(material)
    if material.size and material.size < len(spectra):
        chosen = np.sort(np.random.default_rng(material.seed).choice(len(spectra), material.size, replace=False))
        spectra, labels = spectra[chosen], {name: values[chosen] for name, values in labels.items()}
    low, high = spectra.min(axis=0), spectra.max(axis=0)
    scaled = ((spectra - low) / np.where(high > low, high - low, 1)).astype(np.float32)
    np.savez(material.folder / "spectra.npz", spectra=scaled)
    return Prepared(str(material.folder), write_labels(material, rows_of("spectra.npz", len(spectra)), labels))


def _read_containers(material: Material) -> tuple[NDArray[np.generic], dict[str, NDArray[np.generic]]]:
    import h5py

    spectra: list[NDArray[np.generic]] = []
    labels: dict[str, list[str]] = {name: [] for name in LABELS}
    for path in material.find("*.h5", LAYOUT):
        with h5py.File(path) as file:
            images = [file[name] for name in file if getattr(file[name], "ndim", 0) == 3]
            if len(images) != 1 or (missing := [name for name in LABELS if name not in file.attrs]):
                raise UsageError(f"{path} has {len(images)} images and lacks {missing or 'nothing'}. {LAYOUT}")
            found = np.asarray(images[0], np.float64)
            spectra.append(found.reshape(-1, found.shape[2]))
            for name in LABELS:
                labels[name] += [str(file.attrs[name])] * len(spectra[-1])
    return np.concatenate(spectra), {name: np.array(values) for name, values in labels.items()}


def _read_cube(path: Path) -> tuple[NDArray[np.generic], dict[str, NDArray[np.generic]]]:
    from scipy.io import loadmat

    found = loadmat(str(path))
    spectra = next((found[name] for name in ("Y", "V") if name in found), None)
    if spectra is None or "A" not in found:
        raise UsageError(f"{path} has {', '.join(name for name in sorted(found) if name[0] != '_')}. {LAYOUT}")
    return spectra.T.astype(np.float64), {"material": np.array([f"{place}" for place in found["A"].argmax(axis=0)])}


def compare(results: Results) -> Findings:
    """Accuracy of 15 nearest neighbours on the reduced spectra, half of them held out."""
    names = [name for name in (*LABELS, "material") if results.labels(name)]
    figures = []
    for title, vectors in SETS.items():
        for name in names:
            published = PUBLISHED[title][LABELS.index(name)] if title in PUBLISHED and name in LABELS else None
            why = "made-up spectra; half of each container held out" if name in LABELS else _OTHER
            figures.append(
                Figure(f"{title}: accuracy for {name}", published, _accuracy(results, vectors, name, title), why=why)
            )
    return Findings(figures, [_elbow(results), _maps(results, names)])


def _accuracy(results: Results, vectors: str, name: str, title: str) -> float:
    _, values, labels = results.labelled(vectors, name)
    if title == "PCA":
        values = fit_pca(values, 4).transform(values).astype(np.float32)
    return neighbour_accuracy(values, labels, np.random.default_rng(0).random(len(values)) < 0.5)


def _elbow(results: Results) -> Drawing:
    def paint(figure: Canvas) -> None:
        axes = figure.add_subplot(title="k-means: what is left within clusters")
        for place, vectors in enumerate(("spectra", "bands4")):
            _, values = results.vectors(vectors)
            whole = float(((values - values.mean(axis=0)) ** 2).sum())
            found = results.inertia(f"{vectors}-kmeans")
            color, marker = series_style(place)
            left = [1.0, *(found[k] / whole for k in sorted(found))]
            axes.plot([1, *sorted(found)], left, color=color, marker=marker, label=vectors)
        axes.set_xlabel("number of clusters")
        axes.set_ylabel("share of the squared distances")
        axes.set_ylim(0, 1.03)
        axes.legend()

    return Drawing(
        "elbow", "Elbow of k-means: squared distances within k clusters, as a share of all.", draw("elbow", paint)
    )


def _maps(results: Results, names: list[str]) -> Drawing:
    rows, places = results.vectors("drawn")

    def paint(figure: Canvas) -> None:
        for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            of_image = results.labels(name)
            kinds = np.array([of_image.get(row, "") for row in rows.tolist()])
            draw_kinds(axes, places, kinds)
            axes.set_title(f"t-SNE of 4 bands, by {name}")
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=4, markerscale=2)

    return Drawing(
        "by_category",
        "The spectra in a t-SNE map of their codes, by category.",
        draw("by_category", paint, width=4.4 * len(names), height=5.4),
    )


STUDY = Study("Ore: spectra reduced to a few values", LAYOUT, prepare, compare, make, size=14_400)
