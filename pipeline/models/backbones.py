"""Backbones of timm as encoders: a gray picture in, the network's pooled features out.

Weights come from one place that the caller names: a package, a seed, a local file or the hub. None stands in for
another that cannot be had.
"""

import difflib
import hashlib
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.errors import UsageError, WeightsError
from pipeline.models.encoders import Forward, check_images, encode_in_fixed_batches
from pipeline.models.packaged_weights import PACKAGED_WEIGHTS
from pipeline.models.runtime import deterministic, seeded
from pipeline.models.timm_model import timm_model
from pipeline.models.torchvision_ops import declare_torchvision_operators

declare_torchvision_operators()

import timm  # noqa: E402  (after the operators that its import of torchvision needs)

from pipeline.models.onnx_network import OnnxNetwork  # noqa: E402
from pipeline.models.weights_files import OTHER_WAYS, local_file, packaged_file  # noqa: E402
from pipeline.models.weights_loading import load_weights  # noqa: E402

_PROBE_SECONDS = 4.0
_PROBE_ADDRESSES = 3
Runtime = Literal["torch", "onnx"]
Output = Literal["features", "logits", "mean_maps"]


class BackboneEncoder:
    """A network of timm as an encoder of pictures of any one shape.

    Parameters
    ----------
    model : nn.Module
        From `timm.create_model`, with its classifier or without.
    name : str
    device : str
        ``"cpu"`` or ``"cuda"``.
    image_size : int
        Side in pixels of the pictures that the network was made for.
    any_size : bool
        Whether it takes pictures of other sizes too.
    mean, std : sequence of 3 floats
        Of what the network was trained on, for values of 0 to 1.
    batch_size : int
        Length of every batch under Torch; the last is padded. Where a GPU has no memory for one, it is halved.
    runtime : {"torch", "onnx"}
        What runs it. ONNX Runtime is for processors.
    outputs : sequence of {"features", "logits", "mean_maps"}
        As in `load_backbone`, side by side, all from one pass.

    Attributes
    ----------
    batch_size : int
        What it is now.
    widths : tuple of int
        Lengths of the outputs.
    dimension : int
        Their sum.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        name: str,
        device: str,
        image_size: int,
        any_size: bool = True,
        mean: Sequence[float],
        std: Sequence[float],
        batch_size: int,
        runtime: Runtime = "torch",
        outputs: Sequence[Output] = ("features",),
    ) -> None:
        self.name = name
        self.batch_size = batch_size
        self.image_size = image_size
        self.any_size = any_size
        self.weights_fingerprint = weights_fingerprint(model)
        self._device = device
        self._module = NormalisedModel(model, mean, std, outputs).to(device).eval()
        self._forward: Forward = self._module if device == "cpu" else in_bfloat16(self._module, device)
        self.widths = self._widths()
        self.dimension = sum(self.widths)
        self._onnx = None
        if runtime == "onnx":
            self._onnx = OnnxNetwork(self._module, name=name, side=image_size, any_size=any_size)

    @property
    def module(self) -> "NormalisedModel":
        """The network under Torch."""
        return self._module

    def _widths(self) -> tuple[int, ...]:
        nothing = torch.zeros((1, self.image_size, self.image_size), dtype=torch.uint8, device=self._device)
        with deterministic(), torch.inference_mode():
            return tuple(int(values.shape[1]) for values in self._module.each(nothing))

    def encode(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features, float32 [B, dimension], of gray pictures, uint8 [B, H, W]; B may be 0.

        A picture's gray is repeated in all channels and normalised with the mean and deviation that the network was
        trained with. A network of one size only gets pictures of that size; others any multiples of 32.

        Raises
        ------
        UsageError
            If ``images`` is not uint8 [B, H, W], or the network does not take the size.
        """
        check_images(images)
        shape = images.shape[1:]
        if shape != (self.image_size, self.image_size) and (not self.any_size or shape[0] % 32 or shape[1] % 32):
            raise UsageError(f"The network {self.name!r} does not take pictures of {shape[1]} x {shape[0]} px.")
        if self._onnx is not None:
            features = [self._onnx(picture) for picture in images]
            return np.stack(features) if features else np.empty((0, self.dimension), np.float32)
        while True:
            try:
                return encode_in_fixed_batches(
                    self._forward, images, dimension=self.dimension, batch_size=self.batch_size, device=self._device
                )
            except torch.OutOfMemoryError as error:
                if self.batch_size == 1:
                    raise UsageError(
                        f"The network {self.name!r} does not have memory enough for one picture of {shape[1]} x "
                        f'{shape[0]} px. Take a larger GPU, device = "cpu", or a smaller image_size.'
                    ) from error
                self.batch_size //= 2  # all of these pictures anew: their last bits come from batches of one length


def in_bfloat16(module: nn.Module, device: str) -> Forward:
    """The same network, its products and convolutions in bfloat16: on GPUs that have it, much faster."""

    def forward(values: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device, torch.bfloat16):
            found: torch.Tensor = module(values)
        return found

    return forward


class NormalisedModel(nn.Module):
    """Gray pictures uint8 [B, H, W] as the network wants them, and its outputs side by side, [B, D]."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self, model: nn.Module, mean: Sequence[float], std: Sequence[float], outputs: Sequence[Output]
    ) -> None:
        super().__init__()
        self.model = model
        self.outputs = tuple(outputs)
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def normalise(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures as the network wants them, [B, 3, H, W]."""
        values = (pictures[:, None].float() / 255.0 - self.mean) / self.std
        return values.contiguous(memory_format=torch.channels_last)

    def each(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """The outputs, each [B, D], from one pass."""
        maps = timm_model(self.model).forward_features(self.normalise(pictures))
        found: dict[Output, torch.Tensor] = {}
        if "mean_maps" in self.outputs:
            found["mean_maps"] = maps.mean(dim=(2, 3))
        if set(self.outputs) != {"mean_maps"}:
            found["features"], found["logits"] = self._ends(maps)
        return [found[output] for output in self.outputs]

    def _ends(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the classifier is given, and what it gives; where only one of them is asked for, that one twice."""
        model, given = timm_model(self.model), list[torch.Tensor]()
        if not {"features", "logits"} <= set(self.outputs):
            end = model.forward_head(maps)
            return end, end
        classifier = model.get_classifier()
        if not isinstance(classifier, nn.Module):
            raise UsageError("The network has several classifiers; ask for its features or its logits, not for both.")
        # Heads differ in what comes before the classifier; what it is given are the features in all of them.
        hook = classifier.register_forward_pre_hook(lambda _, values: given.append(values[0].flatten(1)))
        logits = model.forward_head(maps)
        hook.remove()
        return given[0], logits

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        found = self.each(pictures)
        return found[0] if len(found) == 1 else torch.cat(found, dim=1)


def load_backbone(
    name: str,
    *,
    weights: str,
    seed: int,
    device: str = "cpu",
    image_size: int = 0,
    batch_size: int = 16,
    runtime: Runtime = "torch",
    outputs: Sequence[Output] = ("features",),
    classes: int = 0,
) -> BackboneEncoder:
    """Make a timm backbone with the weights that the caller names, and no others.

    Parameters
    ----------
    name : str
        A name of timm, e.g. ``resnet18`` or ``resnet18.a1_in1k`` (the tag chooses among weights of the hub).
    weights : str
        ``"package"``: those of an installed package. ``"random"``: drawn from ``seed``, equal in every process.
        ``"hub"``: timm's pretrained weights, from the cache or the network. Else the path of a .safetensors or .pth
        file; no code in it is run.
    seed : int
        Used with ``"random"`` alone.
    device : str
        ``"cpu"`` or ``"cuda"``.
    image_size : int
        Side of the network's input; 0: the side that it was trained with. Transformers are made for it (it must be
        a multiple of their patch).
    batch_size : int
        Pictures a pass under Torch; every batch is padded to it.
    runtime : {"torch", "onnx"}
        On a GPU it is Torch whatever is asked for.
    outputs : sequence of {"features", "logits", "mean_maps"}
        What comes before the classifier; the scores of the classes that the network was trained on; or the mean over
        the picture of the last convolution's maps, which for VGG16 is something else than its 4,096 features. Several
        come from one pass, with the bits that each has alone.
    classes : int
        Scores that the classifier gives; 0: as many as timm's network has.

    Raises
    ------
    UsageError
        If timm has no model of this name, or it cannot be made at this size.
    WeightsError
        If the weights cannot be had or do not fit; offline, within about a quarter of a minute.
    """
    if batch_size < 1 or image_size < 0:
        raise UsageError(
            f"image_size ({image_size}) and batch_size ({batch_size}) must be at least 1 (0: the model's own size)."
        )
    side = image_size or _trained_size(name)
    model = _create_model(name, seed=seed, image_size=side, classes=classes)
    if weights != "random":
        load_weights(name, model, _weights_file(name, model, weights), with_classifier="logits" in outputs)
    if "logits" not in outputs:
        timm_model(model).reset_classifier(0)
    config = _config(model)
    mean, std = _input_range(name, model, packaged=weights == "package")
    return BackboneEncoder(
        model,
        name=name,
        device=device,
        image_size=side,
        any_size=not config.get("fixed_input_size"),
        mean=mean,
        std=std,
        batch_size=batch_size,
        runtime="torch" if device != "cpu" else runtime,
        outputs=outputs,
    )


def normalised_model(
    name: str, *, weights: str, seed: int, image_size: int, packaged: str | None = None
) -> NormalisedModel:
    """A network with its classifier, for further training.

    Parameters
    ----------
    name, weights, seed, image_size
        As in `load_backbone`.
    packaged : str, optional
        What ``weights`` were when the network was first made, where they are loaded afterwards: a package has pictures
        of its own mean and deviation.
    """
    model = _create_model(name, seed=seed, image_size=image_size)
    if weights != "random":
        load_weights(name, model, _weights_file(name, model, weights), with_classifier=True)
    mean, std = _input_range(name, model, packaged=(packaged or weights) == "package")
    return NormalisedModel(model, mean, std, ("logits",))


def _input_range(name: str, model: nn.Module, *, packaged: bool) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and deviation of the pictures that the network was trained on."""
    if packaged:
        return (PACKAGED_WEIGHTS[name].mean,) * 3, (PACKAGED_WEIGHTS[name].std,) * 3
    return _config(model)["mean"], _config(model)["std"]


def _weights_file(name: str, model: nn.Module, weights: str) -> Path:
    if weights == "package":
        return packaged_file(name)
    return _download(name, model) if weights == "hub" else local_file(name, weights)


def _trained_size(name: str) -> int:
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return int(config.input_size[1]) if config is not None else 224


def weights_fingerprint(model: nn.Module) -> str:
    """MD5 of all parameters and buffers with their names, types and shapes; 32 hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {list(values.shape)}\n".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _create_model(name: str, *, seed: int, image_size: int, classes: int = 0) -> nn.Module:
    if not timm.is_model(name):
        near = difflib.get_close_matches(name.split(".")[0], timm.list_models(), n=5, cutoff=0.5)
        hint = f"the nearest names are {', '.join(near)}" if near else "no name is near it"
        raise UsageError(f"timm {timm.__version__} has no model {name!r}; {hint}. timm.list_models() shows all.")
    options: dict[str, Any] = {"num_classes": classes} if classes else {}
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if config is not None and config.fixed_input_size:
        options["img_size"] = image_size
    try:
        with seeded(seed):
            model: nn.Module = timm.create_model(name, pretrained=False, **options)
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


def _config(model: nn.Module) -> Mapping[str, Any]:
    """What timm knows of the model's weights: where they are, and the input they were trained on."""
    return timm_model(model).pretrained_cfg


def _download(name: str, model: nn.Module) -> Path:
    """Fetch the pretrained weights of a model into the hub's cache, or find them there."""
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    repository = _config(model).get("hf_hub_id")
    if not repository:
        raise WeightsError(f"timm has no weights for {name!r} on the Hugging Face hub. {OTHER_WAYS}")
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
            f"{constants.HF_HUB_CACHE!r}. {OTHER_WAYS}"
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
