"""Traffic signs (GTSRB, 43 unbalanced classes) in clusters, without labels."""

from typing import Final

import numpy as np

from pipeline.errors import UsageError
from pipeline.reporting.figure_style import PALETTE, draw
from pipeline.studies.base import Drawing, Figure, Findings, Material, Prepared, Study
from pipeline.studies.confusions import accuracy_rows, confusion
from pipeline.studies.results import Results
from pipeline.studies.small_pictures import read_folders, write_parts

LAYOUT: Final = (
    "The data are GTSRB: pictures in a folder a class (Final_Training/Images/00000/00000_00000.ppm with its "
    "GT-00000.csv, or train/00/00000.jpg), in a folder or a tar archive."
)
CLASSES: Final = 43
_SIDE: Final = 32
_SHOWN: Final = (
    ("pixels + k-means", "raw-kmeans-k43", 18.08),
    ("ImageNet features + k-means", "lite0-kmeans-k43", 18.34),
    ("ImageNet features, map, k-means", "packed-kmeans-k43", None),
    ("oriented gradients + k-means", "gradients-kmeans-k43", None),
    ("oriented gradients, map, k-means", "edges-kmeans-k43", None),
    ("oriented gradients, map, Ward", "edges-ward-k43", None),
    ("PCA to 95% + Ward", "raw-ward-k43", None),
    ("autoencoder 1024-64-1024 + k-means", "simple-kmeans-k43", None),
    ("multilayer autoencoder + k-means", "multilayer-kmeans-k43", None),
    ("L1-regularised autoencoder + k-means", "sparse-kmeans-k43", None),
    ("convolutional autoencoder + k-means", "convolutional-kmeans-k43", None),
    ("k-medoids (to 16,000: all distances)", "edges-k_medoids-k43", None),
    ("fuzzy c-means", "edges-fuzzy_c_means-k43", None),
    ("Gaussian mixture", "edges-gaussian_mixture-k43", None),
    ("spectral, on gradients", "gradients-spectral-k43", None),
    ("DBSCAN (its own number)", "edges-dbscan", None),
)
_LINKAGES: Final = ("single", "complete", "centroid", "ward")
_GOAL: Final = 3 * 18.08
_OTHER: Final = "published: ResNet50; ours: EfficientNet-Lite0, gray pictures"


def prepare(material: Material) -> Prepared:
    """Gray squares of all signs, training and test alike: nothing is learnt from labels."""
    if not material.data.is_dir():
        raise UsageError(f"{material.data} is no folder. {LAYOUT}")
    part = read_folders(material.data, side=_SIDE)
    if not len(part.labels):
        raise UsageError(f"{material.data} has no pictures in folders of classes. {LAYOUT}")
    labels = write_parts([part], material.folder, size=material.size, seed=material.seed)
    return Prepared(str(material.folder), {"signs": str(labels)})


def compare(results: Results) -> Findings:
    """Accuracies beside the published ones, the goal, the linkages' number of clusters, and imbalance."""
    figures: list[Figure] = []
    for title, clustering, published in _SHOWN:
        why = _OTHER if clustering == "lite0-kmeans-k43" else ""
        figures += accuracy_rows(results, title, clustering, published=published, labels="signs", why=why)
    for linkage in _LINKAGES:
        figures += _by_silhouette(results, linkage)
    ours = [(figure.ours or 0.0, figure.name) for figure in figures]
    if ours:
        best, name = max(ours)
        answer = "yes" if best >= _GOAL else "no"
        figures.append(
            Figure("three times the published accuracy, without labels", _GOAL, best, "%", answer, why=f"by {name}")
        )
    panels = [(title, name) for title, name, _ in (_SHOWN[0], _SHOWN[4]) if results.clusters(name)]
    drawings = [confusion(results, panels, labels="signs")] if panels else []
    return Findings(figures, [*drawings, *_by_size(results, "edges-kmeans-k43")])


def _by_silhouette(results: Results, linkage: str) -> list[Figure]:
    """As the study chose it: of some k, that of the largest silhouette."""
    scores = {
        str(row["clustering"]): float(row["silhouette"])
        for row in results.table("quality")
        if str(row["clustering"]).startswith(f"raw-{linkage}-k")
    }
    usual = {name: score for name, score in scores.items() if np.isfinite(score)}
    if not usual:
        return []
    chosen = max(usual, key=lambda name: (usual[name], name))
    why = f"k = {chosen.rsplit('k', 1)[1]}"
    title = f"PCA to 95% + {linkage} linkage, k by silhouette"
    return accuracy_rows(results, title, chosen, published=None, labels="signs", why=why)


def _by_size(results: Results, clustering: str) -> list[Drawing]:
    """How many of a class are found, by how many pictures it has: what imbalance costs."""
    of_image, clusters = results.labels("signs"), results.clusters(clustering)
    rows = sorted(set(of_image) & set(clusters))
    if not rows:
        return []
    labels = np.array([of_image[row] for row in rows])
    found = np.array([clusters[row] for row in rows])
    names, counts = np.unique(labels, return_counts=True)
    said = {cluster: names[_counts(labels, names, found == cluster).argmax()] for cluster in np.unique(found)}
    right = np.array([said[cluster] for cluster in found]) == labels
    shares = [100 * right[labels == name].mean() for name in names]

    def paint(figure: object) -> None:
        axes = figure.add_subplot(title="Signs in a cluster of their kind, by class")  # type: ignore[attr-defined]
        axes.scatter(counts, shares, s=22, color=PALETTE[0])
        axes.set_xlabel("pictures of the class")
        axes.set_ylabel("in a cluster where it is the most frequent (%)")
        axes.set_ylim(-3, 103)

    caption = f"Each of {len(names)} classes: how many pictures it has, and how many of them are found ({clustering})."
    return [Drawing("classes", caption, draw("classes", paint, width=5.2))]


def _counts(labels: np.ndarray, names: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.array([(labels[chosen] == name).sum() for name in names])


STUDY = Study("Signs: traffic signs in clusters", LAYOUT, prepare, compare)
