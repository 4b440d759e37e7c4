"""Seconds of exact neighbour search over those of the full matrix product alone, ours and others', in one run.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m benchmarks.neighbours --rows 20000 --width 1001

Two made sets: ``bent`` holds 200 clusters of a 10-dimensional normal latent, mapped by a random layer of rectified
linear units into ``--width`` features with noise of 0.001 (nonlinear, of full linear rank, intrinsic dimension about
10); ``noise`` is standard normal in all features, which no projection shortens. S is the time of ``2 N^2 D`` float32
operations as NumPy's product of tiles of 2,048 rows does them, measured before and after each search. Times are CPU
seconds of this process, so that a busy machine blurs them less; with one thread they are wall seconds on a quiet one.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from benchmarks.machine import describe_machine
from pipeline.kernels.certified_search import prepare_search
from pipeline.kernels.neighbours import nearest_neighbours

Matrix = NDArray[np.float32]

_TILE_ROWS = 2048
_CHECKED_ROWS = 500


def bent_set(n_rows: int, width: int, *, dimension: int = 10, n_clusters: int = 200) -> Matrix:
    """Intrinsic dimension about 10 in ``width`` features; see the module."""
    rng = np.random.default_rng([0, n_rows, width, dimension, n_clusters])
    centers = 2 * rng.standard_normal((n_clusters, dimension))
    latent = (centers[rng.integers(0, n_clusters, n_rows)] + rng.standard_normal((n_rows, dimension))).astype("f4")
    weights = (rng.standard_normal((dimension, width)) / np.sqrt(dimension)).astype("f4")
    values = np.maximum(latent @ weights + rng.standard_normal(width).astype("f4"), 0)
    values += np.float32(1e-3) * rng.standard_normal((n_rows, width), dtype=np.float32)
    return values


def noise_set(n_rows: int, width: int) -> Matrix:
    """Standard normal in every feature."""
    return np.random.default_rng(1).standard_normal((n_rows, width), dtype=np.float32)


SETS: dict[str, Callable[[int, int], Matrix]] = {"bent": bent_set, "noise": noise_set}


def product_seconds(values: Matrix, *, repeats: int = 3) -> float:
    """CPU seconds of the whole product of the rows with themselves, from some of its tiles."""
    tile_rows = min(_TILE_ROWS, len(values))
    a, b = values[:tile_rows], values[-tile_rows:]
    room = np.empty((tile_rows, tile_rows), dtype=np.float32)
    np.matmul(a, b.T, out=room)
    began = time.process_time()
    for _ in range(repeats):
        np.matmul(a, b.T, out=room)
    return (time.process_time() - began) / repeats * (len(values) / tile_rows) ** 2


def _ours(values: Matrix, k: int) -> NDArray[np.int64]:
    return nearest_neighbours(values, k)[0]


def _scikit_learn(values: Matrix, k: int) -> NDArray[np.int64]:
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(values)
    found: NDArray[np.int64] = search.kneighbors(return_distance=False)
    return found


def _torch(values: Matrix, k: int) -> NDArray[np.int64]:
    rows = torch.from_numpy(values)
    norms = (rows * rows).sum(dim=1)
    found = np.empty((len(values), k), dtype=np.int64)
    for start in range(0, len(values), _TILE_ROWS):
        part = slice(start, min(start + _TILE_ROWS, len(values)))
        distances_sq = norms - 2 * (rows[part] @ rows.T)
        distances_sq[torch.arange(part.stop - start), torch.arange(start, part.stop)] = torch.inf
        found[part] = torch.topk(distances_sq, k, largest=False, sorted=True).indices.numpy()
    return found


def _faiss(values: Matrix, k: int) -> NDArray[np.int64]:
    import faiss

    index = faiss.IndexFlatL2(values.shape[1])
    index.add(values)
    found: NDArray[np.int64] = index.search(values, k + 1)[1][:, 1:]
    return found


SEARCHES: dict[str, Callable[[Matrix, int], NDArray[np.int64]]] = {
    "ours": _ours,
    "scikit-learn": _scikit_learn,
    "torch": _torch,
    "faiss": _faiss,
}


def measure(
    *, rows: int, width: int, ks: Sequence[int], sets: Sequence[str], searches: Sequence[str]
) -> dict[str, Any]:
    """Time every search on every set.

    Returns
    -------
    dict
        ``machine``, the sizes, and a list ``results``: of each search its set, k, CPU and wall seconds, the product's
        seconds S (mean of before and after), their ratio, and the share of the true neighbours found by 500 sampled
        rows (float64 differences; 1 is exact).
    """
    results = []
    for name in sets:
        values = SETS[name](rows, width)
        sample = np.unique(np.linspace(0, rows - 1, min(_CHECKED_ROWS, rows)).astype(np.int64))
        truth = _true_neighbours(values, sample, max(ks))
        for search in searches:
            SEARCHES[search](values[:5000], min(ks))  # compiles, starts threads
            results += [{"set": name, "search": search, **_measure(search, values, k, sample, truth)} for k in ks]
    return {"machine": describe_machine(), "rows": rows, "width": width, "results": results}


def _measure(
    search: str, values: Matrix, k: int, sample: NDArray[np.int64], truth: NDArray[np.int64]
) -> dict[str, Any]:
    before = product_seconds(values)
    wall, began = time.perf_counter(), time.process_time()
    found = SEARCHES[search](values, k)
    seconds, wall = time.process_time() - began, time.perf_counter() - wall
    product = (before + product_seconds(values)) / 2
    right = [len(np.intersect1d(mine, true[:k])) for mine, true in zip(found[sample], truth, strict=True)]
    result = {
        "k": k,
        "seconds": round(seconds, 2),
        "wall_seconds": round(wall, 2),
        "product_seconds": round(product, 2),
        "ratio": round(seconds / product, 3),
        "recall": float(np.mean(right)) / k,
    }
    if search == "ours":
        way = prepare_search(values, k, pairs_once=True)
        result |= {"way": way.method, "components": way.components, "list_length": way.length}
    return result


def _true_neighbours(values: Matrix, sample: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """By float64 differences, one row at a time."""
    truth = np.empty((len(sample), k), dtype=np.int64)
    for i, row in enumerate(sample):
        distances_sq = np.empty(len(values))
        for start in range(0, len(values), _TILE_ROWS):
            difference = values[start : start + _TILE_ROWS].astype(np.float64) - values[row]
            distances_sq[start : start + _TILE_ROWS] = np.einsum("ij,ij->i", difference, difference)
        distances_sq[row] = np.inf
        nearest = np.argpartition(distances_sq, k - 1)[:k]
        truth[i] = nearest[np.lexsort((nearest, distances_sq[nearest]))]
    return truth


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=1001)
    parser.add_argument("--k", type=int, nargs="+", default=[100, 2])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, default=["ours", "scikit-learn", "torch"])
    chosen = parser.parse_args(arguments)
    found = measure(rows=chosen.rows, width=chosen.width, ks=chosen.k, sets=chosen.sets, searches=chosen.searches)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
