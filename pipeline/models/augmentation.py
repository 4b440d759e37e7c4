"""Random changes of training pictures that leave their class: each follows from a picture's number alone."""

import math
from typing import Literal

import torch
from numpy import uint64
from numpy.typing import NDArray
from torch.nn import functional

Augment = Literal["none", "shift", "turn", "tilt"]

_SHIFT = 0.1  # of the side
_CONTRAST = 0.2
_TILT = math.radians(12)
_STRETCH = 0.15
_TILTED_CONTRAST = 0.5
_BRIGHTNESS = 40.0  # gray levels
_BITS = 8  # of a number that one change takes


def augmented(images: torch.Tensor, numbers: NDArray[uint64], *, augment: Augment) -> torch.Tensor:
    """Change each picture, uint8 [B, S, S], by its number.

    Parameters
    ----------
    images : tensor
    numbers : uint64 [B]
        Uniformly distributed.
    augment : {"none", "shift", "turn", "tilt"}
        ``shift``: moved, and changed in contrast. ``turn``: also by quarter turns and mirrored. ``tilt``: moved,
        turned by up to 12 degrees, stretched by up to 15% along each axis, changed in contrast and brightness; upright
        things stay upright.
    """
    if augment == "none":
        return images
    return _tilted(images, numbers) if augment == "tilt" else _shifted(images, numbers, turn=augment == "turn")


def _shifted(images: torch.Tensor, numbers: NDArray[uint64], *, turn: bool) -> torch.Tensor:
    side = images.shape[-1]
    most = max(1, round(_SHIFT * side))
    padded = functional.pad(images[:, None].float(), (most,) * 4, mode="replicate")[:, 0]
    found = []
    for picture, number in zip(padded, numbers.tolist(), strict=True):
        down, right = number % (2 * most + 1), number // 64 % (2 * most + 1)
        part = picture[down : down + side, right : right + side]
        if turn:
            part = torch.rot90(part, number // 4096 % 4, dims=(0, 1))
            part = part.flip(1) if number // 16384 % 2 else part
        factor = 1 + _CONTRAST * ((number // 65536 % 1001) / 500 - 1)
        found.append((part - part.mean()) * factor + part.mean())
    return _as_gray(torch.stack(found))


def _tilted(images: torch.Tensor, numbers: NDArray[uint64]) -> torch.Tensor:
    angle, wide, high, right, down, contrast, brightness = _shares(numbers, 7)
    angle, wide, high = angle * _TILT, 1 + _STRETCH * wide, 1 + _STRETCH * high
    maps = torch.stack(
        [
            torch.stack([angle.cos() * wide, -angle.sin() * high, 2 * _SHIFT * right], dim=1),
            torch.stack([angle.sin() * wide, angle.cos() * high, 2 * _SHIFT * down], dim=1),
        ],
        dim=1,
    )
    pictures = images[:, None].float()
    grid = functional.affine_grid(maps, list(pictures.shape), align_corners=False)
    moved = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)[:, 0]
    means = moved.mean(dim=(1, 2), keepdim=True)
    factors = (1 + _TILTED_CONTRAST * contrast)[:, None, None]
    return _as_gray((moved - means) * factors + means + _BRIGHTNESS * brightness[:, None, None])


def _shares(numbers: NDArray[uint64], count: int) -> list[torch.Tensor]:
    """Numbers from -1 to 1 of the bits of a number, float32 [B], ``count`` times."""
    levels = 2**_BITS
    parts = [(numbers >> uint64(_BITS * place)) % uint64(levels) for place in range(count)]
    return [torch.from_numpy((part / (levels - 1) * 2 - 1).astype("float32")) for part in parts]


def _as_gray(values: torch.Tensor) -> torch.Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)
