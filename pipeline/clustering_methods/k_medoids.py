"""k-medoids."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, CountedMethodSettings, Points
from pipeline.clustering_methods.fitting import fit_each


class KMedoidsSettings(CountedMethodSettings):
    """Clusters around points of the set, by distance (not squared)."""

    method: Literal["k_medoids"] = "k_medoids"
    max_points: PositiveInt = Field(16_384, description="left out, in words, above so many vectors")


def fit(points: Points, settings: KMedoidsSettings, ks: Sequence[int]) -> Clusterings:
    """Fit for each k by itself."""
    from pipeline.kernels.clustering.k_medoids import k_medoids

    return fit_each(ks, lambda k: k_medoids(points.vectors, k, seed=points.seed(k)))


METHOD = ClusteringMethod(KMedoidsSettings, fit, version=1, seconds_per_vector=0.005)
