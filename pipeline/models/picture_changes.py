"""Random changes of small pictures that leave what they show: what contrastive learning is not to see.

Every number is a hash of the picture's id and of a stream: a picture's change depends neither on the batch it is in nor
on what was drawn before.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pipeline.models.contrastive_settings import ContrastiveSettings
from pipeline.models.training import hash_ids

_BEND_CELLS = 4
_AFFINE_NUMBERS = 7
_CROP_AND_LIGHT = 8  # numbers of crop, symmetry, contrast and brightness
_STREAM_CHANGES, _STREAM_LIGHT = 5, 6


def changed(
    pictures: torch.Tensor, ids: NDArray[np.uint64], settings: ContrastiveSettings, *stream: int
) -> torch.Tensor:
    """Change each picture, float32 [B, 1, H, W] with a background near 0, in its own way.

    Parameters
    ----------
    pictures : tensor
    ids : uint64 [B]
    settings : ContrastiveSettings
    stream : int
        Another stream gives another change of the same picture: the seed, the epoch and the view.
    """
    numbers = _numbers(ids, _AFFINE_NUMBERS + 2 * _BEND_CELLS**2, stream).to(pictures.device)
    affine, bends = numbers[:, :_AFFINE_NUMBERS], numbers[:, _AFFINE_NUMBERS:]
    maps = _maps(affine, pictures.shape[2:], settings)
    light = None
    if settings.crop < 1 or settings.flip != "none" or settings.contrast > 0:
        light = _numbers(ids, _CROP_AND_LIGHT, (*stream, _STREAM_LIGHT)).to(pictures.device)
        maps = _within_crops(maps, light, settings, square=pictures.shape[2] == pictures.shape[3])
    grid = functional.affine_grid(maps, list(pictures.shape), align_corners=False)
    coarse = 2 * settings.bend * bends.reshape(-1, 2, _BEND_CELLS, _BEND_CELLS)
    bend = functional.interpolate(coarse, size=pictures.shape[2:], mode="bicubic", align_corners=True)
    beyond = "zeros" if settings.outside == "dark" else "reflection"
    moved = functional.grid_sample(pictures, grid + bend.permute(0, 2, 3, 1), padding_mode=beyond, align_corners=False)
    return _relit(_reweighted(moved, settings.weight * affine[:, 6]), light, settings)


def _numbers(ids: NDArray[np.uint64], count: int, stream: tuple[int, ...]) -> torch.Tensor:
    """Numbers from -1 to 1, float32 [B, count]."""
    columns = [hash_ids(ids, _STREAM_CHANGES, *stream, place) / 2.0**63 - 1 for place in range(count)]
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))


def _maps(numbers: torch.Tensor, shape: torch.Size, settings: ContrastiveSettings) -> torch.Tensor:
    turn, shear = numbers[:, 0] * math.radians(settings.turn_degrees), numbers[:, 1] * settings.shear
    wide, high = 1 + numbers[:, 2] * settings.scale, 1 + numbers[:, 3] * settings.scale
    return affine_maps(
        turn, 2 * settings.shift * numbers[:, 4:6], (shape[0], shape[1]), shear=shear, scale=(wide, high)
    )


def affine_maps(
    turn: torch.Tensor,
    shift: torch.Tensor,
    shape: tuple[int, int],
    *,
    shear: torch.Tensor | float = 0.0,
    scale: tuple[torch.Tensor | float, torch.Tensor | float] = (1.0, 1.0),
) -> torch.Tensor:
    """Affine maps [B, 2, 3] from places in the new picture to places in the old one, both from -1 to 1.

    Parameters
    ----------
    turn : tensor [B]
        Radians.
    shift : tensor [B, 2]
        To the right and down, in halves of the side.
    shape : tuple of int
        Rows and columns of the pictures.
    shear : tensor [B] or float
    scale : tensors [B] or floats
        Across and down.
    """
    ratio = shape[0] / shape[1]
    maps = turn.new_zeros(len(turn), 2, 3)
    maps[:, 0, 0] = turn.cos() * scale[0]
    maps[:, 0, 1] = (shear * turn.cos() - turn.sin()) * scale[1] * ratio
    maps[:, 1, 0] = turn.sin() * scale[0] / ratio
    maps[:, 1, 1] = (shear * turn.sin() + turn.cos()) * scale[1]
    maps[:, :, 2] = shift
    return maps


def _within_crops(
    maps: torch.Tensor, numbers: torch.Tensor, settings: ContrastiveSettings, *, square: bool
) -> torch.Tensor:
    """The maps after a symmetry, within a part of the picture that lies in it as a whole."""
    side = 1 - (1 - settings.crop) * (numbers[:, 0] + 1) / 2
    maps = maps.clone()
    if settings.flip != "none":
        mirrored = numbers[:, 3] < 0
        maps[mirrored, :, 0] *= -1
    if settings.flip == "any":
        upside_down = numbers[:, 4] < 0
        maps[upside_down, :, 1] *= -1
        if square:
            swapped = numbers[:, 5] < 0
            maps[swapped, :, :2] = maps[swapped, :, :2].flip(2)
    maps[:, :, :2] *= side[:, None, None]
    maps[:, :, 2] += (1 - side)[:, None] * numbers[:, 1:3]
    return maps


def _relit(pictures: torch.Tensor, numbers: torch.Tensor | None, settings: ContrastiveSettings) -> torch.Tensor:
    """Contrast and brightness changed, if they are to be."""
    if numbers is None or settings.contrast == 0:
        return pictures
    change = settings.contrast * numbers[:, 6:, None, None, None]
    return pictures * (1 + change[:, 0]) + change[:, 1]


def _reweighted(pictures: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Strokes made thicker where the share is positive, thinner where it is negative, by their neighbours' extremes."""
    thick = functional.max_pool2d(pictures, 3, stride=1, padding=1)
    thin = -functional.max_pool2d(-pictures, 3, stride=1, padding=1)
    share = share[:, None, None, None]
    return pictures + share.clamp(min=0) * (thick - pictures) - share.clamp(max=0) * (thin - pictures)
