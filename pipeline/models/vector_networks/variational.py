"""A variational autoencoder: codes near a standard normal distribution.

References
----------
Kingma and Welling 2014, arXiv:1312.6114; Higgins et al. 2017 (the weight of the divergence).
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from pipeline.models.vector_networks.module import VectorAutoencoder, apply, dense
from pipeline.models.vector_networks.settings import VectorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class VariationalSettings(VectorSettings):
    """Settings of a variational autoencoder.

    Attributes
    ----------
    layers : tuple of int
        Widths before the code, with ReLU; the decoder mirrors them.
    outputs : int
        Length of a code.
    divergence_weight : float
        Of the divergence from the standard normal distribution, beside the reconstruction's loss summed over a row.
    """

    layers: tuple[int, ...] = (512, 256)
    outputs: int = 16
    divergence_weight: float = 1.0

    def __post_init__(self) -> None:
        VectorSettings.__post_init__(self)
        self.require(len(self.layers) > 0 and min(self.layers) > 0, "layers", "one or more positive widths")
        self.require(self.outputs >= 1, "outputs", "at least 1")
        self.require(self.divergence_weight >= 0, "divergence_weight", "at least 0")

    @property
    def code_size(self) -> int:
        """Length of a code."""
        return self.outputs


class VariationalAutoencoder(VectorAutoencoder):
    """A row's code is the mean of its distribution; training draws from it."""

    def __init__(self, dimension: int, settings: VariationalSettings) -> None:
        super().__init__(dimension, settings)
        widths = (dimension, *settings.layers)
        self._weight = settings.divergence_weight
        self.encoders = nn.ModuleList(dense(a, b) for a, b in pairwise(widths))
        self.to_mean = dense(widths[-1], settings.outputs)
        self.to_log_variance = dense(widths[-1], settings.outputs)
        self.decoders = nn.ModuleList(dense(a, b) for a, b in pairwise((settings.outputs, *reversed(widths))))

    def code_of(self, scaled: torch.Tensor) -> torch.Tensor:
        """Codes [B, code] of scaled rows [B, D]: the means."""
        return apply(self.to_mean, self._hidden(scaled))

    def logits_of(self, codes: torch.Tensor) -> torch.Tensor:
        """Scaled rows [B, D] of codes, before the output's activation."""
        for place, layer in enumerate(self.decoders):
            codes = apply(layer, codes)
            if place < len(self.decoders) - 1:
                codes = torch.relu(codes)
        return codes

    def training_loss(self, rows: torch.Tensor, seed: int) -> torch.Tensor:
        """The negative evidence lower bound of a row, over its length."""
        scaled = self.scaled(rows)
        hidden = self._hidden(scaled)
        mean, log_variance = apply(self.to_mean, hidden), apply(self.to_log_variance, hidden)
        drawn = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed)).to(mean.device)
        logits = self.logits_of(mean + (log_variance / 2).exp() * drawn)
        divergence = divergence_from_normal(mean, log_variance).mean() / scaled.shape[1]
        return self.reconstruction_loss(logits, scaled) + self._weight * divergence

    def _hidden(self, values: torch.Tensor) -> torch.Tensor:
        for layer in self.encoders:
            values = torch.relu(apply(layer, values))
        return values


def divergence_from_normal(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence [B] of diagonal normal distributions from the standard one, in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)
