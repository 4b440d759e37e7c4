"""Fuzzy c-means."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, CountedMethodSettings, Points
from pipeline.clustering_methods.fitting import fit_each


class FuzzyCMeansSettings(CountedMethodSettings):
    """Clusters around means to which points belong by degrees; the label is the largest degree."""

    method: Literal["fuzzy_c_means"] = "fuzzy_c_means"
    max_points: PositiveInt = Field(200_000, description="left out, in words, above so many vectors")
    fuzziness: Annotated[float, Field(gt=1)] = Field(1.2, description="near 1 is k-means")


def fit(points: Points, settings: FuzzyCMeansSettings, ks: Sequence[int]) -> Clusterings:
    """Fit for each k by itself."""
    from pipeline.kernels.clustering.fuzzy_c_means import fuzzy_c_means

    return fit_each(ks, lambda k: fuzzy_c_means(points.vectors, k, fuzziness=settings.fuzziness, seed=points.seed(k)))


METHOD = ClusteringMethod(FuzzyCMeansSettings, fit, version=1, seconds_per_vector=0.01)
