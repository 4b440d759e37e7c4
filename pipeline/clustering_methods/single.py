"""Single linkage."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, CountedMethodSettings, Points
from pipeline.clustering_methods.fitting import cut_for_each


class SingleSettings(CountedMethodSettings):
    """Hierarchical: merges the two clusters with the smallest distance between two of their points."""

    method: Literal["single"] = "single"
    max_points: PositiveInt = Field(100_000, description="left out, in words, above so many vectors")

    @property
    def neighbours_needed(self) -> int:
        """A few: most edges of the tree are among them."""
        return 16


def fit(points: Points, settings: SingleSettings, ks: Sequence[int]) -> Clusterings:
    """Build the tree once and cut it for each k."""
    from pipeline.kernels.clustering.single import single_linkage

    return cut_for_each(lambda: single_linkage(points.vectors, neighbours=points.table().indices), ks)


METHOD = ClusteringMethod(SingleSettings, fit, version=1, seconds_per_vector=0.002)
