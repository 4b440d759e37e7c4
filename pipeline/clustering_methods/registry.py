"""The table of clustering methods."""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Discriminator

from pipeline.clustering_methods import (
    advanced_density_peaks,
    affinity_propagation,
    average,
    centroid,
    complete,
    dbscan,
    density_peaks,
    fuzzy_c_means,
    gaussian_mixture,
    hdbscan,
    hierarchical_kmeans,
    k_medoids,
    kmeans,
    louvain,
    mean_shift,
    single,
    spectral,
    ward,
)
from pipeline.clustering_methods.base import ClusteringMethod, MethodSettings

METHODS: tuple[ClusteringMethod, ...] = (
    kmeans.METHOD,
    hierarchical_kmeans.METHOD,
    density_peaks.METHOD,
    advanced_density_peaks.METHOD,
    single.METHOD,
    complete.METHOD,
    average.METHOD,
    centroid.METHOD,
    ward.METHOD,
    hdbscan.METHOD,
    dbscan.METHOD,
    gaussian_mixture.METHOD,
    spectral.METHOD,
    louvain.METHOD,
    k_medoids.METHOD,
    fuzzy_c_means.METHOD,
    mean_shift.METHOD,
    affinity_propagation.METHOD,
)


if TYPE_CHECKING:
    AnyMethod = MethodSettings
else:
    AnyMethod = Annotated[Union[tuple(entry.settings for entry in METHODS)], Discriminator("method")]  # noqa: UP007


def method_of(settings: MethodSettings) -> ClusteringMethod:
    """The entry that these settings belong to."""
    return next(entry for entry in METHODS if entry.name == settings.method)
