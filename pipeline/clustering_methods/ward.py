"""Ward's hierarchical clustering."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, CountedMethodSettings, Points
from pipeline.clustering_methods.fitting import cut_for_each


class WardSettings(CountedMethodSettings):
    """Hierarchical: merges the two clusters whose union adds least to the sum of squared distances to the means."""

    method: Literal["ward"] = "ward"
    max_points: PositiveInt = Field(60_000, description="left out, in words, above so many vectors")


def fit(points: Points, settings: WardSettings, ks: Sequence[int]) -> Clusterings:
    """Build the tree once and cut it for each k."""
    from pipeline.kernels.clustering.ward import ward_linkage

    return cut_for_each(lambda: ward_linkage(points.vectors), ks)


METHOD = ClusteringMethod(WardSettings, fit, version=2, seconds_per_vector=0.003)
