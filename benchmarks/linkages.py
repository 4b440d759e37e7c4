"""Seconds of the linkages and of silhouettes over those of the full matrix product alone, ours and others', in one run.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m benchmarks.linkages --rows 5000
    python -m benchmarks.linkages --rows 52682 --methods ward single silhouette --no-peers --output table.json

S is the time of ``2 N^2 D`` float32 operations as in `benchmarks.neighbours`, whose sets these are, measured before and
after. Times are CPU seconds of this process. Single linkage is given the table of 100 neighbours that the index shares;
Ward searches its own. The peers are SciPy's linkages and scikit-learn's silhouettes, on the same rows; where they run,
the trees are compared: the largest relative difference of heights, and the merges that join other clusters. The peak
is of the whole process so far, the vectors, the table and Python included: for one method's own, run it alone.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from benchmarks.neighbours import SETS, Matrix, product_seconds
from pipeline.kernels.clustering.linkage import LinkageMethod, cut_tree, linkage_matrix
from pipeline.kernels.clustering.silhouette import silhouettes
from pipeline.kernels.neighbours.nearest import nearest_neighbours

LINKAGES: tuple[LinkageMethod, ...] = get_args(LinkageMethod)
METHODS: tuple[str, ...] = (*LINKAGES, "silhouette")
_SHARED_NEIGHBOURS = 100
_WARM_UP = (4500, 40)
_SILHOUETTE_CLUSTERS = 200


def measure(
    *, rows: int, width: int, sets: Sequence[str], methods: Sequence[str], peers: bool = True
) -> list[dict[str, Any]]:
    """Time every method on every set.

    Returns
    -------
    list of dict
        The set, rows, width and method; CPU seconds, S, their ratio, the peak of memory in GB; and where the peer ran
        its ratio, and how far both results differ.
    """
    found = []
    for name in sets:
        values = SETS[name](rows, width)
        table = nearest_neighbours(values, _SHARED_NEIGHBOURS)[0] if "single" in methods else None
        for method in methods:
            _call(method, values[: _WARM_UP[0], : _WARM_UP[1]], None)  # compiles
            before = product_seconds(values)
            seconds, result = _timed(lambda: _call(method, values, table))  # noqa: B023
            one = {"set": name, "rows": rows, "width": width, "method": method, "seconds": round(seconds, 2)}
            peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)
            product = (before + product_seconds(values)) / 2
            one |= {"product_seconds": round(product, 2), "ratio": round(seconds / product, 3), "peak_gb": peak}
            found.append(one | (_beside_peer(method, values, result, product) if peers else {}))
    return found


def _timed(work: Callable[[], NDArray[np.float64]]) -> tuple[float, NDArray[np.float64]]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def _call(method: str, values: Matrix, table: NDArray[np.int64] | None) -> NDArray[np.float64]:
    if method == "silhouette":
        return silhouettes(values, _some_labels(values)).values
    linkage: LinkageMethod = next(known for known in LINKAGES if known == method)
    return linkage_matrix(values, linkage, neighbours=table)


def _some_labels(values: Matrix) -> NDArray[np.int64]:
    """The nearest of 200 rows (fewer of a small set)."""
    chosen = values[:: max(len(values) // _SILHOUETTE_CLUSTERS, 1)][:_SILHOUETTE_CLUSTERS]
    norms = (chosen * chosen).sum(axis=1)
    labels: NDArray[np.int64] = (norms - 2 * (values @ chosen.T)).argmin(axis=1)
    return labels


def _beside_peer(method: str, values: Matrix, ours: NDArray[np.float64], product: float) -> dict[str, Any]:
    if method == "silhouette":
        from sklearn.metrics import silhouette_samples

        seconds, expected = _timed(lambda: silhouette_samples(values, _some_labels(values)))
        return {"peer_ratio": round(seconds / product, 2), "difference": float(np.abs(ours - expected).max())}
    from scipy.cluster import hierarchy

    seconds, expected = _timed(lambda: hierarchy.linkage(values.astype(np.float64), method))
    other = (ours[:, :2] != expected[:, :2]).any(axis=1)
    return {
        "peer_ratio": round(seconds / product, 2),
        "difference": float(np.abs(ours[:, 2] / np.maximum(expected[:, 2], 1e-300) - 1).max()),
        "other_merges": int(other.sum()),
        "same_partition_of_10": bool((cut_tree(ours, 10) == cut_tree(expected, 10)).all()),
    }


def as_table(results: Sequence[dict[str, Any]]) -> str:
    """A line a result."""
    lines = [f"{'set':6} {'rows':>6} {'width':>5} {'method':10} {'seconds':>8} {'S':>7} {'over S':>7} {'peak GB':>7}"]
    for one in results:
        line = (
            f"{one['set']:6} {one['rows']:6} {one['width']:5} {one['method']:10} {one['seconds']:8.2f} "
            f"{one['product_seconds']:7.2f} {one['ratio']:7.3f} {one['peak_gb']:7.2f}"
        )
        if "peer_ratio" in one:
            line += f"  peer {one['peer_ratio']:.2f} S, results differ by {one['difference']:.1e}"
        if "other_merges" in one:
            line += f", {one['other_merges']} other merges"
        lines.append(line)
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, keep JSON, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--width", type=int, default=1001)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["bent"])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--no-peers", action="store_true", help="SciPy holds all distances twice")
    parser.add_argument("--output", type=Path, help="JSON file that this part's results are appended to")
    chosen = parser.parse_args(arguments)
    found = measure(
        rows=chosen.rows, width=chosen.width, sets=chosen.sets, methods=chosen.methods, peers=not chosen.no_peers
    )
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
