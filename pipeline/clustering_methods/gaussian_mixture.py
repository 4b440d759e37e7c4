"""A mixture of normal distributions."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, CountedMethodSettings, Points
from pipeline.clustering_methods.fitting import fit_each


class GaussianMixtureSettings(CountedMethodSettings):
    """Fits normal distributions and gives each point to the likeliest."""

    method: Literal["gaussian_mixture"] = "gaussian_mixture"
    max_points: PositiveInt = Field(200_000, description="left out, in words, above so many vectors")
    covariance: Literal["full", "tied", "diag", "spherical"] = Field("diag", description="form of the distributions")


def fit(points: Points, settings: GaussianMixtureSettings, ks: Sequence[int]) -> Clusterings:
    """Fit for each k by itself."""
    from pipeline.kernels.clustering.gaussian_mixture import gaussian_mixture

    return fit_each(
        ks, lambda k: gaussian_mixture(points.vectors, k, covariance=settings.covariance, seed=points.seed(k))
    )


METHOD = ClusteringMethod(GaussianMixtureSettings, fit, version=1, seconds_per_vector=0.01)
