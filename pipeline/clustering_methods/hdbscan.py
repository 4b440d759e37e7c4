"""HDBSCAN: density at all scales."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, MethodSettings, Points
from pipeline.clustering_methods.fitting import fit_once


class HdbscanSettings(MethodSettings):
    """Clusters that persist over densities; finds their number, and points in none."""

    method: Literal["hdbscan"] = "hdbscan"
    max_points: PositiveInt = Field(60_000, description="left out, in words, above so many vectors")
    min_cluster_size: Annotated[int, Field(ge=2)] = Field(15, description="smaller groups are in no cluster")
    selection: Literal["eom", "leaf"] = Field("eom", description="the most persistent clusters, or the smallest ones")


def fit(points: Points, settings: HdbscanSettings, ks: Sequence[int]) -> Clusterings:
    """Fit once."""
    from pipeline.kernels.clustering.hdbscan import hdbscan

    return fit_once(
        lambda: hdbscan(points.vectors, min_cluster_size=settings.min_cluster_size, selection=settings.selection)
    )


METHOD = ClusteringMethod(HdbscanSettings, fit, version=1, seconds_per_vector=0.005)
