"""The base of all vector networks: scaling in front, a loss behind."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from pipeline.models.products import linear
from pipeline.models.vector_networks.settings import VectorSettings


class VectorAutoencoder(nn.Module):
    """Scaled rows to codes and back.

    A family defines `code_of` and `logits_of`; ``shift`` and ``scale`` [D] are stored with the weights.

    Parameters
    ----------
    dimension : int
        Length D of a row.
    settings : VectorSettings
    """

    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self, dimension: int, settings: VectorSettings) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("shift", torch.zeros(dimension))
        self.register_buffer("scale", torch.ones(dimension))

    def code_of(self, scaled: torch.Tensor) -> torch.Tensor:
        """Codes [B, code] of scaled rows [B, D]."""
        raise NotImplementedError

    def logits_of(self, codes: torch.Tensor) -> torch.Tensor:
        """Scaled rows [B, D] of codes, before the output's activation."""
        raise NotImplementedError

    def scale_like(self, rows: NDArray[np.float32]) -> None:
        """Take the scaling from the training rows."""
        if self.settings.scaling == "none":
            return
        if self.settings.scaling == "min_max":
            shift, spread = rows.min(axis=0).astype(np.float64), np.ptp(rows.astype(np.float64), axis=0)
        else:
            shift, spread = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
        constant = spread <= 1e-6 * np.maximum(np.abs(shift), 1e-30)
        self.shift.copy_(torch.from_numpy(shift))
        self.scale.copy_(torch.from_numpy(np.where(constant, 1.0, spread)))

    def scaled(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows as the network sees them."""
        return (rows - self.shift) / self.scale

    def encode(self, rows: torch.Tensor) -> torch.Tensor:
        """Codes [B, code] of rows [B, D] in their own units."""
        return self.code_of(self.scaled(rows))

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Rows [B, D] in their own units, of codes."""
        return self._output(self.logits_of(codes)) * self.scale + self.shift

    def loss(self, rows: torch.Tensor) -> torch.Tensor:
        """What a test row loses: the reconstruction's loss."""
        scaled = self.scaled(rows)
        return self.reconstruction_loss(self.logits_of(self.code_of(scaled)), scaled)

    def training_loss(self, rows: torch.Tensor, seed: int) -> torch.Tensor:
        """What a step lowers; ``seed`` is that of the step, for families that draw."""
        return self.loss(rows)

    def reconstruction_loss(self, logits: torch.Tensor, scaled: torch.Tensor) -> torch.Tensor:
        """Mean over all values."""
        if self.settings.loss == "bce":
            return functional.binary_cross_entropy_with_logits(logits, scaled.clamp(0, 1))
        return functional.mse_loss(self._output(logits), scaled)

    def _output(self, logits: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(logits) if self.settings.output == "sigmoid" else logits


def dense(n_in: int, n_out: int) -> nn.Linear:
    """A dense layer with Glorot's uniform weights, as Keras begins."""
    layer = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def apply(layer: nn.Module, values: torch.Tensor) -> torch.Tensor:
    """Apply a dense layer; a row's bits do not depend on its place."""
    assert isinstance(layer, nn.Linear)
    return linear(values, layer.weight, layer.bias)
