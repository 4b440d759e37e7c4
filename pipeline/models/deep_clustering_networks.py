"""The autoencoders under deep clustering: dense ones for vectors, convolutional ones for small pictures."""

import math
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from pipeline.errors import UsageError
from pipeline.models.picture_changes import affine_maps
from pipeline.models.products import linear

_MOST_DEGREES, _MOST_SHIFT = 10.0, 0.1


class DenseCoder(nn.Module):
    """D to a code through dense layers with ReLU and back; code and output are linear."""

    def __init__(self, dimension: int, layers: tuple[int, ...], code_size: int) -> None:
        super().__init__()
        widths = (dimension, *layers, code_size)
        self.encoders = nn.ModuleList(_linear(a, b) for a, b in pairwise(widths))
        self.decoders = nn.ModuleList(_linear(a, b) for a, b in pairwise(reversed(widths)))

    def encode(self, values: torch.Tensor) -> torch.Tensor:
        """Codes [B, code] of standardised rows [B, D]."""
        return _through(self.encoders, values)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Standardised rows [B, D] of codes [B, code]."""
        return _through(self.decoders, codes)


class ConvolutionalCoder(nn.Module):
    """A small picture to a code and back; every stage of ``channels`` halves the side."""

    def __init__(self, dimension: int, shape: tuple[int, int], channels: tuple[int, ...], code_size: int) -> None:
        super().__init__()
        if math.prod(shape) != dimension:
            raise UsageError(f"Rows of length {dimension} are no pictures of {shape[0]} x {shape[1]} pixels.")
        sides = [shape]
        for _ in channels:
            sides.append((-(-sides[-1][0] // 2), -(-sides[-1][1] // 2)))
        self._sides = sides
        self._channels = channels
        depths = (1, *channels)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 5 if place < 2 else 3, stride=2, padding=2 if place < 2 else 1)
            for place, (a, b) in enumerate(zip(depths, channels, strict=False))
        )
        inner = channels[-1] * math.prod(sides[-1])
        self.to_code, self.from_code = _linear(inner, code_size), _linear(code_size, inner)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(
                channels[place],
                depths[place],
                5 if place < 2 else 3,
                stride=2,
                padding=2 if place < 2 else 1,
                output_padding=(1 - sides[place][0] % 2, 1 - sides[place][1] % 2),
            )
            for place in reversed(range(len(channels)))
        )

    def encode(self, values: torch.Tensor) -> torch.Tensor:
        """Codes [B, code] of standardised rows [B, D]."""
        values = values.reshape(-1, 1, *self._sides[0])
        for layer in self.down:
            values = functional.relu(layer(values))
        return linear(values.flatten(1), self.to_code.weight, self.to_code.bias)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Standardised rows [B, D] of codes [B, code]."""
        values = functional.relu(self.from_code(codes)).reshape(-1, self._channels[-1], *self._sides[-1])
        for place, layer in enumerate(self.up):
            values = layer(values)
            if place < len(self.up) - 1:
                values = functional.relu(values)
        return values.flatten(1)


def moved(values: torch.Tensor, shape: tuple[int, int], numbers: NDArray[np.uint64]) -> torch.Tensor:
    """Turn and shift each picture [B, H W] by up to 10 degrees and a tenth of its side, as its number says."""
    thirds = [((numbers >> np.uint64(shift)) & np.uint64(0xFFFFF)) / 2.0**19 - 1 for shift in (0, 20, 40)]
    turn, right, down = (torch.from_numpy(third).float() for third in thirds)
    shift = torch.stack((right, down), dim=1) * (2 * _MOST_SHIFT)
    maps = affine_maps(turn * math.radians(_MOST_DEGREES), shift, shape)
    pictures = values.reshape(-1, 1, *shape)
    grid = functional.affine_grid(maps, list(pictures.shape), align_corners=False)
    sampled = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    return sampled.flatten(1)


def _through(layers: nn.ModuleList, values: torch.Tensor) -> torch.Tensor:
    for place, layer in enumerate(layers):
        values = linear(values, layer.weight, layer.bias)  # type: ignore[arg-type]
        if place < len(layers) - 1:
            values = functional.relu(values)
    return values


def _linear(n_in: int, n_out: int) -> nn.Linear:
    layer = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
