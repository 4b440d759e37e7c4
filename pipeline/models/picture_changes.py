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
_STREAM_CHANGES = 5


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
    numbers = _numbers(ids, _AFFINE_NUMBERS + 2 * _BEND_CELLS**2, stream)
    affine, bends = numbers[:, :_AFFINE_NUMBERS], numbers[:, _AFFINE_NUMBERS:]
    grid = functional.affine_grid(
        _maps(affine, pictures.shape[2:], settings), list(pictures.shape), align_corners=False
    )
    coarse = 2 * settings.bend * bends.reshape(-1, 2, _BEND_CELLS, _BEND_CELLS)
    bend = functional.interpolate(coarse, size=pictures.shape[2:], mode="bicubic", align_corners=True)
    moved = functional.grid_sample(pictures, grid + bend.permute(0, 2, 3, 1), align_corners=False)
    return _reweighted(moved, settings.weight * affine[:, 6])


def _numbers(ids: NDArray[np.uint64], count: int, stream: tuple[int, ...]) -> torch.Tensor:
    """Numbers from -1 to 1, float32 [B, count]."""
    columns = [hash_ids(ids, _STREAM_CHANGES, *stream, place) / 2.0**63 - 1 for place in range(count)]
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))


def _maps(numbers: torch.Tensor, shape: torch.Size, settings: ContrastiveSettings) -> torch.Tensor:
    """Affine maps [B, 2, 3] from places in the new picture to places in the old one, both from -1 to 1."""
    turn, shear = numbers[:, 0] * math.radians(settings.turn_degrees), numbers[:, 1] * settings.shear
    wide, high = 1 + numbers[:, 2] * settings.scale, 1 + numbers[:, 3] * settings.scale
    ratio = shape[0] / shape[1]
    maps = torch.zeros(len(numbers), 2, 3)
    maps[:, 0, 0] = turn.cos() * wide
    maps[:, 0, 1] = (shear * turn.cos() - turn.sin()) * high * ratio
    maps[:, 1, 0] = turn.sin() * wide / ratio
    maps[:, 1, 1] = (shear * turn.sin() + turn.cos()) * high
    maps[:, :, 2] = 2 * settings.shift * numbers[:, 4:6]
    return maps


def _reweighted(pictures: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Strokes made thicker where the share is positive, thinner where it is negative, by their neighbours' extremes."""
    thick = functional.max_pool2d(pictures, 3, stride=1, padding=1)
    thin = -functional.max_pool2d(-pictures, 3, stride=1, padding=1)
    share = share[:, None, None, None]
    return pictures + share.clamp(min=0) * (thick - pictures) - share.clamp(max=0) * (thin - pictures)
