"""Mean shift."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, MethodSettings, Points
from pipeline.clustering_methods.fitting import fit_once


class MeanShiftSettings(MethodSettings):
    """Clusters by the peak of density that each point climbs to; finds their number."""

    method: Literal["mean_shift"] = "mean_shift"
    max_points: PositiveInt = Field(5_000, description="left out, in words, above so many vectors")
    quantile: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.1, description="share of the points within the kernel's radius"
    )


def fit(points: Points, settings: MeanShiftSettings, ks: Sequence[int]) -> Clusterings:
    """Fit once."""
    from pipeline.kernels.clustering.mean_shift import mean_shift

    return fit_once(lambda: mean_shift(points.vectors, quantile=settings.quantile, seed=points.seed(0)))


METHOD = ClusteringMethod(MeanShiftSettings, fit, version=1, seconds_per_vector=0.02)
