"""Trained networks as bytes: safetensors with one line of JSON, never pickle.

The metadata has a single key, because safetensors writes several keys in no fixed order and equal networks
must have equal bytes.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
from typing import Any

import safetensors
import safetensors.torch

from pipeline.errors import WeightsError
from pipeline.models.contrastive import ContrastiveEncoder
from pipeline.models.contrastive_settings import ContrastiveSettings
from pipeline.models.convolutional import ConvolutionalEncoder
from pipeline.models.losses import EpochLoss
from pipeline.models.settings import ConvolutionalSettings, StackedSettings
from pipeline.models.stacked import StackedEncoder
from pipeline.models.training import AnySettings, TrainedNetwork
from pipeline.models.vector_networks.registry import FAMILIES
from pipeline.models.vector_networks.settings import VectorSettings
from pipeline.models.vector_networks.training import VectorEncoder

_KEY = "semcorpus"
_FORMAT = 1
_KINDS: dict[str, type[AnySettings]] = {
    "contrastive": ContrastiveSettings,
    "convolutional": ConvolutionalSettings,
    "stacked": StackedSettings,
    **{name: family.settings for name, family in FAMILIES.items()},
}


def network_to_bytes(network: TrainedNetwork) -> bytes:
    """Write a network with its kind, settings, seed, history and the software's version.

    Equal networks give equal bytes under the same version of semcorpus.
    """
    metadata = {
        "format": _FORMAT,
        "kind": next(kind for kind, settings in _KINDS.items() if isinstance(network.settings, settings)),
        "settings": dataclasses.asdict(network.settings),
        "seed": network.seed,
        "history": [dataclasses.asdict(loss) for loss in network.history],
        "semcorpus": importlib.metadata.version("semcorpus"),
    }
    text = json.dumps(metadata, sort_keys=True, allow_nan=False)
    return safetensors.torch.save(safetensors.torch.load(network.state), {_KEY: text})


def network_from_bytes(data: bytes) -> TrainedNetwork:
    """Read a network that `network_to_bytes` wrote.

    Raises
    ------
    WeightsError
        If the bytes are not safetensors, not ours, damaged, of an unknown kind or of a newer format.
    """
    metadata = _read_metadata(data)
    kind = metadata.get("kind")
    if metadata.get("format") != _FORMAT or kind not in _KINDS:
        raise WeightsError(
            f"This network is of kind {kind!r}, format {metadata.get('format')!r}, written by semcorpus "
            f"{metadata.get('semcorpus', 'of an unknown version')}; this version reads the kinds "
            f"{', '.join(_KINDS)} in format {_FORMAT}. Install the version that wrote it, or train again."
        )
    try:
        return TrainedNetwork(
            state=safetensors.torch.save(safetensors.torch.load(data)),
            settings=_settings(_KINDS[kind], metadata["settings"]),
            seed=int(metadata["seed"]),
            history=tuple(EpochLoss(**loss) for loss in metadata["history"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"The settings stored with this {kind} network cannot be read: {error}.") from error


def build_encoder(
    data: bytes, *, device: str = "cpu"
) -> ConvolutionalEncoder | ContrastiveEncoder | StackedEncoder | VectorEncoder:
    """Make the encoder that stored bytes describe, on ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    WeightsError
        As `network_from_bytes`, or if the tensors do not fit the settings.
    """
    network = network_from_bytes(data)
    try:
        if isinstance(network.settings, StackedSettings):
            return StackedEncoder(network, device=device)
        if isinstance(network.settings, VectorSettings):
            return VectorEncoder(network, device=device)
        if isinstance(network.settings, ContrastiveSettings):
            return ContrastiveEncoder(network, device=device)
        return ConvolutionalEncoder(network, device=device)
    except (RuntimeError, KeyError) as error:
        raise WeightsError(f"The tensors of this network do not fit its settings: {error}") from error


def fingerprint(data: bytes) -> str:
    """MD5 of stored bytes, 32 hexadecimal digits: part of the key of everything made with the network."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _read_metadata(data: bytes) -> dict[str, Any]:
    """The JSON in the file's header; the header's length is its first 8 bytes, little endian."""
    try:
        safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise WeightsError(f"These {len(data)} bytes are no sound safetensors file: {error}.") from error
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    text = header.get("__metadata__", {}).get(_KEY)
    if text is None:
        raise WeightsError(
            "This safetensors file was not written by semcorpus: it does not say what network it holds. "
            "A backbone's weights are named in the recipe as a path instead (embed.weights)."
        )
    metadata: dict[str, Any] = json.loads(text)
    return metadata


def _settings(kind: type[AnySettings], stored: dict[str, Any]) -> AnySettings:
    """JSON knows no tuples."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
    }
    return kind(**values)
