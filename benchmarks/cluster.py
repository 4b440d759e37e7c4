"""Seconds and inertia of k-means, seconds of Density Peaks, ours and others', in one run.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m benchmarks.cluster --rows 20000
    python -m benchmarks.cluster --rows 52682 --parts kmeans --output table.json
    python -m benchmarks.cluster --rows 52682 --parts peaks --dadapy /opt/dadapy/bin/python

The sets are those of `benchmarks.neighbours`. Times are CPU seconds of one thread; S is the time of the full matrix
product ``2 N^2 D`` in float32, measured before and after each. k-means: FAISS with 25 iterations and k-means++ on all
rows, scikit-learn's MiniBatchKMeans with 3 starts and its KMeans with one where ``--lloyd`` asks for it; inertia is
from ``(x - c)^2`` in float64 over exact assignments for all of them. Density Peaks and ADP start from a table of 100
neighbours, whose search is not counted; DADApy runs in a Python of its own (it needs numpy < 2), after a warm-up on
3,000 points, and is given the same table. FAISS and scikit-learn run in this process.
"""

import argparse
import importlib.util
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from benchmarks.neighbours import SETS, Matrix, product_seconds
from pipeline.kernels.clustering.advanced_density_peaks import advanced_density_peaks
from pipeline.kernels.clustering.density_peaks import decision_graph, density_peaks
from pipeline.kernels.clustering.kmeans import assign_to_centers, minibatch_kmeans
from pipeline.kernels.clustering.peak_hierarchy import peak_hierarchy
from pipeline.kernels.neighbours.nearest import nearest_neighbours

Clustering = Callable[[Matrix, int, int], NDArray[np.floating[Any]]]

_NEIGHBOURS = 100
_DIMENSION = 9.7
_WARM_UP_ROWS = 3000

_DADAPY = """
import sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from dadapy import Data
def run(indices, distances, dimension):
    own = np.arange(len(indices))[:, None]
    table = np.hstack([np.zeros((len(own), 1)), distances]), np.hstack([own, indices])
    data = Data(distances=table, maxk=indices.shape[1], verbose=False, n_jobs=1)
    data.set_id(dimension)
    began = time.process_time()
    data.compute_density_PAk()
    data.compute_clustering_ADP(Z=1.6)
    return time.process_time() - began, data.N_clusters
stored = np.load(sys.argv[1])
indices, distances, small = stored["indices"], stored["distances"], stored["small"]
run(small.astype(int), stored["small_distances"], float(stored["dimension"]))
print(*run(indices, distances, float(stored["dimension"])))
"""


def _ours(values: Matrix, k: int, seed: int) -> NDArray[np.floating[Any]]:
    return minibatch_kmeans(values, k, seed=seed).centers


def _faiss(values: Matrix, k: int, seed: int) -> NDArray[np.floating[Any]]:
    import faiss

    model = faiss.Kmeans(values.shape[1], k, niter=25, seed=seed, max_points_per_centroid=len(values))
    model.cp.init_method = faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS
    model.train(values)
    centers: Matrix = model.centroids
    return centers


def _minibatch(values: Matrix, k: int, seed: int) -> NDArray[np.floating[Any]]:
    from sklearn.cluster import MiniBatchKMeans

    centers: Matrix = MiniBatchKMeans(k, random_state=seed, n_init=3).fit(values).cluster_centers_
    return centers


def _lloyd(values: Matrix, k: int, seed: int) -> NDArray[np.floating[Any]]:
    from sklearn.cluster import KMeans

    centers: Matrix = KMeans(k, random_state=seed, n_init=1).fit(values).cluster_centers_
    return centers


KMEANS: dict[str, Clustering] = {"ours": _ours, "faiss": _faiss, "minibatch": _minibatch, "lloyd": _lloyd}


def measure_kmeans(values: Matrix, k: int, names: Sequence[str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """CPU seconds and inertia a row of each method and seed."""
    results = []
    for name in names:
        KMEANS[name](values[:_WARM_UP_ROWS], min(k, 20), 0)
        for seed in seeds:
            before = product_seconds(values)
            began = time.process_time()
            centers = KMEANS[name](values, k, seed)
            seconds = time.process_time() - began
            _, distances_sq = assign_to_centers(values, centers)
            result = {"method": name, "k": k, "seed": seed, "inertia": float(distances_sq.mean())}
            results.append(result | _timed(seconds, before, values))
    return results


def measure_peaks(values: Matrix, dadapy: str | None) -> list[dict[str, Any]]:
    """CPU seconds of Density Peaks, its tree of 500 cuts, and ADP after the search for neighbours."""
    small = values[:_WARM_UP_ROWS]
    table, small_table = nearest_neighbours(values, _NEIGHBOURS), nearest_neighbours(small, _NEIGHBOURS)
    density_peaks(small, *small_table, n_clusters=20, dimension=_DIMENSION)
    advanced_density_peaks(*small_table, dimension=_DIMENSION)
    graph = decision_graph(values, *table, dimension=_DIMENSION)
    most = min(500, len(values))
    methods: dict[str, Callable[[], int]] = {
        "density peaks": lambda: len(
            density_peaks(values, *table, n_clusters=min(200, most), dimension=_DIMENSION).centers
        ),
        "tree of 500 cuts": lambda: len(peak_hierarchy(graph, most).centers),
        "advanced density peaks": lambda: len(advanced_density_peaks(*table, dimension=_DIMENSION).centers),
    }
    results = []
    for name, method in methods.items():
        before = product_seconds(values)
        began = time.process_time()
        clusters = method()
        results.append({"method": name, "clusters": clusters} | _timed(time.process_time() - began, before, values))
    if dadapy is not None:
        before = product_seconds(values)
        seconds, clusters = _by_dadapy(dadapy, table, small_table)
        results.append({"method": "DADApy's ADP", "clusters": clusters} | _timed(seconds, before, values))
    return results


def _by_dadapy(
    python: str,
    table: tuple[NDArray[np.int64], NDArray[Any]],
    small_table: tuple[NDArray[np.int64], NDArray[Any]],
) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        np.savez(
            f"{folder}/table.npz",
            indices=table[0],
            distances=table[1].astype(np.float64),
            small=small_table[0],
            small_distances=small_table[1].astype(np.float64),
            dimension=_DIMENSION,
        )
        command = [python, "-c", _DADAPY, f"{folder}/table.npz"]
        seconds, clusters = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), int(clusters)


def _timed(seconds: float, product_before: float, values: Matrix) -> dict[str, Any]:
    product = (product_before + product_seconds(values)) / 2
    return {
        "rows": len(values),
        "seconds": round(seconds, 2),
        "product_seconds": round(product, 2),
        "ratio": round(seconds / product, 3),
    }


def as_table(results: Sequence[dict[str, Any]]) -> str:
    """A line a result."""
    lines = [f"{'set':6} {'rows':>6} {'method':22} {'seconds':>8} {'S':>7} {'over S':>7}"]
    for result in results:
        line = (
            f"{result['set']:6} {result['rows']:6} {result['method']:22} {result['seconds']:8.2f} "
            f"{result['product_seconds']:7.2f} {result['ratio']:7.3f}"
        )
        if "inertia" in result:
            line += f"  inertia a row {result['inertia']:.4f} (k {result['k']}, seed {result['seed']})"
        lines.append(line + (f"  {result['clusters']} clusters" if "clusters" in result else ""))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, keep JSON, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=1001)
    parser.add_argument("--k", type=int, default=200)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["bent"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--parts", nargs="+", choices=("kmeans", "peaks"), default=["kmeans", "peaks"])
    parser.add_argument("--lloyd", action="store_true", help="scikit-learn's full Lloyd as well")
    parser.add_argument("--dadapy", help="a Python with DADApy")
    parser.add_argument("--output", type=Path, help="JSON file that the results are written to")
    chosen = parser.parse_args(arguments)
    names = ["ours", *(["faiss"] if importlib.util.find_spec("faiss") else []), "minibatch"]
    results: list[dict[str, Any]] = []
    for name in chosen.sets:
        values = SETS[name](chosen.rows, chosen.width)
        found = []
        if "kmeans" in chosen.parts:
            found += measure_kmeans(values, chosen.k, names + ["lloyd"] * chosen.lloyd, chosen.seeds)
        if "peaks" in chosen.parts:
            found += measure_peaks(values, chosen.dadapy)
        results += [{"set": name} | result for result in found]
    machine = describe_machine()
    if chosen.output:
        chosen.output.write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")
    print(json.dumps(machine))
    print(as_table(results))


if __name__ == "__main__":
    main()
