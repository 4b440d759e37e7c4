"""Dense autoencoders: simple, multilayer, with sparse codes, and the ore study's for spectra."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import get_args

import torch
from torch import nn

from pipeline.models.stacked import ACTIVATIONS
from pipeline.models.vector_networks.module import VectorAutoencoder, apply, dense
from pipeline.models.vector_networks.settings import HiddenActivation, VectorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSettings(VectorSettings):
    """Settings of a dense autoencoder.

    Attributes
    ----------
    layers : tuple of int
        Widths down to the code; the decoder mirrors them.
    activation : str
        Of all layers, the code's included, but the output.
    l1 : float
        Times the mean size of a code's value, added to what training lowers: sparse codes.
    """

    layers: tuple[int, ...] = (64,)
    activation: HiddenActivation = "relu"
    l1: float = 0.0

    def __post_init__(self) -> None:
        VectorSettings.__post_init__(self)
        self.require(len(self.layers) > 0 and min(self.layers) > 0, "layers", "one or more positive widths")
        self.require(self.activation in get_args(HiddenActivation), "activation", f"in {get_args(HiddenActivation)}")
        self.require(self.l1 >= 0, "l1", "at least 0")

    @property
    def code_size(self) -> int:
        """Length of a code."""
        return self.layers[-1]


class DenseAutoencoder(VectorAutoencoder):
    """Dense layers to the code and back."""

    def __init__(self, dimension: int, settings: DenseSettings) -> None:
        super().__init__(dimension, settings)
        widths = (dimension, *settings.layers)
        self._l1 = settings.l1
        self._activation: Callable[[torch.Tensor], torch.Tensor] = ACTIVATIONS[settings.activation]
        self.encoders = nn.ModuleList(dense(a, b) for a, b in pairwise(widths))
        self.decoders = nn.ModuleList(dense(a, b) for a, b in pairwise(reversed(widths)))

    def code_of(self, scaled: torch.Tensor) -> torch.Tensor:
        """Codes [B, code] of scaled rows [B, D]."""
        for layer in self.encoders:
            scaled = self._activation(apply(layer, scaled))
        return scaled

    def logits_of(self, codes: torch.Tensor) -> torch.Tensor:
        """Scaled rows [B, D] of codes, before the output's activation."""
        for place, layer in enumerate(self.decoders):
            codes = apply(layer, codes)
            if place < len(self.decoders) - 1:
                codes = self._activation(codes)
        return codes

    def training_loss(self, rows: torch.Tensor, seed: int) -> torch.Tensor:
        """The reconstruction's loss and the codes' size."""
        scaled = self.scaled(rows)
        codes = self.code_of(scaled)
        return self.reconstruction_loss(self.logits_of(codes), scaled) + self._l1 * codes.abs().mean()
