"""A network's maps over a picture, and how a score depends on them at each place.

A score is looked at in the deepest of the network's stages whose maps have at least 7 x 7 values: in the last one at
224 px, earlier at less, where the last maps of a picture of 64 px are 2 x 2 and tell no place.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.models.backbones import BackboneEncoder
from pipeline.models.runtime import deterministic
from pipeline.models.timm_model import timm_model

FEWEST_CELLS = 7
"""Rows and columns from which on maps tell a place."""


def last_maps(encoder: BackboneEncoder, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The last convolution's activations for one gray picture.

    Parameters
    ----------
    encoder : BackboneEncoder
    picture : uint8 [H, W]

    Returns
    -------
    float32 [C, h, w]

    Raises
    ------
    UsageError
        The network has no such maps (transformers).
    """
    with deterministic(), torch.no_grad():
        return _as_array(_stages(encoder, picture)[-1])


def class_gradients(
    encoder: BackboneEncoder, picture: NDArray[np.uint8], output: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The deepest maps that tell a place, and the gradient of one of the classifier's scores in them.

    Parameters
    ----------
    encoder : BackboneEncoder
        With its classifier: made for ``logits``.
    picture : uint8 [H, W]
    output : int
        Which score.

    Returns
    -------
    maps, gradients : float32 [C, h, w]
        h and w at least `FEWEST_CELLS`; where no maps of the network have as many, those that have most.

    Raises
    ------
    UsageError
        The network has no such maps, or not so many scores.
    """
    if not 0 <= output < encoder.dimension:
        raise UsageError(f"The network {encoder.name!r} has {encoder.dimension} scores; there is no number {output}.")
    model = timm_model(encoder.module.model)
    return _gradients(encoder, picture, lambda last: model.forward_head(last)[0, output])


def feature_gradients(
    encoder: BackboneEncoder, picture: NDArray[np.uint8], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The same for the means of the last maps, summed with weights, float64 [C]."""
    chosen = torch.from_numpy(weights).float()
    return _gradients(encoder, picture, lambda last: last[0].mean(dim=(1, 2)) @ chosen.to(last.device))


def _gradients(
    encoder: BackboneEncoder, picture: NDArray[np.uint8], score: Callable[[torch.Tensor], torch.Tensor]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    with deterministic():
        stages = _stages(encoder, picture)
        maps = next((one for one in reversed(stages) if _cells(one) >= FEWEST_CELLS), max(stages, key=_cells))
        [found] = torch.autograd.grad(score(stages[-1]), [maps])
        return _as_array(maps), _as_array(found)


def _cells(maps: torch.Tensor) -> int:
    return min(maps.shape[2:])


def _stages(encoder: BackboneEncoder, picture: NDArray[np.uint8]) -> list[torch.Tensor]:
    """Maps [1, C, h, w] of the stages that timm names, and the last ones, in the order of the pass."""
    module, found = encoder.module, list[torch.Tensor]()
    model = timm_model(module.model)
    hooks = [
        module.model.get_submodule(stage["module"]).register_forward_hook(lambda _, __, maps: found.append(maps))
        for stage in model.feature_info
    ]
    try:
        values = module.normalise(torch.from_numpy(picture[None]).to(module.mean.device))
        last = model.forward_features(values.requires_grad_())
    finally:
        for hook in hooks:
            hook.remove()
    if last.ndim != 4 or getattr(module.model, "output_fmt", "NCHW") != "NCHW":
        raise UsageError(f"The network {encoder.name!r} ends in no maps over the picture; take a convolutional one.")
    return [*found, last]


def _as_array(maps: torch.Tensor) -> NDArray[np.float32]:
    return np.asarray(maps[0].detach().cpu().float().numpy())
