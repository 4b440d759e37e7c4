"""Complete linkage."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, CountedMethodSettings, Points
from pipeline.clustering_methods.fitting import cut_for_each


class CompleteSettings(CountedMethodSettings):
    """Hierarchical: merges the two clusters whose two most distant points are nearest."""

    method: Literal["complete"] = "complete"
    max_points: PositiveInt = Field(56_000, description="left out, in words, above so many vectors")


def fit(points: Points, settings: CompleteSettings, ks: Sequence[int]) -> Clusterings:
    """Build the tree once and cut it for each k."""
    from pipeline.kernels.clustering.complete_average import condensed_linkage

    return cut_for_each(lambda: condensed_linkage(points.vectors, "complete"), ks)


METHOD = ClusteringMethod(CompleteSettings, fit, version=1, seconds_per_vector=0.005)
