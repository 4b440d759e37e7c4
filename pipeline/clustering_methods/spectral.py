"""Spectral clustering of the graph of nearest neighbours."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, CountedMethodSettings, Points
from pipeline.clustering_methods.fitting import fit_each


class SpectralSettings(CountedMethodSettings):
    """Cuts the graph of nearest neighbours where few links are cut."""

    method: Literal["spectral"] = "spectral"
    max_points: PositiveInt = Field(200_000, description="left out, in words, above so many vectors")
    graph_neighbours: PositiveInt = Field(15, description="nearest neighbours that the graph links a point with")

    @property
    def neighbours_needed(self) -> int:
        """Those that the graph links."""
        return self.graph_neighbours


def fit(points: Points, settings: SpectralSettings, ks: Sequence[int]) -> Clusterings:
    """Fit for each k by itself."""
    from pipeline.kernels.clustering.spectral import spectral

    table = points.table()
    return fit_each(
        ks,
        lambda k: spectral(
            table.indices, k, distances=table.distances, n_neighbors=settings.graph_neighbours, seed=points.seed(k)
        ),
    )


METHOD = ClusteringMethod(SpectralSettings, fit, version=1, seconds_per_vector=0.002)
