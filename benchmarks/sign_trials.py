"""What makes clusters of traffic signs better or worse: pixels, colours, how many, and how edges are described.

    OMP_NUM_THREADS=1 python -m benchmarks.sign_trials ../shared/data/gtsrb/gtsrb32.tar.xz --json trials.json

Every trial is k-means with 43 clusters and the best of its starts, scored by each cluster's most frequent class. Trials
of pixels cluster these as they are; trials of edges cluster 64 components, and a UMAP of ten coordinates of them. What
the JSON file has is not measured again.
"""

import argparse
import io
import json
import tarfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.machine import describe_machine
from pipeline.kernels.agreement.scores import agreement_scores
from pipeline.kernels.clustering.blockwise_kmeans import k_means
from pipeline.kernels.clustering.lloyd import ArrayReader
from pipeline.kernels.dimension.principal_components import fit_pca
from pipeline.kernels.neighbours import nearest_neighbours
from pipeline.kernels.oriented_gradients import oriented_gradients
from pipeline.map_methods import umap
from pipeline.map_methods.base import MapPoints

Colours = NDArray[np.uint8]
Rows = NDArray[np.float32]
CLUSTERS: Final = 43
_CELLS, _COMPONENTS, _EDGES = 8, 64, 8000


def read_signs(archive: Path) -> tuple[Colours, NDArray[np.int64]]:
    """Signs, uint8 [n, 32, 32, 3], and their classes, int64 [n], in a random order that is always the same."""
    found: list[tuple[str, Colours]] = []
    with tarfile.open(archive) as members:
        for member in members:
            if member.name.endswith((".jpg", ".png", ".ppm")):
                content = members.extractfile(member)
                assert content is not None
                with Image.open(io.BytesIO(content.read())) as picture:
                    found.append((Path(member.name).parent.name, np.asarray(picture.convert("RGB").resize((32, 32)))))
    order = np.random.default_rng(0).permutation(len(found))
    kinds = np.unique([name for name, _ in found], return_inverse=True)[1].astype(np.int64)
    return np.stack([picture for _, picture in found])[order], kinds[order]


def gray(colours: Colours) -> NDArray[np.uint8]:
    """By luminance."""
    return np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in colours])


def pixels(colours: Colours) -> Rows:
    """Gray values from 0 to 1."""
    return _from_0_to_1(gray(colours))


def colour_pixels(colours: Colours) -> Rows:
    """Red, green and blue from 0 to 1."""
    return _from_0_to_1(colours)


def even_pixels(colours: Colours) -> Rows:
    """Gray values of mean 0 and deviation 1 within each sign: neither brightness nor contrast is seen."""
    rows = pixels(colours)
    return np.asarray((rows - rows.mean(axis=1, keepdims=True)) / (rows.std(axis=1, keepdims=True) + 0.02), np.float32)


def _from_0_to_1(pictures: NDArray[np.uint8]) -> Rows:
    return np.asarray(pictures.reshape(len(pictures), -1) / np.float32(255), np.float32)


def edges(directions: int) -> Callable[[Colours], Rows]:
    """Our oriented gradients of so many directions."""
    return lambda colours: np.array([oriented_gradients(one, _CELLS, directions=directions) for one in gray(colours)])


TRIALS: Final[dict[str, tuple[Callable[[Colours], Rows], int, bool]]] = {
    "gray pixels": (pixels, 5000, False),
    "colour pixels": (colour_pixels, 5000, False),
    "gray pixels, each sign of mean 0 and deviation 1": (even_pixels, 5000, False),
    "gray pixels, 16 x 16": (lambda colours: pixels(colours[:, ::2, ::2]), 5000, False),
    "gradients, 8 directions": (edges(8), _EDGES, True),
    "gradients, 9 directions": (edges(9), _EDGES, True),
    "gradients, 12 directions": (edges(12), _EDGES, True),
    "gray pixels, all signs": (pixels, 60_000, False),
    "colour pixels, all signs": (colour_pixels, 60_000, False),
}


def measure(name: str, signs: Colours, kinds: NDArray[np.int64]) -> dict[str, Any]:
    """One trial: its scores, and those on a map where it has one."""
    describe, size, mapped = TRIALS[name]
    began = time.process_time()
    rows, truth = describe(signs[:size]), kinds[:size]
    rows = fit_pca(rows, _COMPONENTS).transform(rows).astype(np.float32) if mapped else rows
    found = {"trial": name, "signs": len(rows), **_scores(rows, truth, "")}
    found |= _scores(_mapped(rows), truth, "_mapped") if mapped else {}
    return found | {"cpu_seconds": time.process_time() - began}


def _mapped(rows: Rows) -> Rows:
    settings = umap.UMAPSettings(components=10, min_dist=0.0)
    return umap.lay_out(MapPoints(rows, *nearest_neighbours(rows, settings.neighbours_needed(len(rows))), 0), settings)


def _scores(rows: Rows, truth: NDArray[np.int64], after: str) -> dict[str, float]:
    [clusters] = k_means(ArrayReader(rows), len(rows), [CLUSTERS], seed=0)
    scores = agreement_scores(truth, clusters.labels)
    return {f"majority{after}": 100 * scores.majority_accuracy, f"nmi{after}": scores.nmi}


def table(results: Sequence[dict[str, Any]]) -> str:
    """A line a trial."""
    lines = ["| vectors | signs | k-means, % | NMI | after UMAP to 10, % | NMI | CPU s |", "|" + "---|" * 7]
    for r in results:
        after = f"{r['majority_mapped']:.1f} | {r['nmi_mapped']:.3f}" if "nmi_mapped" in r else " | "
        start = f"| {r['trial']} | {r['signs']:,} | {r['majority']:.1f} | {r['nmi']:.3f}"
        lines.append(f"{start} | {after} | {r['cpu_seconds']:.0f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is not measured yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path, help="GTSRB: a tar archive with a folder a class")
    parser.add_argument("--trials", nargs="+", choices=TRIALS, default=list(TRIALS))
    parser.add_argument("--json", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    signs, kinds = read_signs(chosen.archive)
    results = json.loads(chosen.json.read_text())["results"] if chosen.json.exists() else []
    for name in chosen.trials:
        if name not in {row["trial"] for row in results}:
            results.append(measure(name, signs, kinds))
            chosen.json.write_text(json.dumps({"machine": describe_machine(), "results": results}, indent=1) + "\n")
            print(results[-1], flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
