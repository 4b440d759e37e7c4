"""A file of trained weights put into a network of timm; no code in the file is run."""

import sys
from pathlib import Path

import torch
from torch import nn

from pipeline.errors import WeightsError
from pipeline.models.timm_model import timm_model
from pipeline.models.torchvision_ops import declare_torchvision_operators
from pipeline.models.weights_files import OTHER_WAYS

declare_torchvision_operators()

from timm.models import load_state_dict  # noqa: E402  (after the operators that its import of torchvision needs)

_AUXILIARY = "AuxLogits."  # InceptionV3's second classifier, which only its training uses


def load_weights(name: str, model: nn.Module, path: Path, *, with_classifier: bool) -> None:
    """Fill the model from a file: every weight of it must be there (a classifier's if asked for), and no foreign one.

    A file whose names are not timm's is taken tensor by tensor where the order and every shape are those of timm's
    network with its classifier.

    Raises
    ------
    WeightsError
        The file is damaged, or of another network.
    """
    try:
        state = load_state_dict(str(path), weights_only=True)
        own = model.state_dict()
        if not set(state) & set(own):
            state = _renamed_by_order(state, own)
        # Renames old keys and resizes position embeddings; timm keeps it beside each architecture.
        adapt = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
        state = adapt(state, model) if adapt is not None else state
        resized = [key for key, values in state.items() if key in own and values.shape != own[key].shape]
        fitting = {key: values for key, values in state.items() if key not in resized}
        missing, unexpected = model.load_state_dict(fitting, strict=False)
    except Exception as error:  # what a damaged file raises is safetensors', pickle's or zipfile's choice
        raise WeightsError(f"The weights in {str(path)!r} cannot be loaded into {name!r}: {error}") from error
    classifier = _classifier_prefixes(model)
    foreign = [key for key in unexpected if not key.startswith((*classifier, _AUXILIARY))]
    missing = [key for key in missing if with_classifier or not key.startswith(classifier)]
    if missing or foreign:
        raise WeightsError(
            f"The weights in {str(path)!r} are not those of {name!r}: {len(missing)} tensors are missing "
            f"or of another shape ({', '.join(missing[:3]) or 'none'}) and {len(foreign)} are unknown "
            f"({', '.join(foreign[:3]) or 'none'}). Name the model that the file was made for. {OTHER_WAYS}"
        )


def _renamed_by_order(state: dict[str, torch.Tensor], own: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors under timm's names: the i-th is the i-th, if all shapes agree; else as they are."""
    if [values.shape for values in state.values()] != [values.shape for values in own.values()]:
        return state
    # Memory order is part of how convolutions sum: a tensor laid out otherwise gives other last bits.
    return {key: values.contiguous() for key, values in zip(own, state.values(), strict=True)}


def _classifier_prefixes(model: nn.Module) -> tuple[str, ...]:
    classifier = timm_model(model).pretrained_cfg.get("classifier") or "classifier"
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    return tuple(f"{name}." for name in names)
