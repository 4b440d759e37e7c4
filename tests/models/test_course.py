"""A training that is broken off, stored and taken up again gives the bits of one that was not."""

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from pipeline.errors import WeightsError
from pipeline.models.contrastive import train_contrastive_network
from pipeline.models.contrastive_settings import ContrastiveSettings
from pipeline.models.convolutional import train_convolutional_autoencoder
from pipeline.models.course import Course, TrainingPausedError
from pipeline.models.serialisation import network_to_bytes
from pipeline.models.settings import ConvolutionalSettings, StackedSettings
from pipeline.models.stacked_training import train_stacked_autoencoder
from pipeline.models.training import TrainedNetwork
from pipeline.models.vector_networks.registry import NETWORKS
from pipeline.models.vector_networks.training import train_vector_network

Train = Callable[..., TrainedNetwork]

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (24, 16, 16), dtype=np.uint8)
VECTORS = RNG.normal(size=(120, 12)).astype(np.float32)
STACKED = StackedSettings(
    layers=(8, 5, 3),
    order=("1_a", "1_b", "1", "2", "g"),
    epochs=(2, 2, 2, 2, 9),
    patience=3,
    plateau=1,
    learning_rate=0.05,
    l2=1e-3,
)

TRAININGS: dict[str, Train] = {
    "pictures": partial(
        train_convolutional_autoencoder,
        PICTURES,
        RNG.permutation(24).astype(np.uint64),
        settings=ConvolutionalSettings(input_size=16, channels=(4, 4), code_size=5, epochs=3, batch_size=8),
    ),
    "contrast": partial(
        train_contrastive_network,
        PICTURES.reshape(24, -1),
        RNG.permutation(24).astype(np.uint64),
        settings=ContrastiveSettings(
            image_shape=(16, 16), channels=(3, 4), code_size=5, epochs=3, batch_size=8, flip="any", crop=0.5
        ),
    ),
    "stacked": partial(train_stacked_autoencoder, VECTORS, RNG.permutation(120).astype(np.uint64), settings=STACKED),
    "rmsprop": partial(
        train_vector_network,
        VECTORS,
        RNG.permutation(120).astype(np.uint64),
        settings=dataclasses.replace(NETWORKS["spectra_convolutional"], epochs=4, batch_size=32),
    ),
}


@pytest.mark.parametrize("kind", TRAININGS)
def test_broken_off_after_every_epoch_it_gives_the_same_bits(kind: str) -> None:
    whole = TRAININGS[kind](seed=3)
    state, epochs = b"", [0]
    while True:
        try:
            broken = TRAININGS[kind](seed=3, course=Course(over=lambda: True, state=state))
            break
        except TrainingPausedError as pause:
            state = pause.state
            epochs.append(len(pause.history))
    assert len(epochs) > 2
    assert all(np.diff(epochs) > 0), "every part trains further"
    assert network_to_bytes(broken) == network_to_bytes(whole)


@pytest.mark.parametrize("state", [b"none", b"\x02\0\0\0\0\0\0\0{}"])
def test_a_damaged_state_is_refused(state: bytes) -> None:
    with pytest.raises(WeightsError, match="unfinished training"):
        Course(state=state)
