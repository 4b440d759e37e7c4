"""Louvain communities of the graph of nearest neighbours."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, MethodSettings, Points
from pipeline.clustering_methods.fitting import fit_once


class LouvainSettings(MethodSettings):
    """Communities of the graph of nearest neighbours with more links within than chance gives; finds their number."""

    method: Literal["louvain"] = "louvain"
    max_points: PositiveInt = Field(20_000, description="left out, in words, above so many vectors")
    graph_neighbours: PositiveInt = Field(15, description="nearest neighbours that the graph links a point with")
    resolution: PositiveFloat = Field(1.0, description="larger numbers give more, smaller communities")

    @property
    def neighbours_needed(self) -> int:
        """Those that the graph links."""
        return self.graph_neighbours


def fit(points: Points, settings: LouvainSettings, ks: Sequence[int]) -> Clusterings:
    """Fit once."""
    from pipeline.kernels.clustering.louvain import louvain

    return fit_once(
        lambda: louvain(
            points.table().indices,
            n_neighbors=settings.graph_neighbours,
            resolution=settings.resolution,
            seed=points.seed(0),
        )
    )


METHOD = ClusteringMethod(LouvainSettings, fit, version=1, seconds_per_vector=0.003)
