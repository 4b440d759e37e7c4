import dataclasses
import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.errors import StageError, UsageError
from pipeline.models.convolutional import (
    ConvolutionalAutoencoder,
    ConvolutionalEncoder,
    normalise,
    train_convolutional_autoencoder,
)
from pipeline.models.losses import EpochLoss
from pipeline.models.settings import ConvolutionalSettings

SMALL = ConvolutionalSettings(
    input_size=32, channels=(6, 8, 8), code_size=16, epochs=6, batch_size=4, test_fraction=0.25
)


def textures(n: int, *, side: int = 48) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Stripes, spots and noise of random direction, brightness and contrast, with their classes."""
    rng, (y, x) = np.random.default_rng(3), np.mgrid[:side, :side]
    images, labels = np.empty((n, side, side), np.uint8), np.arange(n) % 3
    for image, label in zip(images, labels, strict=True):
        angle, shift = rng.uniform(0, np.pi), rng.uniform(0, 12)
        u, v = x * np.cos(angle) + y * np.sin(angle) + shift, y * np.cos(angle) - x * np.sin(angle)
        waves = np.sin(2 * np.pi * u / 12)
        pattern = (waves, waves * np.sin(2 * np.pi * v / 12) * 1.5, rng.normal(size=u.shape))[label]
        image[:] = np.clip(rng.uniform(80, 170) + rng.uniform(15, 50) * pattern, 0, 255)
    return images, labels


IMAGES, LABELS = textures(18)
IDS = np.random.default_rng(4).integers(0, 2**64, len(IMAGES), dtype=np.uint64)


def test_two_trainings_and_any_order_give_the_same_bits() -> None:
    first = train_convolutional_autoencoder(IMAGES, IDS, settings=SMALL, seed=1)
    order = np.random.default_rng(5).permutation(len(IDS))
    again = train_convolutional_autoencoder(IMAGES[order], IDS[order], settings=SMALL, seed=1)
    other = train_convolutional_autoencoder(IMAGES, IDS, settings=SMALL, seed=2)
    assert first == again
    assert first.state != other.state


def test_training_gives_the_same_bits_whatever_threads_are_set() -> None:
    settings, threads = dataclasses.replace(SMALL, epochs=2), torch.get_num_threads()
    one = train_convolutional_autoencoder(IMAGES, IDS, settings=settings, seed=1)
    torch.set_num_threads(2)
    try:
        assert train_convolutional_autoencoder(IMAGES, IDS, settings=settings, seed=1) == one
    finally:
        torch.set_num_threads(threads)


def test_losses_go_down_and_are_reported() -> None:
    reported: list[EpochLoss] = []
    network = train_convolutional_autoencoder(IMAGES, IDS, settings=SMALL, seed=1, on_epoch=reported.append)
    assert tuple(reported) == network.history
    assert [(loss.phase, loss.epoch) for loss in reported] == [("train", epoch) for epoch in range(1, 7)]
    first, last = reported[0], reported[-1]
    assert first.test_loss is not None
    assert last.test_loss is not None
    assert last.train_loss < first.train_loss
    assert last.test_loss < first.test_loss


def test_codes_separate_textures_that_raw_pixels_do_not() -> None:
    """The nearest other picture has the same class: by codes for nearly all, by pixels near chance."""
    network = train_convolutional_autoencoder(IMAGES, IDS, settings=SMALL, seed=1)
    codes = ConvolutionalEncoder(network).encode(IMAGES)

    def share_right(vectors: NDArray[np.float32]) -> float:
        distances_sq = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
        np.fill_diagonal(distances_sq, np.inf)
        return float((LABELS[distances_sq.argmin(axis=1)] == LABELS).mean())

    assert share_right(codes) >= 0.9
    assert share_right(IMAGES.reshape(len(IMAGES), -1).astype(np.float32)) < 0.7


def test_code_ignores_brightness_and_orientation() -> None:
    encoder = ConvolutionalEncoder(train_convolutional_autoencoder(IMAGES, IDS, settings=SMALL, seed=1))
    picture = (IMAGES[0] // 2).astype(np.uint8)
    same = np.stack([picture, picture + 100, np.rot90(picture), picture[:, ::-1]]).astype(np.uint8)
    codes = encoder.encode(np.concatenate([same, IMAGES[1:3]]))
    spread = np.abs(codes[:4] - codes[0]).max()
    assert spread < 1e-3 * np.abs(codes[4:] - codes[0]).max()


def test_code_axes_are_the_principal_components_by_hand() -> None:
    """Statistics on one line have one component, along the diagonal once they are standardised."""
    module = ConvolutionalAutoencoder(dataclasses.replace(SMALL, channels=(1,), code_size=2))
    module.fit_code(torch.tensor([[0.0, 0.0], [1.0, -2.0], [2.0, -4.0]]))
    codes = ((torch.tensor([[1.0, -2.0], [2.0, -4.0]]) - module.center) / module.spread) @ module.axes
    half = 1.0 / np.std([0, 1, 2])
    np.testing.assert_allclose(codes[0].numpy(), [0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(np.abs(codes[1].numpy()), [half * np.sqrt(2), 0.0], atol=1e-5)


def test_one_picture_trains_and_has_a_finite_code() -> None:
    network = train_convolutional_autoencoder(IMAGES[:1], IDS[:1], settings=SMALL, seed=1)
    assert all(loss.test_loss is None for loss in network.history)
    assert np.isfinite(ConvolutionalEncoder(network).encode(IMAGES)).all()


def test_pictures_an_epoch_are_limited_and_change() -> None:
    settings = dataclasses.replace(SMALL, pictures_per_epoch=2, test_fraction=0.0, epochs=4)
    limited = train_convolutional_autoencoder(IMAGES, IDS, settings=settings, seed=1)
    two = [
        train_convolutional_autoencoder(IMAGES[list(pair)], IDS[list(pair)], settings=settings, seed=1).state
        for pair in itertools.combinations(range(4), 2)
    ]
    assert len(limited.history) == 4
    assert limited.state not in two


def test_no_pictures_repeated_ids_and_wrong_ids_are_refused() -> None:
    with pytest.raises(StageError, match="0 rows"):
        train_convolutional_autoencoder(IMAGES[:0], IDS[:0], settings=SMALL, seed=1)
    with pytest.raises(UsageError, match="several rows"):
        train_convolutional_autoencoder(IMAGES[:2], IDS[[0, 0]], settings=SMALL, seed=1)
    with pytest.raises(UsageError, match="uint64"):
        train_convolutional_autoencoder(IMAGES[:2], IDS[:3], settings=SMALL, seed=1)


def test_normalise_by_hand() -> None:
    """4 x 4 averaged to 2 x 2: blocks of 10, 30, 10, 30 have mean 20 and deviation 10, floor 4."""
    image = np.kron(np.array([[10, 30], [10, 30]]), np.ones((2, 2))).astype(np.uint8)
    result = normalise(torch.from_numpy(image)[None], 2)
    np.testing.assert_allclose(result[0, 0], np.array([[-10, 10], [-10, 10]]) / 14, rtol=1e-6)
    assert not normalise(torch.full((1, 4, 4), 77, dtype=torch.uint8), 2).any()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code_size", 45),
        ("input_size", 36),
        ("views", 3),
        ("mask_fraction", 1.0),
        ("channels", ()),
        ("epochs", -1),
    ],
)
def test_settings_that_make_no_sense_are_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name):
        dataclasses.replace(SMALL, **{name: value})  # type: ignore[arg-type]
