"""The table of networks."""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Discriminator

from pipeline.networks import (
    cae,
    contrastive,
    convolutional_1d,
    convolutional_2d,
    dense,
    finetuned,
    gradients,
    sae,
    textures,
    timm_backbone,
    variational,
)
from pipeline.networks.base import CodeNetworkSettings, Network, NetworkSettings, PictureNetworkSettings

NETWORKS: tuple[Network, ...] = (
    timm_backbone.NETWORK,
    textures.NETWORK,
    gradients.NETWORK,
    finetuned.NETWORK,
    cae.NETWORK,
    contrastive.NETWORK,
    sae.NETWORK,
    dense.NETWORK,
    convolutional_1d.NETWORK,
    convolutional_2d.NETWORK,
    variational.NETWORK,
)
"""Recipes know them in this order."""


def networks_of(base: type[NetworkSettings]) -> tuple[Network, ...]:
    """Those that see pictures (`PictureNetworkSettings`), or that code vectors (`CodeNetworkSettings`)."""
    return tuple(entry for entry in NETWORKS if issubclass(entry.settings, base))


if TYPE_CHECKING:
    AnyPictureNetwork = PictureNetworkSettings
    AnyCodeNetwork = CodeNetworkSettings
else:
    AnyPictureNetwork = Annotated[
        Union[tuple(entry.settings for entry in networks_of(PictureNetworkSettings))],  # noqa: UP007
        Discriminator("network"),
    ]
    AnyCodeNetwork = Annotated[
        Union[tuple(entry.settings for entry in networks_of(CodeNetworkSettings))],  # noqa: UP007
        Discriminator("network"),
    ]


def network_of(settings: NetworkSettings) -> Network:
    """The entry that these settings belong to."""
    return next(entry for entry in NETWORKS if entry.name == settings.network)
