"""The table of clustering methods."""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Discriminator

from pipeline.clustering_methods import density_peaks, kmeans, ward
from pipeline.clustering_methods.base import ClusteringMethod, MethodSettings

METHODS: tuple[ClusteringMethod, ...] = (kmeans.METHOD, density_peaks.METHOD, ward.METHOD)


if TYPE_CHECKING:
    AnyMethod = MethodSettings
else:
    AnyMethod = Annotated[Union[tuple(entry.settings for entry in METHODS)], Discriminator("method")]  # noqa: UP007


def method_of(settings: MethodSettings) -> ClusteringMethod:
    """The entry that these settings belong to."""
    return next(entry for entry in METHODS if entry.name == settings.method)
