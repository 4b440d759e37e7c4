"""Centroid linkage."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, CountedMethodSettings, Points
from pipeline.clustering_methods.fitting import cut_for_each


class CentroidSettings(CountedMethodSettings):
    """Hierarchical: merges the two clusters whose means are nearest; heights may go down again (inversions)."""

    method: Literal["centroid"] = "centroid"
    max_points: PositiveInt = Field(56_000, description="left out, in words, above so many vectors")


def fit(points: Points, settings: CentroidSettings, ks: Sequence[int]) -> Clusterings:
    """Build the tree once and cut it for each k."""
    from pipeline.kernels.clustering.centroid import centroid_linkage

    return cut_for_each(lambda: centroid_linkage(points.vectors), ks)


METHOD = ClusteringMethod(CentroidSettings, fit, version=1, seconds_per_vector=0.005)
