"""Average linkage."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, CountedMethodSettings, Points
from pipeline.clustering_methods.fitting import cut_for_each


class AverageSettings(CountedMethodSettings):
    """Hierarchical: merges the two clusters with the smallest mean distance between their points."""

    method: Literal["average"] = "average"
    max_points: PositiveInt = Field(56_000, description="left out, in words, above so many vectors")


def fit(points: Points, settings: AverageSettings, ks: Sequence[int]) -> Clusterings:
    """Build the tree once and cut it for each k."""
    from pipeline.kernels.clustering.complete_average import condensed_linkage

    return cut_for_each(lambda: condensed_linkage(points.vectors, "average"), ks)


METHOD = ClusteringMethod(AverageSettings, fit, version=1, seconds_per_vector=0.005)
