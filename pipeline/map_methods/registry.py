"""The table of methods of laying out."""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Discriminator

from pipeline.map_methods import tsne, umap
from pipeline.map_methods.base import MapMethod, MapSettings

METHODS: tuple[MapMethod, ...] = (tsne.METHOD, umap.METHOD)


if TYPE_CHECKING:
    AnyMap = MapSettings
else:
    AnyMap = Annotated[Union[tuple(entry.settings for entry in METHODS)], Discriminator("method")]  # noqa: UP007


def method_of(settings: MapSettings) -> MapMethod:
    """The entry that these settings belong to."""
    return next(entry for entry in METHODS if entry.name == settings.method)
