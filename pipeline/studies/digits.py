"""Handwritten digits (MNIST) in ten clusters, and CIFAR-10, which the study planned and never did."""

from pathlib import Path
from typing import Final

import numpy as np

from pipeline.errors import UsageError
from pipeline.studies.base import Findings, Material, Prepared, Study
from pipeline.studies.confusions import accuracy_rows, confusion
from pipeline.studies.results import Results
from pipeline.studies.small_pictures import Part, read_cifar, read_folders, read_idx, write_parts

LAYOUT: Final = (
    "The data are MNIST as four idx files (train-images-idx3-ubyte.gz ...) or as mnist.npz, or CIFAR-10 as binary "
    "batches (test_batch.bin) or as a folder or tar archive with a folder a class."
)
CIFAR: Final = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_SIDE: Final = 28
_SHOWN: Final = (
    ("pixels + k-means", "raw-kmeans-k10", 59.41),
    ("code of 10 + k-means", "code-kmeans-k10", 87.23),
    ("deep clustering", "packed-kmeans-k10", 93.47),
    ("contrastive codes + k-means", "contrastive-kmeans-k10", None),
    ("contrastive codes, map, Ward", "packed-ward-k10", None),
    ("contrastive codes, map, Density Peaks", "packed-density_peaks-k10", None),
)
_DEEP: Final = "published: DEC; ours: contrastive codes, UMAP to 10, k-means"
_PARTLY: Final = "one fit on all pictures, without labels; scored on the test pictures"


def prepare(material: Material) -> Prepared:
    """Test pictures first; only they are labelled, so that only they are scored."""
    parts = _parts(material.data)
    labels = write_parts(parts, material.folder, size=material.size, seed=material.seed)
    return Prepared(str(material.folder), {"digits": str(labels)})


def _parts(data: Path) -> list[Part]:
    if not data.is_dir():
        raise UsageError(f"{data} is no folder. {LAYOUT}")
    if (data / "mnist.npz").is_file():
        with np.load(data / "mnist.npz") as found:
            return [
                Part(found[f"x_{side}"], [str(label) for label in found[f"y_{side}"].tolist()], side == "test")
                for side in ("test", "train")
            ]
    pairs = [
        (_one(data, f"{side}-images-idx3-ubyte*"), _one(data, f"{side}-labels-idx1-ubyte*"), side == "t10k")
        for side in ("t10k", "train")
    ]
    found_parts = [read_idx(pictures, labels, tests=tests) for pictures, labels, tests in pairs if pictures and labels]
    batches = sorted(data.glob("*_batch*.bin"), key=lambda path: (not path.name.startswith("test"), path.name))
    found_parts += [read_cifar(path, CIFAR, tests=path.name.startswith("test")) for path in batches]
    if not found_parts:
        folders = read_folders(data, side=32)
        found_parts = [folders] if len(folders.labels) else []
    if not found_parts or not found_parts[0].tests:
        raise UsageError(f"{data} has no test pictures that this study can read. {LAYOUT}")
    return found_parts


def _one(data: Path, pattern: str) -> Path | None:
    return next(iter(sorted(data.glob(pattern))), None)


def compare(results: Results) -> Findings:
    """Accuracies on the test pictures beside the published ones, which are of MNIST."""
    digits = set(results.labels("digits").values()) <= {str(number) for number in range(10)}
    figures = []
    for title, clustering, published in _SHOWN:
        why = _DEEP if clustering == "packed-kmeans-k10" else ""
        figures += accuracy_rows(
            results,
            title,
            clustering,
            published=published if digits else None,
            labels="digits",
            why="; ".join(filter(None, (why, _PARTLY if digits else "planned by the study and never done"))),
        )
    panels = [(title, name) for title, name, _ in _SHOWN[:3] if results.clusters(name)]
    return Findings(figures, [confusion(results, panels, labels="digits")] if panels else [])


STUDY = Study("Digits: small pictures in ten clusters", LAYOUT, prepare, compare)
