"""Handwritten digits in ten clusters, without labels: five folds, one fixed test set, beside the published figures.

    OMP_NUM_THREADS=1 python -m benchmarks.digits shared/data/mnist/mnist.npz --json digits.json
    python -m benchmarks.digits mnist.npz --methods contrastive --folds 1 --rows 5000 --json quick.json

A fold leaves a fifth of the 60,000 training digits out; methods learn from the other four without labels, and the
10,000 test digits are then given to the clusters: to the nearest centre, on a map by where they are placed. Accuracy is
that of each cluster's most frequent label (majority) and of the best one-to-one matching (Hungarian). What the JSON
file has is not measured again, so that a long run may be broken off. Seconds are processor time of one thread.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from pipeline.estimators import ContrastiveEmbedding, DeepEmbeddedClustering
from pipeline.kernels.agreement.scores import (
    hungarian_accuracy,
    majority_accuracy,
    normalized_mutual_information,
)
from pipeline.kernels.clustering.blockwise_kmeans import k_means
from pipeline.kernels.clustering.lloyd import ArrayReader
from pipeline.kernels.dimension.placement import place
from pipeline.kernels.neighbours import nearest_neighbours
from pipeline.kernels.neighbours.nearest import query_neighbours
from pipeline.map_methods import umap
from pipeline.map_methods.base import MapPoints
from pipeline.models.self_labelling import ClusterSayer, learn_own_clusters

Rows = NDArray[np.float32]
Labels = NDArray[np.int64]

SHAPE = (28, 28)
CLUSTERS = 10
FOLDS = 5
PUBLISHED = {"pixels": "59.4", "code": "87.2 +- 3.1", "dec": "93.5 +- 4.4"}
_MAPPED = 10_000
_ASKED, _AGREEING = 10, 9  # nearest mapped digits, and how many of them make a cluster sure


def pixels(train: Rows, test: Rows, seed: int) -> Labels:
    """k-means on the pixels."""
    return _nearest_of_kmeans(train, test, seed)


def code(train: Rows, test: Rows, seed: int) -> Labels:
    """k-means on the codes of an autoencoder."""
    model = _autoencoder(seed, max_renewals=1, clustering_weight=0.0).fit(train)
    return _nearest_of_kmeans(model.encode(train), model.encode(test), seed)


def dec(train: Rows, test: Rows, seed: int) -> Labels:
    """Deep clustering without the reconstruction."""
    return _autoencoder(seed, reconstruction_weight=0.0).fit(train).predict(test).astype(np.int64)


def idec(train: Rows, test: Rows, seed: int) -> Labels:
    """Deep clustering with the reconstruction kept."""
    return _autoencoder(seed).fit(train).predict(test).astype(np.int64)


def contrastive(train: Rows, test: Rows, seed: int) -> Labels:
    """Contrastive codes, UMAP to ten coordinates, k-means on these."""
    model = ContrastiveEmbedding(SHAPE, random_state=seed).fit(train)
    codes, _, coordinates, centers = _mapped_clusters(model, train, seed)
    return _nearest(place(model.transform(test), codes, coordinates), centers)


def self_labelled(train: Rows, test: Rows, seed: int) -> Labels:
    """The same clusters; then the network learns those that are sure, and says them itself."""
    model = ContrastiveEmbedding(SHAPE, random_state=seed).fit(train)
    codes, found, _, _ = _mapped_clusters(model, train, seed)
    nearest, _ = query_neighbours(model.transform(train), codes, _ASKED)
    counts = np.stack([(found[nearest] == cluster).sum(axis=1) for cluster in range(CLUSTERS)], axis=1)
    sure = counts.max(axis=1) >= _AGREEING
    learnt = learn_own_clusters(model.network_, train[sure], counts[sure].argmax(axis=1), seed=seed)
    return ClusterSayer(learnt).labels(test)


def _mapped_clusters(
    model: ContrastiveEmbedding, train: Rows, seed: int
) -> tuple[Rows, Labels, Rows, NDArray[np.float64]]:
    """Codes of the first 10,000, their clusters, their coordinates on the map, and the clusters' centres there."""
    codes = model.transform(train[:_MAPPED])
    settings = umap.UMAPSettings(components=10, min_dist=0.0)
    neighbours = nearest_neighbours(codes, settings.neighbours_needed(len(codes)))
    coordinates = umap.lay_out(MapPoints(codes, *neighbours, seed), settings)
    centers = _centers(coordinates, seed)
    return codes, _nearest(coordinates, centers), coordinates, centers


METHODS: dict[str, Callable[[Rows, Rows, int], Labels]] = {
    "pixels": pixels,
    "code": code,
    "dec": dec,
    "idec": idec,
    "contrastive": contrastive,
    "self-labelled": self_labelled,
}


def _autoencoder(seed: int, **settings: Any) -> DeepEmbeddedClustering:
    return DeepEmbeddedClustering(CLUSTERS, image_shape=SHAPE, pretrain_epochs=3, random_state=seed, **settings)


def _nearest_of_kmeans(train: Rows, test: Rows, seed: int) -> Labels:
    return _nearest(test, _centers(train, seed))


def _centers(rows: Rows, seed: int) -> NDArray[np.float64]:
    [found] = k_means(ArrayReader(rows), len(rows), [CLUSTERS], seed=seed)
    return np.asarray(found.centers, np.float64)


def _nearest(rows: Rows, centers: NDArray[np.float64]) -> Labels:
    squares = ((rows[:, None, :] - centers[None].astype(np.float32)) ** 2).sum(axis=2)
    return squares.argmin(axis=1)


def measure(method: str, data: dict[str, NDArray[Any]], fold: int, rows: int) -> dict[str, Any]:
    """One method on one fold."""
    order = np.random.default_rng(0).permutation(len(data["x_train"]))
    kept = np.concatenate([part for place, part in enumerate(np.array_split(order, FOLDS)) if place != fold])[:rows]
    train, test = _flat(data["x_train"][kept]), _flat(data["x_test"])
    began = time.process_time()
    found = METHODS[method](train, test, fold)
    truth = data["y_test"].astype(np.int64)
    return {
        "method": method,
        "fold": fold,
        "rows": len(train),
        "majority": 100 * majority_accuracy(truth, found),
        "hungarian": 100 * hungarian_accuracy(truth, found),
        "nmi": normalized_mutual_information(truth, found),
        "cpu_seconds": time.process_time() - began,
        "confusion": _confusion(truth, found),
    }


def _confusion(truth: Labels, found: Labels) -> list[list[int]]:
    """Counts by true digit (rows) and by the digit most frequent in the cluster (columns)."""
    counts = np.zeros((CLUSTERS, CLUSTERS), np.int64)
    np.add.at(counts, (truth, found), 1)
    told = np.zeros((CLUSTERS, CLUSTERS), np.int64)
    np.add.at(told.T, counts.argmax(axis=0), counts.T)
    return [[int(count) for count in row] for row in told]


def _flat(pictures: NDArray[Any]) -> Rows:
    return np.ascontiguousarray(pictures.reshape(len(pictures), -1), np.float32) / np.float32(255)


def table(results: Sequence[dict[str, Any]]) -> str:
    """Mean and standard deviation (n - 1) over the folds, a line a method."""
    lines = [
        "| method | folds | majority % | Hungarian % | NMI | CPU s a fold | published, majority % |",
        "|" + "---|" * 7,
    ]
    for method in METHODS:
        rows = [row for row in results if row["method"] == method]
        if rows:
            cells = [_spread([row[name] for row in rows], digits) for name, digits in _COLUMNS]
            published = PUBLISHED.get(method, "")
            lines.append(f"| {method} | {len(rows)} | {' | '.join(cells)} | {published} |")
    return "\n".join(lines)


_COLUMNS = (("majority", 1), ("hungarian", 1), ("nmi", 3), ("cpu_seconds", 0))


def _spread(values: Sequence[float], digits: int) -> str:
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} +- {np.std(values, ddof=1):.{digits}f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is not measured yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("digits", type=Path, help="mnist.npz with x_train, y_train, x_test, y_test")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the five")
    parser.add_argument("--rows", type=int, default=60_000, help="learn from at most so many")
    parser.add_argument("--json", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    with np.load(chosen.digits) as file:
        data = {name: file[name] for name in file.files}
    results = json.loads(chosen.json.read_text())["results"] if chosen.json.exists() else []
    done = {(row["method"], row["fold"]) for row in results}
    for method in chosen.methods:
        for fold in range(chosen.folds):
            if (method, fold) not in done:
                results.append(measure(method, data, fold, chosen.rows))
                found = {"machine": describe_machine(), "results": results}
                chosen.json.write_text(json.dumps(found, indent=1) + "\n")
                print(results[-1], flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
