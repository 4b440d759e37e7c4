"""Backbones of timm as encoders: a gray picture in, the network's pooled features out.

Weights come from one place that the caller names: a seed, a local file or the hub. None stands in for another
that cannot be had.
"""

import difflib
import hashlib
import os
import socket
import sys
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from pipeline.errors import UsageError, WeightsError
from pipeline.models.encoders import check_images, encode_in_fixed_batches
from pipeline.models.runtime import seeded
from pipeline.models.torchvision_ops import declare_torchvision_operators

declare_torchvision_operators()

import timm  # noqa: E402  (after the operators that its import of torchvision needs)
from timm.models import load_state_dict  # noqa: E402

_PROBE_SECONDS = 4.0
_PROBE_ADDRESSES = 3
_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".tar")
_OTHER_WAYS = (
    "Name a local .safetensors or .pth file as the weights, ask for weights='random', or use the default "
    "autoencoder, which is trained on the corpus itself and needs no weights."
)


class BackboneEncoder:
    """A timm network without its classifier; an `Encoder`.

    Parameters
    ----------
    model : nn.Module
        From `timm.create_model` with ``num_classes=0``.
    name : str
    device : str
        ``"cpu"`` or ``"cuda"``.
    image_size : int
        Side in pixels of the network's input.
    batch_size : int
        Length of every batch; the last is padded.
    """

    def __init__(self, model: nn.Module, *, name: str, device: str, image_size: int, batch_size: int) -> None:
        self.name = name
        self.batch_size = batch_size
        self.image_size = image_size
        self.dimension = int(getattr(model, "head_hidden_size", None) or cast(int, model.num_features))
        self.weights_fingerprint = weights_fingerprint(model)
        self._device = device
        self._model = model.to(device).eval()
        config = _config(model)
        self._mean = torch.tensor(config["mean"], device=device).view(1, -1, 1, 1)
        self._std = torch.tensor(config["std"], device=device).view(1, -1, 1, 1)

    def encode(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features, float32 [B, dimension], of gray pictures, uint8 [B, H, W]; B may be 0.

        A picture is stretched to the network's square input (bilinear, antialiased), its gray repeated in all
        channels and normalised with the mean and deviation that the network was trained with.

        Raises
        ------
        UsageError
            If ``images`` is not uint8 [B, H, W].
        """
        check_images(images)
        return encode_in_fixed_batches(
            self._forward, images, dimension=self.dimension, batch_size=self.batch_size, device=self._device
        )

    def _forward(self, images: torch.Tensor) -> torch.Tensor:
        pictures = images[:, None].float() / 255.0
        size = (self.image_size, self.image_size)
        if pictures.shape[2:] != size:
            pictures = functional.interpolate(pictures, size=size, mode="bilinear", antialias=True, align_corners=False)
        features: torch.Tensor = self._model((pictures - self._mean) / self._std)
        return features


def load_backbone(
    name: str, *, weights: str, seed: int, device: str = "cpu", image_size: int = 224, batch_size: int = 16
) -> BackboneEncoder:
    """Make a timm backbone with the weights that the caller names, and no others.

    Parameters
    ----------
    name : str
        A name of timm, e.g. ``resnet18`` or ``resnet18.a1_in1k`` (the tag chooses among weights of the hub).
    weights : str
        ``"random"``: drawn from ``seed``, equal in every process. ``"hub"``: timm's pretrained weights, from
        the cache or the network. Else the path of a .safetensors or .pth file; no code in it is run.
    seed : int
        Used with ``"random"`` alone.
    device : str
        ``"cpu"`` or ``"cuda"``.
    image_size : int
        Side of the network's input. Transformers are made for it (it must be a multiple of their patch).
    batch_size : int
        Pictures a pass; every batch is padded to it.

    Raises
    ------
    UsageError
        If timm has no model of this name, or it cannot be made at this size.
    WeightsError
        If the weights cannot be had or do not fit; offline, within about a quarter of a minute.
    """
    if batch_size < 1 or image_size < 1:
        raise UsageError(f"image_size ({image_size}) and batch_size ({batch_size}) must be at least 1.")
    model = _create_model(name, seed=seed, image_size=image_size)
    if weights != "random":
        origin = _download(name, model) if weights == "hub" else _local_file(name, weights)
        _load_weights(name, model, origin)
    return BackboneEncoder(model, name=name, device=device, image_size=image_size, batch_size=batch_size)


def weights_fingerprint(model: nn.Module) -> str:
    """MD5 of all parameters and buffers with their names, types and shapes; 32 hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {list(values.shape)}\n".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _create_model(name: str, *, seed: int, image_size: int) -> nn.Module:
    if not timm.is_model(name):
        near = difflib.get_close_matches(name.split(".")[0], timm.list_models(), n=5, cutoff=0.5)
        hint = f"the nearest names are {', '.join(near)}" if near else "no name is near it"
        raise UsageError(f"timm {timm.__version__} has no model {name!r}; {hint}. timm.list_models() shows all.")
    options: dict[str, Any] = {}
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if config is not None and config.fixed_input_size:
        options["img_size"] = image_size
    try:
        with seeded(seed):
            model: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, **options)
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        raise UsageError(f"The model {name!r} cannot be made for pictures of {image_size} px: {error}") from error
    patch = getattr(getattr(model, "patch_embed", None), "patch_size", (1, 1))
    if image_size % patch[0]:
        # timm would cut off the rest at the right and bottom without a word.
        raise UsageError(f"The model {name!r} sees patches of {patch[0]} px: {image_size} px is no multiple.")
    channels = _config(model)["input_size"][0]
    if channels != 3:
        raise UsageError(f"The model {name!r} takes pictures of {channels} channels; only 3 are supported.")
    return model


def _local_file(name: str, weights: str) -> Path:
    path = Path(weights)
    if not path.is_file():
        raise WeightsError(
            f"The weights of {name!r} were to be read from {weights!r}, but there is no such file (looked in "
            f"{path.absolute().parent}). {_OTHER_WAYS}"
        )
    if path.suffix not in _SUFFIXES:
        raise WeightsError(
            f"The weights of {name!r} were to be read from {weights!r}, but weights are files that end in "
            f"{', '.join(_SUFFIXES)}. {_OTHER_WAYS}"
        )
    return path


def _load_weights(name: str, model: nn.Module, path: Path) -> None:
    """Fill the model from a file, which must hold every weight of it and no others but a classifier's."""
    try:
        state = load_state_dict(str(path), weights_only=True)
        # Renames old keys and resizes position embeddings; timm keeps it beside each architecture.
        adapt = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
        state = adapt(state, model) if adapt is not None else state
        own = model.state_dict()
        resized = [key for key, values in state.items() if key in own and values.shape != own[key].shape]
        fitting = {key: values for key, values in state.items() if key not in resized}
        missing, unexpected = model.load_state_dict(fitting, strict=False)
    except Exception as error:  # what a damaged file raises is safetensors', pickle's or zipfile's choice
        raise WeightsError(f"The weights in {str(path)!r} cannot be loaded into {name!r}: {error}") from error
    foreign = [key for key in unexpected if not key.startswith(_classifier_prefixes(model))]
    if missing or foreign:
        raise WeightsError(
            f"The weights in {str(path)!r} are not those of {name!r}: {len(missing)} tensors are missing "
            f"or of another shape ({', '.join(missing[:3]) or 'none'}) and {len(foreign)} are unknown "
            f"({', '.join(foreign[:3]) or 'none'}). Name the model that the file was made for. {_OTHER_WAYS}"
        )


def _config(model: nn.Module) -> dict[str, Any]:
    """What timm knows of the model's weights: where they are, and the input they were trained on."""
    return cast(dict[str, Any], model.pretrained_cfg)


def _classifier_prefixes(model: nn.Module) -> tuple[str, ...]:
    classifier = _config(model).get("classifier") or "classifier"
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    return tuple(f"{name}." for name in names)


def _download(name: str, model: nn.Module) -> Path:
    """Fetch the pretrained weights of a model into the hub's cache, or find them there."""
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    repository = _config(model).get("hf_hub_id")
    if not repository:
        raise WeightsError(f"timm has no weights for {name!r} on the Hugging Face hub. {_OTHER_WAYS}")
    repository, _, revision = repository.partition("@")
    files = [_config(model).get("hf_hub_filename"), "model.safetensors", "pytorch_model.bin"]
    offline = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else _why_unreachable(constants.ENDPOINT)
    try:
        for file in filter(None, files):
            try:
                return Path(
                    hf_hub_download(
                        repository,
                        file,
                        revision=revision or None,
                        etag_timeout=_PROBE_SECONDS,
                        local_files_only=bool(offline),
                    )
                )
            except EntryNotFoundError as error:
                absent = error
                continue
        raise absent
    except Exception as error:  # the hub's client lets errors of several HTTP libraries through
        reason = offline or f"{type(error).__name__}: {str(error).splitlines()[0]}"
        raise WeightsError(
            f"The pretrained weights of {name!r} cannot be had: they are {repository!r} on "
            f"{constants.ENDPOINT}, which cannot be used ({reason}), and they are not in the cache "
            f"{constants.HF_HUB_CACHE!r}. {_OTHER_WAYS}"
        ) from error


def _why_unreachable(endpoint: str) -> str:
    """Empty if the hub, or the proxy in front of it, accepts a connection; else the reason.

    The hub's client retries for minutes where there is no network: a single knock comes first.
    """
    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")
    target = urlsplit(proxy or endpoint)
    host, port = target.hostname or "", target.port or (443 if target.scheme == "https" else 80)
    reason = "it has no address"
    try:
        # A firewall that drops packets costs the whole time-out an address, and hubs have many of them.
        for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[:_PROBE_ADDRESSES]:
            try:
                with socket.create_connection((str(address[0]), port), timeout=_PROBE_SECONDS):
                    return ""
            except OSError as error:
                reason = str(error)
    except OSError as error:
        reason = str(error)
    return f"no connection to {host}:{port}: {reason}"
