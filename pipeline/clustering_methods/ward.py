"""Ward's hierarchical clustering."""

import time
from collections.abc import Sequence
from typing import Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, CountedMethodSettings, Points


class WardSettings(CountedMethodSettings):
    """Hierarchical: merges the two clusters whose union adds least to the sum of squared distances to the means."""

    method: Literal["ward"] = "ward"
    max_points: PositiveInt = Field(60_000, description="left out, in words, above so many vectors")


def fit(points: Points, settings: WardSettings, ks: Sequence[int]) -> Clusterings:
    """Build the tree once and cut it for each k."""
    from pipeline.kernels.clustering.linkage import cut_tree_at, ward_linkage

    began = time.perf_counter()
    tree = ward_linkage(points.vectors)
    seconds = time.perf_counter() - began
    return Clusterings(cut_tree_at(tree, ks), tuple(ks), (seconds,) * len(ks), arrays={"linkage_matrix": tree})


METHOD = ClusteringMethod(WardSettings, fit, version=2, seconds_per_vector=0.003)
