"""Seconds of neighbour search over those of the full matrix product alone, ours and others', in one run.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m benchmarks.neighbours --rows 20000 --width 1001
    python -m benchmarks.neighbours --sets bent --searches ours faiss --rows 52682 --output table.json

A run may do a part: ``--output`` appends to the results of earlier parts, and prints the table of all of them.

Two made sets: ``bent`` holds 200 clusters of a 10-dimensional normal latent, mapped by a random layer of rectified
linear units into ``--width`` features with noise of 0.001 (nonlinear, of full linear rank, intrinsic dimension about
10); ``noise`` is standard normal in all features, which no projection shortens. S is the time of ``2 N^2 D`` float32
operations as NumPy's product of tiles of 2,048 rows does them, measured before and after each search. Times are CPU
seconds of this process, so that a busy machine blurs them less; with one thread they are wall seconds on a quiet one.
``ours-threads2`` shares one search among two threads: its wall seconds count. ``workers-1`` and ``workers-2`` search
the pairs of four blocks in one and in two other processes, as the stage's tasks do; theirs are wall seconds. The peers
(FAISS, hnswlib, pynndescent, usearch) are timed where they are installed; the approximate ones build their index within
the time. Recall is of 500 sampled rows: against float64 differences, and for ours also against FAISS's exact index,
whose float32 sums may order near ties otherwise.
"""

# What other processes need is imported here, the rest where it is used: they start sooner.
import argparse
import importlib.util
import itertools
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.machine import describe_machine
from pipeline.kernels.neighbours.certified_search import prepare_search
from pipeline.kernels.neighbours.lists import NeighbourLists, lists_between, lists_within, merge_lists
from pipeline.kernels.neighbours.nearest import nearest_neighbours

Matrix = NDArray[np.float32]
Search = Callable[[Matrix, int], NDArray[np.int64]]

_TILE_ROWS = 2048
_CHECKED_ROWS = 500
_BLOCKS = 4


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


def _ours_by_two_threads(values: Matrix, k: int) -> NDArray[np.int64]:
    return nearest_neighbours(values, k, threads=2)[0]


def _ours_by_torch(values: Matrix, k: int) -> NDArray[np.int64]:
    import torch

    from pipeline.search_backends.torch_products import TorchSearch

    return TorchSearch("cuda" if torch.cuda.is_available() else "cpu")(values, k, None)[0]


def _scikit_learn(values: Matrix, k: int) -> NDArray[np.int64]:
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(values)
    found: NDArray[np.int64] = search.kneighbors(return_distance=False)
    return found


def _torch(values: Matrix, k: int) -> NDArray[np.int64]:
    import torch

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
    return _without_self(index.search(values, k + 1)[1])


def _faiss_hnsw(values: Matrix, k: int) -> NDArray[np.int64]:
    import faiss

    index = faiss.IndexHNSWFlat(values.shape[1], 32)
    index.hnsw.efConstruction, index.hnsw.efSearch = 200, max(200, 2 * k)
    index.add(values)
    return _without_self(index.search(values, k + 1)[1])


def _hnswlib(values: Matrix, k: int) -> NDArray[np.int64]:
    import hnswlib

    index = hnswlib.Index(space="l2", dim=values.shape[1])
    index.init_index(max_elements=len(values), ef_construction=200, M=32, random_seed=0)
    index.set_ef(max(200, 2 * k))
    index.add_items(values, num_threads=1)
    return _without_self(index.knn_query(values, k + 1, num_threads=1)[0].astype(np.int64))


def _usearch(values: Matrix, k: int) -> NDArray[np.int64]:
    from usearch.index import Index

    index = Index(
        ndim=values.shape[1],
        metric="l2sq",
        dtype="f32",
        connectivity=32,
        expansion_add=200,
        expansion_search=max(200, 2 * k),
    )
    index.add(np.arange(len(values)), values, threads=1)
    return _without_self(index.search(values, k + 1, threads=1).keys.astype(np.int64))


def _pynndescent(values: Matrix, k: int) -> NDArray[np.int64]:
    from pynndescent import NNDescent

    index = NNDescent(values, n_neighbors=k + 1, random_state=0, n_jobs=1)
    return _without_self(index.neighbor_graph[0].astype(np.int64))


def _without_self(found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Drop each row's own number, or the last where it was not found."""
    own = found == np.arange(len(found))[:, None]
    own[~own.any(axis=1), -1] = True
    return found[~own].reshape(len(found), -1)


def _by_workers(values: Matrix, k: int, *, workers: int) -> NDArray[np.int64]:
    """As the stage does it: pairs of blocks as tasks of other processes, merged here."""
    cuts = np.linspace(0, len(values), _BLOCKS + 1).astype(int)
    lists = [NeighbourLists.empty(stop - start, k) for start, stop in itertools.pairwise(cuts)]
    blocks = range(_BLOCKS)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/values.npy"
        np.save(path, values)
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            list(pool.map(_warm_up, range(4 * workers)))
            _clock.append(time.perf_counter())
            for pairs in (list(zip(blocks, blocks, strict=True)), list(itertools.combinations(blocks, 2))):
                reach = [part.distances_sq[:, -1] for part in lists]
                tasks = [(path, cuts.tolist(), pair, k, np.concatenate([reach[i] for i in pair])) for pair in pairs]
                for (one, other), (mine, theirs) in zip(pairs, pool.map(_pair, tasks), strict=True):
                    if mine is not None:
                        lists[one] = merge_lists(lists[one], mine)
                    lists[other] = merge_lists(lists[other], theirs)
            _clock.append(time.perf_counter())
    return np.concatenate([part.ids for part in lists])


_clock: list[float] = []  # when the workers began and ended, their start-up left out


def _warm_up(_: int) -> None:
    rows = np.random.default_rng(0).standard_normal((5000, 40)).astype(np.float32)
    ids = np.arange(2500)
    lists_between(rows[:2500], ids, rows[2500:], ids + 2500, 5)


def _pair(
    task: tuple[str, list[int], tuple[int, int], int, NDArray[np.float64]],
) -> tuple[NeighbourLists | None, NeighbourLists]:
    path, cuts, (one, other), k, reach = task
    values = np.load(path, mmap_mode="r")
    parts = [(values[cuts[i] : cuts[i + 1]], np.arange(cuts[i], cuts[i + 1])) for i in (one, other)]
    with threadpool_limits(1):
        if one == other:
            return None, lists_within(np.array(parts[1][0]), parts[1][1], k)
        return lists_between(*parts[0], *parts[1], k, reach=reach)


SEARCHES: dict[str, Search] = {
    "ours": _ours,
    "ours-threads2": _ours_by_two_threads,
    "ours-torch": _ours_by_torch,
    "workers-1": lambda values, k: _by_workers(values, k, workers=1),
    "workers-2": lambda values, k: _by_workers(values, k, workers=2),
    "scikit-learn": _scikit_learn,
    "torch": _torch,
    "faiss": _faiss,
    "faiss-hnsw": _faiss_hnsw,
    "hnswlib": _hnswlib,
    "pynndescent": _pynndescent,
    "usearch": _usearch,
}
_NEEDS = {"faiss": "faiss", "faiss-hnsw": "faiss", "hnswlib": "hnswlib", "pynndescent": "pynndescent"}
_NEEDS |= {"usearch": "usearch"}


def installed(search: str) -> bool:
    """Whether what the search needs is there."""
    return search not in _NEEDS or importlib.util.find_spec(_NEEDS[search]) is not None


def measure(
    *, rows: int, width: int, ks: Sequence[int], sets: Sequence[str], searches: Sequence[str]
) -> list[dict[str, Any]]:
    """Time every search on every set.

    Returns
    -------
    list of dict
        Of each search its set, rows, width, k, CPU and wall seconds, the product's seconds S (mean of before and
        after), their ratio, the share of the true neighbours found by 500 sampled rows (float64 differences; 1 is
        exact) and, for ours where FAISS is installed, the share of FAISS's neighbours.
    """
    results = []
    for name in sets:
        values = SETS[name](rows, width)
        sample = np.unique(np.linspace(0, rows - 1, min(_CHECKED_ROWS, rows)).astype(np.int64))
        truth = _true_neighbours(values, sample, max(ks))
        for search in searches:
            if not search.startswith("workers"):  # those are warmed up themselves
                SEARCHES[search](values[: min(5000, rows)], min(ks))  # compiles, starts threads
            for k in ks:
                found = _measure(search, values, k, sample, truth)
                results.append({"set": name, "rows": rows, "width": width, "search": search, **found})
    return results


def _measure(
    search: str, values: Matrix, k: int, sample: NDArray[np.int64], truth: NDArray[np.int64]
) -> dict[str, Any]:
    before = product_seconds(values)
    _clock.clear()
    wall, began = time.perf_counter(), time.process_time()
    found = SEARCHES[search](values, k)
    seconds, wall = time.process_time() - began, time.perf_counter() - wall
    if _clock:
        seconds = wall = _clock[1] - _clock[0]
    product = (before + product_seconds(values)) / 2
    result: dict[str, Any] = {
        "k": k,
        "seconds": round(seconds, 2),
        "wall_seconds": round(wall, 2),
        "product_seconds": round(product, 2),
        "ratio": round(seconds / product, 3),
        "recall": _share(found[sample], truth[:, :k]),
    }
    if search == "ours":
        way = prepare_search(values, k)
        result |= {"way": way.method, "components": way.components, "list_length": way.length}
        if installed("faiss"):
            result["share_of_faiss"] = _share(found[sample], _faiss_of(values, sample, k))
    return result


def _share(found: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    right = [len(np.intersect1d(mine, true)) for mine, true in zip(found, truth, strict=True)]
    return float(np.mean(right)) / truth.shape[1]


def _faiss_of(values: Matrix, sample: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """FAISS's exact neighbours of some rows."""
    import faiss

    index = faiss.IndexFlatL2(values.shape[1])
    index.add(values)
    found = index.search(values[sample], k + 1)[1]
    own = found == sample[:, None]
    own[~own.any(axis=1), -1] = True
    kept: NDArray[np.int64] = found[~own].reshape(len(sample), k)
    return kept


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


def as_table(results: Sequence[dict[str, Any]]) -> str:
    """A line a result; the last column is the time over that of one worker for the same work."""
    lines = [f"{'set':6} {'rows':>6} {'width':>5} {'k':>4} {'search':13} {'seconds':>8} {'S':>7} {'over S':>7} recall"]
    for result in results:
        line = (
            f"{result['set']:6} {result['rows']:6} {result['width']:5} {result['k']:4} {result['search']:13} "
            f"{result['seconds']:8.2f} {result['product_seconds']:7.2f} {result['ratio']:7.3f} {result['recall']:.4f}"
        )
        if "share_of_faiss" in result:
            line += f"  of FAISS's {result['share_of_faiss']:.5f}"
        if (one := _one_worker(results, result)) is not None:
            line += f"  {result['wall_seconds'] / one['wall_seconds']:.2f} of one worker's time"
        lines.append(line)
    return "\n".join(lines)


def _one_worker(results: Sequence[dict[str, Any]], result: dict[str, Any]) -> dict[str, Any] | None:
    same = ("set", "rows", "width", "k")
    alone = {"workers-2": "workers-1", "ours-threads2": "ours"}.get(result["search"])
    found = [other for other in results if other["search"] == alone and all(other[x] == result[x] for x in same)]
    return found[-1] if found else None


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, keep JSON, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=1001)
    parser.add_argument("--k", type=int, nargs="+", default=[100, 2])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, help="default: all that are installed")
    parser.add_argument("--output", type=Path, help="JSON file that this part's results are appended to")
    chosen = parser.parse_args(arguments)
    searches = chosen.searches or [name for name in SEARCHES if installed(name)]
    found = measure(rows=chosen.rows, width=chosen.width, ks=chosen.k, sets=chosen.sets, searches=searches)
    kept: list[dict[str, Any]] = (
        json.loads(chosen.output.read_text()) if chosen.output and chosen.output.exists() else []
    )
    kept.append({"machine": describe_machine(), "results": found})
    if chosen.output:
        chosen.output.write_text(json.dumps(kept, indent=1) + "\n")
    print(json.dumps(kept[-1]["machine"]))
    print(as_table([result for part in kept for result in part["results"]]))


if __name__ == "__main__":
    main()
