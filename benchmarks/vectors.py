"""How well vectors tell labelled pictures apart: NMI of k-means and Ward, and five nearest neighbours, by set.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m benchmarks.vectors --shared ../shared --output table.json

Every set goes through the job itself, from files to vectors. NMI is normalised by the geometric mean, at k = number of
classes; k-means is the best of its starts. A picture's class by its neighbours is that of most of the five nearest
others, the nearer of equally many. ``centre`` is the default network on the centre square of pictures, the stored ones
being cropped in place of stretched.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.labelled_sets import SETS, SMALL_PICTURES
from benchmarks.machine import describe_machine
from pipeline.config import Recipe, load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.estimators import Agglomerative
from pipeline.index.rows import read_rows
from pipeline.index.store import open_index
from pipeline.job import open_runner, run_stages
from pipeline.kernels.agreement import normalized_mutual_information
from pipeline.kernels.clustering.blockwise_kmeans import k_means
from pipeline.kernels.clustering.lloyd import ArrayReader
from pipeline.kernels.neighbours import nearest_neighbours
from pipeline.progress import Silent
from pipeline.stages.labels.sets import label_sets
from pipeline.stages.vectors.sets import vector_sets

NETWORKS = {
    "cae": 'network = "cae"',
    "textures": 'network = "textures"',
    "whole": 'network = "timm"',
    "square": 'network = "timm"\nviews = "square"',
    "zoom": 'network = "timm"\nviews = "zoom"',
}
CENTRE = {"centre": 'network = "timm"\nviews = "square"'}
STAGES = ("walk", "pair", "labels", "scale", "pixels", "embed")


def recipe_for(name: str, place: Path, networks: dict[str, str], fit: str) -> Recipe:
    """The default recipe with these networks and the set's labels."""
    small = name in SMALL_PICTURES
    lines = [f'[labels.sets]\nclasses = "{place}"', f"[scale]\nenabled = {str(not small).lower()}"]
    lines += [f'[pixels]\nsize = {32 if small else 320}\nfit = "{fit}"']
    lines += ["[pair]\nsame_picture = false"] if small else []
    lines += [f'[[embed]]\nname = "{network}"\n{settings}' for network, settings in networks.items()]
    return load_recipe("benchmark", builtin={"benchmark": "autoencode = []\n" + "\n".join(lines)})


def run(name: str, place: Path, index: Path, networks: dict[str, str], fit: str, stages: tuple[str, ...]) -> None:
    """Bring some stages of a set's index up to date."""
    recipe = recipe_for(name, place, networks, fit)
    with open_runner(
        Corpus(str(place), recipe.corpus), index, recipe, engines=EngineChoice.parse("local"), listener=Silent()
    ) as runner:
        run_stages(runner, stages)


def vectors_of(name: str, place: Path, index: Path, networks: dict[str, str], fit: str) -> dict[str, Any]:
    """Vectors and labels of the labelled pictures, by network; raw pixels too."""
    run(name, place, index, networks, fit, STAGES)
    return vectors_in(name, place, index, networks, fit)


def vectors_in(name: str, place: Path, index: Path, networks: dict[str, str], fit: str) -> dict[str, Any]:
    """The same of an index that has them."""
    recipe = recipe_for(name, place, networks, fit)
    root = open_index(index).read()
    [labels] = label_sets(root, recipe)
    found: dict[str, Any] = {}
    for vectors in vector_sets(root, recipe):
        positions, classes = labels.at_level(1, vectors.rows)
        found[vectors.name] = (vectors.read(root)[positions], classes)
        pixels: Any = root["pixels/gray"]
        side = recipe.pixels.size
        step = max(1, side // 32)
        squares = read_rows(pixels, vectors.rows[positions])[:, ::step, ::step]
        found["pixels"] = (squares.reshape(len(squares), -1).astype(np.float32), classes)
    return found


def scores(vectors: NDArray[np.float32], classes: NDArray[np.str_]) -> dict[str, float]:
    """NMI of k-means and of Ward, and the share of pictures with the class of their neighbours."""
    k = len(np.unique(classes))
    [means] = k_means(ArrayReader(vectors), len(vectors), [k], seed=0)
    ward = Agglomerative(linkage="ward").fit(vectors).cut(k)
    return {
        "kmeans": normalized_mutual_information(means.labels, classes),
        "ward": normalized_mutual_information(ward, classes),
        "neighbours": neighbour_share(vectors, classes),
    }


def neighbour_share(vectors: NDArray[np.float32], classes: NDArray[np.str_], k: int = 5) -> float:
    """Share of rows that have the class of most of their k nearest others."""
    indices, _ = nearest_neighbours(vectors, k)
    right = 0
    for own, near in zip(classes.tolist(), classes[indices].tolist(), strict=True):
        counts = Counter(near)
        right += max(near, key=lambda label: (counts[label], -near.index(label))) == own
    return right / len(classes)


def measure(name: str, shared: Path, most: int) -> dict[str, Any]:
    """Scores of one set by network, and CPU seconds of all its stages."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "corpus"
        SETS[name](shared, place, most)
        began = time.process_time()
        small = name in SMALL_PICTURES
        networks = {key: text for key, text in NETWORKS.items() if not (small and key in ("zoom", "square"))}
        found = vectors_of(name, place, Path(folder) / "index", networks, "stretch")
        if not small:
            found |= {"centre": vectors_of(name, place, Path(folder) / "index", CENTRE, "crop")["centre"]}
        classes = next(iter(found.values()))[1]
        return {
            "pictures": len(classes),
            "classes": len(set(classes.tolist())),
            "cpu_seconds": round(time.process_time() - began, 1),
            "scores": {key: scores(*pair) for key, pair in found.items()},
        }


def table(results: dict[str, Any]) -> str:
    """As Markdown: k-means / Ward / neighbours of a hundred, a row a network."""
    names = list(results)
    heads = [f"{name} ({results[name]['pictures']}, {results[name]['classes']})" for name in names]
    lines = ["| vectors | " + " | ".join(heads) + " |", "|---" * (len(names) + 1) + "|"]
    for network in ("pixels", *NETWORKS, "centre"):
        cells = []
        for name in names:
            one = results[name]["scores"].get(network)
            cells.append("" if one is None else " / ".join(_digits(one)))
        lines.append(f"| {network} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _digits(one: dict[str, float]) -> tuple[str, str, str]:
    kmeans, ward = (f"{one[name]:.2f}".removeprefix("0") for name in ("kmeans", "ward"))
    return kmeans, ward, f"{100 * one['neighbours']:.1f}"


def main() -> None:
    """Measure the sets that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--most", type=int, default=30, help="pictures a class of the large sets")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    results = {}
    for name in options.sets:
        results[name] = measure(name, options.shared / "data", options.most)
        print(table(results), flush=True)
        if options.output:
            options.output.write_text(json.dumps({"machine": describe_machine(), "sets": results}, indent=1))


if __name__ == "__main__":
    main()
