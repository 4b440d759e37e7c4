"""Six 2-D sets by eight methods: the figure of what each can and cannot see, with seconds and agreement.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m benchmarks.toys --output toys.png
    python -m benchmarks.toys --rows 1000 --output toys.png --json toys.json

The sets are scikit-learn's (circles, moons, blobs of three widths, stretched blobs, blobs, and a square without
structure), each feature scaled to variance 1; k is the true number (3 for the square). Times are CPU seconds, the
search of the neighbours that a method needs included and what Numba compiles left out. The agreement is the normalised
mutual information with the true labels, noise left out (its share is printed); the square has none.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from pipeline.kernels.agreement.scores import normalized_mutual_information
from pipeline.kernels.clustering.advanced_density_peaks import advanced_density_peaks
from pipeline.kernels.clustering.density_peaks import density_peaks
from pipeline.kernels.clustering.hdbscan import hdbscan
from pipeline.kernels.clustering.linkage import LinkageMethod, cut_tree, linkage_matrix
from pipeline.kernels.clustering.spectral import spectral
from pipeline.kernels.dimension.two_nn import distinct_distances, two_nn
from pipeline.kernels.neighbours.nearest import nearest_neighbours

Rows = NDArray[np.float64]
Labels = NDArray[np.int32]

_NEIGHBOURS = 30
_ADP_NEIGHBOURS = 100
_SEED = 30
_COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#994f00", "#332288")
_NOISE_COLOUR = "#bbbbbb"


@dataclass(frozen=True, slots=True)
class Toy:
    """A set with known clusters.

    Attributes
    ----------
    name : str
    rows : float64 [N, 2]
    truth : int64 [N] or None
        None where there is nothing to find.
    k : int
        What methods are asked for.
    """

    name: str
    rows: Rows
    truth: NDArray[np.int64] | None
    k: int


def toy_sets(n_rows: int) -> list[Toy]:
    """scikit-learn's six sets, scaled to variance 1."""
    from sklearn.datasets import make_blobs, make_circles, make_moons

    circles = make_circles(n_samples=n_rows, factor=0.5, noise=0.05, random_state=_SEED)
    moons = make_moons(n_samples=n_rows, noise=0.05, random_state=_SEED)
    varied = make_blobs(n_samples=n_rows, cluster_std=[1.0, 2.5, 0.5], random_state=170)
    stretched = make_blobs(n_samples=n_rows, random_state=170)
    blobs = make_blobs(n_samples=n_rows, random_state=_SEED)
    square = np.random.default_rng(_SEED).random((n_rows, 2))
    return [
        _toy("circles", circles[0], circles[1], 2),
        _toy("moons", moons[0], moons[1], 2),
        _toy("three widths", varied[0], varied[1], 3),
        _toy("stretched", stretched[0] @ np.array([[0.6, -0.6], [-0.4, 0.8]]), stretched[1], 3),
        _toy("blobs", blobs[0], blobs[1], 3),
        _toy("no structure", square, None, 3),
    ]


def _toy(name: str, rows: Rows, truth: NDArray[np.int64] | None, k: int) -> Toy:
    return Toy(name, (rows - rows.mean(axis=0)) / rows.std(axis=0), truth, k)


def _linkage(method: LinkageMethod) -> Callable[[Rows, int], Labels]:
    return lambda rows, k: cut_tree(linkage_matrix(rows, method), k)


def _density_peaks(rows: Rows, k: int) -> Labels:
    table = nearest_neighbours(rows, _NEIGHBOURS)
    dimension = two_nn(*distinct_distances(*table)).dimension
    return density_peaks(rows, *table, n_clusters=k, dimension=dimension).labels


def _advanced_density_peaks(rows: Rows, k: int) -> Labels:
    indices, distances = nearest_neighbours(rows, min(_ADP_NEIGHBOURS, len(rows) // 4))
    dimension = two_nn(*distinct_distances(indices, distances)).dimension
    return advanced_density_peaks(indices, distances, dimension=dimension).labels


METHODS: dict[str, Callable[[Rows, int], Labels]] = {
    "single": _linkage("single"),
    "complete": _linkage("complete"),
    "centroid": _linkage("centroid"),
    "Ward": _linkage("ward"),
    "Density Peaks": _density_peaks,
    "ADP": _advanced_density_peaks,
    "HDBSCAN": lambda rows, _: hdbscan(rows).labels,
    "spectral": lambda rows, k: spectral(nearest_neighbours(rows, _NEIGHBOURS)[0], k, n_neighbors=_NEIGHBOURS).labels,
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One panel: what a method found, or why it found nothing."""

    toy: Toy
    method: str
    labels: Labels
    seconds: float
    nmi: float | None
    refused: str = ""


def run(toys: Sequence[Toy]) -> list[Shown]:
    """Cluster every set by every method."""
    found = []
    for method, cluster in METHODS.items():
        cluster(toys[0].rows[:200], 2)  # compiles
        for toy in toys:
            began = time.process_time()
            try:
                labels, refused = cluster(toy.rows, toy.k), ""
            except ValueError as error:
                labels, refused = np.full(len(toy.rows), -1, dtype=np.int32), str(error)
            seconds = time.process_time() - began
            scored = toy.truth is not None and bool((labels >= 0).any())
            nmi = normalized_mutual_information(labels, toy.truth) if scored else None
            found.append(Shown(toy, method, labels, seconds, nmi, refused))
    return found


def draw(results: Sequence[Shown], toys: Sequence[Toy]) -> Figure:
    """A row a set, a column a method; noise is gray."""
    figure = Figure(figsize=(2.1 * len(METHODS), 2.3 * len(toys) + 0.8), layout="constrained")
    axes = figure.subplots(len(toys), len(METHODS), squeeze=False)
    for place, result in enumerate(results):
        row, column = place % len(toys), place // len(toys)
        panel = axes[row, column]
        sizes = np.bincount(result.labels[result.labels >= 0], minlength=1)
        # Colours go to clusters by size, so that hundreds of small ones leave the large ones apart.
        rank = np.empty(len(sizes), dtype=np.int64)
        rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
        colours = np.array([*_COLOURS, _NOISE_COLOUR])
        codes = np.where(result.labels >= 0, rank[result.labels] % len(_COLOURS), len(_COLOURS))
        panel.scatter(*result.toy.rows.T, s=1.2, c=colours[codes], linewidths=0, rasterized=True)
        panel.set(xticks=[], yticks=[], aspect="equal", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2))
        panel.set_xlabel(_caption(result), fontsize=8)
        if row == 0:
            panel.set_title(result.method, fontsize=11)
        if column == 0:
            panel.set_ylabel(result.toy.name, fontsize=10)
    n = len(toys[0].rows)
    figure.suptitle(
        f"{len(toys)} sets of {n:,} points by {len(METHODS)} methods: clusters k, NMI with the true labels, "
        "CPU seconds of one thread (axes in standard deviations, -3.2 to 3.2; noise gray)",
        fontsize=11,
    )
    return figure


def _caption(result: Shown) -> str:
    if result.refused:
        return "refused"
    words = [f"k = {len(np.unique(result.labels[result.labels >= 0]))}"]
    if result.nmi is not None:
        words.append(f"NMI {result.nmi:.2f}")
    words.append(f"{result.seconds:.2f} s")
    noise = float((result.labels < 0).mean())
    if noise > 0:
        words.append(f"{100 * noise:.1f}% noise")
    return ", ".join(words[:3]) + (f"\n{words[3]}" if len(words) > 3 else "")


def main(arguments: Sequence[str] | None = None) -> None:
    """Cluster, draw, and print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--output", type=Path, required=True, help="PNG, SVG or PDF file")
    parser.add_argument("--json", type=Path, help="file that the numbers are written to")
    chosen = parser.parse_args(arguments)
    toys = toy_sets(chosen.rows)
    results = run(toys)
    draw(results, toys).savefig(chosen.output, dpi=130)
    rows: list[dict[str, Any]] = [
        {
            "set": result.toy.name,
            "method": result.method,
            "clusters": len(np.unique(result.labels[result.labels >= 0])),
            "nmi": None if result.nmi is None else round(result.nmi, 4),
            "seconds": round(result.seconds, 3),
            "noise": round(float((result.labels < 0).mean()), 4),
            "refused": result.refused,
        }
        for result in results
    ]
    if chosen.json:
        chosen.json.write_text(json.dumps({"machine": describe_machine(), "results": rows}, indent=1) + "\n")
    for row in rows:
        print(f"{row['set']:13} {row['method']:14} k {row['clusters']:3} NMI {row['nmi']} {row['seconds']} s")


if __name__ == "__main__":
    main()
