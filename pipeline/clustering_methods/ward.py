"""Ward's hierarchical clustering."""

import time
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, CountedMethodSettings, Points


class WardSettings(CountedMethodSettings):
    """Hierarchical: merges the two clusters whose union adds least to the sum of squared distances to the means."""

    method: Literal["ward"] = "ward"
    max_points: PositiveInt = Field(60_000, description="left out, in words, above so many vectors")


def fit(points: Points, settings: WardSettings, ks: Sequence[int]) -> Clusterings:
    """Build the tree once and cut it for each k."""
    from pipeline.kernels.clustering.linkage import cut_tree, ward_linkage

    began = time.perf_counter()
    tree = ward_linkage(points.vectors)
    seconds = time.perf_counter() - began
    labels = np.stack([cut_tree(tree, k) for k in ks], axis=1)
    return Clusterings(labels, tuple(ks), (seconds,) * len(ks), arrays={"linkage_matrix": tree})


METHOD = ClusteringMethod(WardSettings, fit, version=1, seconds_per_vector=0.003)
