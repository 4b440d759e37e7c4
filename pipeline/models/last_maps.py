"""A network's last maps, and how a class's score depends on them."""

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.models.backbones import BackboneEncoder
from pipeline.models.runtime import deterministic
from pipeline.models.timm_model import timm_model


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
        return _as_array(_maps(encoder, picture))


def class_gradients(
    encoder: BackboneEncoder, picture: NDArray[np.uint8], output: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The last maps, and the gradient of one of the classifier's scores in them; both float32 [C, h, w].

    Parameters
    ----------
    encoder : BackboneEncoder
        With its classifier: made for ``logits``.
    picture : uint8 [H, W]
    output : int
        Which score.

    Raises
    ------
    UsageError
        The network has no such maps, or not so many scores.
    """
    if not 0 <= output < encoder.dimension:
        raise UsageError(f"The network {encoder.name!r} has {encoder.dimension} scores; there is no number {output}.")
    with deterministic():
        maps = _maps(encoder, picture).detach().requires_grad_()
        timm_model(encoder.module.model).forward_head(maps)[0, output].backward()
        assert maps.grad is not None, "the score depends on the maps"
        return _as_array(maps), _as_array(maps.grad)


def _maps(encoder: BackboneEncoder, picture: NDArray[np.uint8]) -> torch.Tensor:
    module = encoder.module
    values = module.normalise(torch.from_numpy(picture[None]).to(module.mean.device))
    maps: torch.Tensor = timm_model(module.model).forward_features(values)
    if maps.ndim != 4:
        raise UsageError(f"The network {encoder.name!r} ends in no maps over the picture; take a convolutional one.")
    return maps


def _as_array(maps: torch.Tensor) -> NDArray[np.float32]:
    return np.asarray(maps[0].detach().cpu().float().numpy())
