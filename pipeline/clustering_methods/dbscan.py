"""DBSCAN: density at one scale."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, MethodSettings, Points
from pipeline.clustering_methods.fitting import fit_once


class DbscanSettings(MethodSettings):
    """What is within reach of dense points; finds the number of clusters, and points in none."""

    method: Literal["dbscan"] = "dbscan"
    max_points: PositiveInt = Field(60_000, description="left out, in words, above so many vectors")
    min_samples: PositiveInt = Field(5, description="points within reach, itself counted, that make a point dense")
    reach: Annotated[float, Field(ge=0)] = Field(
        0.0, description="distance (eps); 0: so that nine points in ten are dense"
    )


def fit(points: Points, settings: DbscanSettings, ks: Sequence[int]) -> Clusterings:
    """Fit once."""
    from pipeline.kernels.clustering.dbscan import dbscan

    return fit_once(lambda: dbscan(points.vectors, eps=settings.reach or None, min_samples=settings.min_samples))


METHOD = ClusteringMethod(DbscanSettings, fit, version=1, seconds_per_vector=0.003)
