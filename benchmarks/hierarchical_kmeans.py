"""Hierarchical k-means of made rows: processor time and memory of the whole, without and with resampling.

python -m benchmarks.hierarchical_kmeans --rows 1000000 --features 64
"""

import argparse
import os
import resource
import time

import numpy as np

from pipeline.kernels.arrays import Vectors
from pipeline.kernels.clustering.hierarchical_kmeans import hierarchical_k_means

_BLOCK = 16_384


class MadeRows:
    """Rows of a mixture of 2,000 blobs of unequal sizes, made when they are read: nothing holds them all."""

    def __init__(self, features: int, blobs: int = 2000) -> None:
        random = np.random.default_rng(0)
        self._centers = random.normal(size=(blobs, features)).astype(np.float32)
        self._weights = np.cumsum(random.dirichlet(np.full(blobs, 0.5)))

    def __call__(self, start: int, stop: int) -> Vectors:
        """Rows ``start`` to ``stop``, float32, of blocks that are seeded by their number."""
        first, last = start // _BLOCK, (stop - 1) // _BLOCK
        rows = np.concatenate([self._block(number) for number in range(first, last + 1)])
        return rows[start - first * _BLOCK : stop - first * _BLOCK]

    def _block(self, number: int) -> Vectors:
        random = np.random.default_rng([1, number])
        blob = np.searchsorted(self._weights, random.random(_BLOCK)).clip(max=len(self._weights) - 1)
        noise = random.standard_normal((_BLOCK, self._centers.shape[1]), dtype=np.float32)
        return self._centers[blob] + 0.3 * noise


def measure(rows: int, features: int, ks: list[int], resamples: int) -> dict[str, float]:
    """CPU seconds, with making the rows at every reading, and the most memory (GB)."""
    began = time.process_time()
    hierarchical_k_means(MadeRows(features), rows, ks, seed=0, resamples=resamples)
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"resamples": resamples, "cpu_seconds": round(seconds, 1), "peak_gb": round(peak, 2)}


def main(arguments: list[str] | None = None) -> list[dict[str, float]]:
    """Measure and print; returns what it prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--k", type=int, nargs="+", default=[1000, 100, 10])
    parser.add_argument("--resamples", type=int, nargs="+", default=[0, 2])
    options = parser.parse_args(arguments)
    print(f"{options.rows:,} x {options.features}, k {options.k}; load {os.getloadavg()[0]:.1f}")
    found = []
    for resamples in options.resamples:
        found.append(measure(options.rows, options.features, options.k, resamples))
        print(found[-1], flush=True)
    return found


if __name__ == "__main__":
    main()
