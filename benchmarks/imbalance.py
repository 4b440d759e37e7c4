"""Clusters of unbalanced classes: as they are, under-sampled, over-sampled, and over-sampled by changed pictures.

    OMP_NUM_THREADS=1 python -m benchmarks.imbalance ../shared/data/gtsrb --size 8000

The features are oriented gradients, 64 components of them, a UMAP of ten coordinates, k-means with as many clusters as
there are classes. To sample by class needs the labels: this says what imbalance costs, it is no way to do without them.
All four are scored on the same pictures: those as they are, each put to the nearest centre on the map that was made of
the sample. A changed picture is turned by up to 8 degrees, moved by up to 2 pixels and stretched by up to a tenth.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from pipeline.kernels.agreement.scores import agreement_scores
from pipeline.kernels.clustering.blockwise_kmeans import k_means
from pipeline.kernels.clustering.lloyd import ArrayReader
from pipeline.kernels.dimension.placement import place
from pipeline.kernels.dimension.principal_components import fit_pca
from pipeline.kernels.neighbours import nearest_neighbours
from pipeline.kernels.oriented_gradients import oriented_gradients
from pipeline.map_methods import umap
from pipeline.map_methods.base import MapPoints
from pipeline.studies.confusions import macro_f1
from pipeline.studies.small_pictures import Gray, read_folders

Chosen = tuple[NDArray[np.int64], Gray]
_SIDE, _CELLS, _COMPONENTS = 32, 8, 64


def as_they_are(pictures: Gray, kinds: NDArray[np.int64], _: np.random.Generator) -> Chosen:
    """All pictures."""
    return np.arange(len(kinds)), pictures


def under_sampled(pictures: Gray, kinds: NDArray[np.int64], generator: np.random.Generator) -> Chosen:
    """As many of each class as the smallest has."""
    fewest = int(np.bincount(kinds).min())
    rows = np.concatenate([generator.permutation(np.flatnonzero(kinds == kind))[:fewest] for kind in np.unique(kinds)])
    return rows, pictures[rows]


def over_sampled(pictures: Gray, kinds: NDArray[np.int64], generator: np.random.Generator) -> Chosen:
    """Each picture once, and of classes under the mean size some again, until they have it."""
    mean = round(len(kinds) / len(np.unique(kinds)))
    again = [
        generator.choice(np.flatnonzero(kinds == kind), max(0, mean - int((kinds == kind).sum())))
        for kind in np.unique(kinds)
    ]
    rows = np.concatenate([np.arange(len(kinds)), *again])
    return rows, pictures[rows]


def augmented(pictures: Gray, kinds: NDArray[np.int64], generator: np.random.Generator) -> Chosen:
    """The same, but what comes again is changed."""
    rows, found = over_sampled(pictures, kinds, generator)
    found = found.copy()
    for number in range(len(kinds), len(rows)):
        found[number] = _changed(found[number], generator)
    return rows, found


SAMPLES: dict[str, Callable[[Gray, NDArray[np.int64], np.random.Generator], Chosen]] = {
    "as they are": as_they_are,
    "under-sampled": under_sampled,
    "over-sampled": over_sampled,
    "over-sampled, changed": augmented,
}


def _changed(picture: Gray, generator: np.random.Generator) -> Any:
    middle = (_SIDE - 1) / 2
    turned = cv2.getRotationMatrix2D((middle, middle), generator.uniform(-8, 8), generator.uniform(0.9, 1.1))
    moved = np.array([[0, 0, 1], [0, 0, 1]]) * generator.uniform(-2, 2, (2, 1))
    matrix = np.asarray(turned, np.float64) + moved
    return cv2.warpAffine(picture, matrix, (_SIDE, _SIDE), borderMode=cv2.BORDER_REFLECT)


def measure(name: str, pictures: Gray, kinds: NDArray[np.int64]) -> dict[str, Any]:
    """Clusters of one sample, scored on all pictures."""
    began = time.process_time()
    rows, sample = SAMPLES[name](pictures, kinds, np.random.default_rng(0))
    found = np.array([oriented_gradients(picture, _CELLS) for picture in sample])
    components = fit_pca(found, min(_COMPONENTS, len(found) - 1))
    codes = components.transform(found).astype(np.float32)
    settings = umap.UMAPSettings(components=10, min_dist=0.0)
    neighbours = nearest_neighbours(codes, settings.neighbours_needed(len(codes)))
    coordinates = umap.lay_out(MapPoints(codes, *neighbours, 0), settings)
    [clusters] = k_means(ArrayReader(coordinates), len(coordinates), [len(np.unique(kinds))], seed=0)
    placed = coordinates if name == "as they are" else place(_codes(pictures, components), codes, coordinates)
    centers = clusters.centers.astype(np.float32)
    labels = ((placed[:, None] - centers[None]) ** 2).sum(axis=2).argmin(axis=1).astype(np.int64)
    scores = agreement_scores(kinds, labels)
    return {
        "sample": name,
        "pictures": len(rows),
        "majority": 100 * scores.majority_accuracy,
        "macro_f1": macro_f1(kinds.astype(np.str_), labels),
        "nmi": scores.nmi,
        "ari": scores.ari,
        "cpu_seconds": time.process_time() - began,
    }


def _codes(pictures: Gray, components: Any) -> NDArray[np.float32]:
    found = np.array([oriented_gradients(picture, _CELLS) for picture in pictures])
    return np.asarray(components.transform(found), np.float32)


def table(results: Sequence[dict[str, Any]]) -> str:
    """A line a sample."""
    lines = ["| sample | pictures | majority % | macro F1 | NMI | ARI | CPU s |", "|" + "---|" * 7]
    lines += [
        f"| {r['sample']} | {r['pictures']:,} | {r['majority']:.1f} | {r['macro_f1']:.3f} | {r['nmi']:.3f} | "
        f"{r['ari']:.3f} | {r['cpu_seconds']:.0f} |"
        for r in results
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("signs", type=Path, help="GTSRB: pictures in a folder a class, or archives of such")
    parser.add_argument("--size", type=int, default=8000, help="so many pictures, chosen at random")
    parser.add_argument("--samples", nargs="+", choices=SAMPLES, default=list(SAMPLES))
    chosen = parser.parse_args(arguments)
    part = read_folders(chosen.signs, side=_SIDE)
    rows = np.sort(np.random.default_rng(0).permutation(len(part.labels))[: chosen.size])
    kinds = np.unique(np.array(part.labels)[rows], return_inverse=True)[1].astype(np.int64)
    results = [measure(name, part.pictures[rows], kinds) for name in chosen.samples]
    print(json.dumps(describe_machine()))
    print(table(results))


if __name__ == "__main__":
    main()
