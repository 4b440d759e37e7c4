"""Affinity propagation."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, MethodSettings, Points
from pipeline.clustering_methods.fitting import fit_once


class AffinityPropagationSettings(MethodSettings):
    """Clusters around exemplars that the points agree on; finds their number."""

    method: Literal["affinity_propagation"] = "affinity_propagation"
    max_points: PositiveInt = Field(5_000, description="left out, in words, above so many vectors")
    damping: Annotated[float, Field(ge=0.5, lt=1)] = Field(0.9, description="larger is slower and steadier")


def fit(points: Points, settings: AffinityPropagationSettings, ks: Sequence[int]) -> Clusterings:
    """Fit once."""
    from pipeline.kernels.clustering.affinity_propagation import affinity_propagation

    return fit_once(lambda: affinity_propagation(points.vectors, damping=settings.damping, seed=points.seed(0)))


METHOD = ClusteringMethod(AffinityPropagationSettings, fit, version=1, seconds_per_vector=0.02)
