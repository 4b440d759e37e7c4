"""k-means."""

import time
from collections.abc import Sequence
from typing import Literal

import numpy as np

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, CountedMethodSettings, Points


class KMeansSettings(CountedMethodSettings):
    """Minibatch k-means: clusters around means."""

    method: Literal["kmeans"] = "kmeans"


def fit(points: Points, settings: KMeansSettings, ks: Sequence[int]) -> Clusterings:
    """Cluster for each k by itself."""
    from pipeline.kernels.clustering.kmeans import minibatch_kmeans

    found, seconds = [], []
    for k in ks:
        began = time.perf_counter()
        found.append(minibatch_kmeans(points.vectors, k, seed=points.seed(k)))
        seconds.append(time.perf_counter() - began)
    return Clusterings(
        labels=np.stack([one.labels for one in found], axis=1),
        k=tuple(ks),
        seconds=tuple(seconds),
        inertia=tuple(float(one.inertia) for one in found),
        arrays={f"centers_{k}": one.centers for k, one in zip(ks, found, strict=True)},
    )


METHOD = ClusteringMethod(KMeansSettings, fit, version=1, seconds_per_vector=0.002)
