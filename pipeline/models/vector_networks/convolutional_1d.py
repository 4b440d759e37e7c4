"""The ore study's convolutional autoencoder: spectra to a code of 16 values."""

from dataclasses import dataclass

import torch
from torch import nn

from pipeline.models.vector_networks.module import VectorAutoencoder, apply, dense
from pipeline.models.vector_networks.settings import VectorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolutional1dSettings(VectorSettings):
    """Settings of an autoencoder that folds along a row.

    Attributes
    ----------
    channels : tuple of int
        Of the encoder's stages, each of which halves the length.
    kernel : int
        Neighbouring values that one output rests on; odd.
    outputs : int
        Length of a code.
    """

    channels: tuple[int, ...] = (16, 32)
    kernel: int = 5
    outputs: int = 16

    def __post_init__(self) -> None:
        VectorSettings.__post_init__(self)
        self.require(len(self.channels) > 0 and min(self.channels) > 0, "channels", "one or more positive numbers")
        self.require(self.kernel >= 1 and self.kernel % 2 == 1, "kernel", "an odd number of at least 1")
        self.require(self.outputs >= 1, "outputs", "at least 1")

    @property
    def code_size(self) -> int:
        """Length of a code."""
        return self.outputs


class Convolutional1dAutoencoder(VectorAutoencoder):
    """Convolutions of stride 2 with tanh, a dense code, and back."""

    def __init__(self, dimension: int, settings: Convolutional1dSettings) -> None:
        super().__init__(dimension, settings)
        self._lengths = [dimension]
        for _ in settings.channels:
            self._lengths.append(-(-self._lengths[-1] // 2))
        depths, pad = (1, *settings.channels), settings.kernel // 2
        stages = range(len(settings.channels))
        self._deepest = settings.channels[-1]
        self.down = nn.ModuleList(
            nn.Conv1d(depths[n], depths[n + 1], settings.kernel, stride=2, padding=pad) for n in stages
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose1d(
                depths[n + 1],
                depths[n],
                settings.kernel,
                stride=2,
                padding=pad,
                output_padding=1 - self._lengths[n] % 2,
            )
            for n in reversed(stages)
        )
        inner = self._deepest * self._lengths[-1]
        self.to_code, self.from_code = dense(inner, settings.outputs), dense(settings.outputs, inner)

    def code_of(self, scaled: torch.Tensor) -> torch.Tensor:
        """Codes [B, code] of scaled rows [B, D]."""
        values = scaled[:, None, :]
        for layer in self.down:
            values = torch.tanh(layer(values))
        return torch.tanh(apply(self.to_code, values.flatten(1)))

    def logits_of(self, codes: torch.Tensor) -> torch.Tensor:
        """Scaled rows [B, D] of codes, before the output's activation."""
        values = torch.tanh(apply(self.from_code, codes)).reshape(-1, self._deepest, self._lengths[-1])
        for place, layer in enumerate(self.up):
            values = layer(values)
            if place < len(self.up) - 1:
                values = torch.tanh(values)
        return values.flatten(1)
