"""All vector networks by name. A new family is one file beside this one and one entry here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.errors import UsageError
from pipeline.models.vector_networks.convolutional_1d import Convolutional1dAutoencoder, Convolutional1dSettings
from pipeline.models.vector_networks.convolutional_2d import Convolutional2dAutoencoder, Convolutional2dSettings
from pipeline.models.vector_networks.dense import DenseAutoencoder, DenseSettings
from pipeline.models.vector_networks.module import VectorAutoencoder
from pipeline.models.vector_networks.settings import VectorSettings
from pipeline.models.vector_networks.variational import VariationalAutoencoder, VariationalSettings


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of network: its settings, and how it is built from (length of a row, settings)."""

    settings: type[VectorSettings]
    build: Callable[[int, Any], VectorAutoencoder]


FAMILIES: dict[str, Family] = {
    "dense": Family(DenseSettings, DenseAutoencoder),
    "convolutional_1d": Family(Convolutional1dSettings, Convolutional1dAutoencoder),
    "convolutional_2d": Family(Convolutional2dSettings, Convolutional2dAutoencoder),
    "variational": Family(VariationalSettings, VariationalAutoencoder),
}

_SPECTRA: dict[str, Any] = {
    "loss": "bce", "optimiser": "rmsprop", "batch_size": 256, "epochs": 30, "patience": 5, "plateau": 3,
}  # fmt: skip

NETWORKS: dict[str, VectorSettings] = {
    "simple": DenseSettings(layers=(64,)),
    "multilayer": DenseSettings(layers=(512, 128, 64)),
    "sparse": DenseSettings(layers=(64,), l1=1e-3),
    "convolutional": Convolutional2dSettings(),
    "spectra_dense": DenseSettings(layers=(128, 64, 32, 16, 4), activation="tanh", **_SPECTRA),
    "spectra_convolutional": Convolutional1dSettings(**_SPECTRA),
    "variational": VariationalSettings(patience=5),
}
"""Networks of the studies by name: of the traffic signs, of the ore's spectra, and the one that they wished for."""


def network_settings(name: str) -> VectorSettings:
    """Settings of a network by name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name not in NETWORKS:
        raise UsageError(f"There is no vector network {name!r}; there are {', '.join(NETWORKS)}.")
    return NETWORKS[name]


def build_network(dimension: int, settings: VectorSettings) -> VectorAutoencoder:
    """Make a network of new weights for rows of length ``dimension``."""
    family = next(family for family in FAMILIES.values() if type(settings) is family.settings)
    return family.build(dimension, settings)
