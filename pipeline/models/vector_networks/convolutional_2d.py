"""The signs study's convolutional autoencoder: a row is a picture with its colours."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from pipeline.errors import UsageError
from pipeline.models.vector_networks.module import VectorAutoencoder
from pipeline.models.vector_networks.settings import VectorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolutional2dSettings(VectorSettings):
    """Settings of an autoencoder whose code is a stack of small maps.

    Attributes
    ----------
    image_shape : tuple of int
        Height, width and colours of the picture that a row holds (C order); the sides are multiples of
        2 ** stages.
    channels : tuple of int
        Of the encoder's stages, each of which halves both sides; the last are the code's maps.
    """

    image_shape: tuple[int, int, int] = (32, 32, 3)
    channels: tuple[int, ...] = (16, 8, 8)

    def __post_init__(self) -> None:
        VectorSettings.__post_init__(self)
        self.require(len(self.channels) > 0 and min(self.channels) > 0, "channels", "one or more positive numbers")
        unit = 2 ** len(self.channels)
        sides = self.image_shape[:2]
        fits = len(self.image_shape) == 3 and min(self.image_shape) > 0 and not any(side % unit for side in sides)
        self.require(fits, "image_shape", f"height, width and colours, the sides multiples of {unit}")

    @property
    def code_size(self) -> int:
        """Length of a code."""
        unit = 1 << len(self.channels)
        return self.channels[-1] * (self.image_shape[0] // unit) * (self.image_shape[1] // unit)


class Convolutional2dAutoencoder(VectorAutoencoder):
    """Convolutions and pooling to the code's maps, nearest enlargement and convolutions back."""

    def __init__(self, dimension: int, settings: Convolutional2dSettings) -> None:
        super().__init__(dimension, settings)
        height, width, colours = settings.image_shape
        if math.prod(settings.image_shape) != dimension:
            raise UsageError(f"Rows of length {dimension} are no pictures of {height} x {width} x {colours} values.")
        self._shape, unit = settings.image_shape, 2 ** len(settings.channels)
        self._maps = (settings.channels[-1], height // unit, width // unit)
        depths = (colours, *settings.channels)
        stages = range(len(settings.channels))
        self.down = nn.ModuleList(nn.Conv2d(depths[n], depths[n + 1], 3, padding=1) for n in stages)
        self.up = nn.ModuleList(nn.Conv2d(depths[n + 1], depths[n], 3, padding=1) for n in reversed(stages))

    def code_of(self, scaled: torch.Tensor) -> torch.Tensor:
        """Codes [B, code] of scaled rows [B, D]."""
        values = scaled.reshape(-1, *self._shape).permute(0, 3, 1, 2)
        for layer in self.down:
            values = nn.functional.max_pool2d(torch.relu(layer(values)), 2)
        return values.flatten(1)

    def logits_of(self, codes: torch.Tensor) -> torch.Tensor:
        """Scaled rows [B, D] of codes, before the output's activation."""
        values = codes.reshape(-1, *self._maps)
        for place, layer in enumerate(self.up):
            values = layer(values.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
            if place < len(self.up) - 1:
                values = torch.relu(values)
        return values.permute(0, 2, 3, 1).flatten(1)
