import json

import numpy as np
import pytest
import safetensors.torch
import torch

from pipeline.errors import WeightsError
from pipeline.models.convolutional import ConvolutionalEncoder, train_convolutional_autoencoder
from pipeline.models.serialisation import build_encoder, fingerprint, network_from_bytes, network_to_bytes
from pipeline.models.settings import ConvolutionalSettings, StackedSettings
from pipeline.models.stacked import StackedEncoder
from pipeline.models.stacked_training import train_stacked_autoencoder
from pipeline.models.training import TrainedNetwork

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (5, 32, 32), dtype=np.uint8)
VECTORS = RNG.normal(size=(9, 6)).astype(np.float32)
IDS = np.arange(9, dtype=np.uint64) * 1_000_003


def convolutional() -> TrainedNetwork:
    settings = ConvolutionalSettings(input_size=16, channels=(3, 4), code_size=5, epochs=1, batch_size=4)
    return train_convolutional_autoencoder(IMAGES, IDS[:5], settings=settings, seed=3)


def stacked(*, seed: int = 3) -> TrainedNetwork:
    settings = StackedSettings(layers=(4, 2), tied=(False, True), epochs=(1, 1, 1, 1, 1), test_fraction=0)
    return train_stacked_autoencoder(VECTORS, IDS, settings=settings, seed=seed)


@pytest.mark.parametrize("make", [convolutional, stacked])
def test_a_stored_network_is_the_same_network(make: type) -> None:
    network = make()
    data = network_to_bytes(network)
    assert network_from_bytes(data) == network
    assert network_to_bytes(network_from_bytes(data)) == data == network_to_bytes(make())


def test_encoders_of_stored_networks_give_identical_codes() -> None:
    pictures, vectors = convolutional(), stacked()
    loaded_pictures, loaded_vectors = (build_encoder(network_to_bytes(one)) for one in (pictures, vectors))
    assert isinstance(loaded_pictures, ConvolutionalEncoder)
    assert isinstance(loaded_vectors, StackedEncoder)
    np.testing.assert_array_equal(loaded_pictures.encode(IMAGES), ConvolutionalEncoder(pictures).encode(IMAGES))
    np.testing.assert_array_equal(loaded_vectors.encode(VECTORS), StackedEncoder(vectors).encode(VECTORS))


def test_fingerprints_tell_networks_apart() -> None:
    first, second = network_to_bytes(stacked()), network_to_bytes(stacked(seed=4))
    assert fingerprint(first) == fingerprint(bytes(first)) != fingerprint(second)
    assert len(fingerprint(first)) == 32


def with_metadata(**changes: object) -> bytes:
    data = network_to_bytes(stacked())
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = json.loads(header["__metadata__"]["semcorpus"]) | changes
    return safetensors.torch.save(safetensors.torch.load(data), {"semcorpus": json.dumps(metadata)})


def test_unknown_kinds_and_newer_formats_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"kind 'diffusion'.*convolutional, stacked"):
        network_from_bytes(with_metadata(kind="diffusion"))
    with pytest.raises(WeightsError, match="format 99"):
        network_from_bytes(with_metadata(format=99))


def test_settings_of_a_newer_version_are_refused() -> None:
    with pytest.raises(WeightsError, match="momentum"):
        network_from_bytes(with_metadata(settings={"momentum": 0.9}))


def test_settings_that_do_not_fit_the_tensors_are_refused() -> None:
    with pytest.raises(WeightsError, match="do not fit"):
        build_encoder(with_metadata(settings={"layers": [5, 2], "tied": [False, True]}))


def test_foreign_and_damaged_files_are_refused() -> None:
    foreign = safetensors.torch.save({"weight": torch.zeros(2)})
    with pytest.raises(WeightsError, match="not written by semcorpus"):
        network_from_bytes(foreign)
    for damaged in (b"", b"pickle", network_to_bytes(stacked())[:-5]):
        with pytest.raises(WeightsError, match="no sound safetensors file"):
            network_from_bytes(damaged)
