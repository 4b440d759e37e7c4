"""A picture's vector does not depend on its batch, its place, its companions or the number of threads."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.models.backbones import load_backbone
from pipeline.models.convolutional import ConvolutionalEncoder, train_convolutional_autoencoder
from pipeline.models.encoders import Encoder, encode_in_fixed_batches
from pipeline.models.settings import ConvolutionalSettings

SMALL = ConvolutionalSettings(input_size=32, channels=(4, 6, 8), code_size=12, epochs=1, batch_size=4)


def random_images(n: int, *, height: int = 64, width: int = 64) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (n, height, width), dtype=np.uint8)


def convolutional() -> Encoder:
    images, ids = random_images(9), np.arange(9, dtype=np.uint64)
    return ConvolutionalEncoder(train_convolutional_autoencoder(images, ids, settings=SMALL, seed=1))


def backbone(name: str) -> Encoder:
    return load_backbone(name, weights="random", seed=1, image_size=64, batch_size=4)


ENCODERS = {
    "convolutional": convolutional,
    "resnet": lambda: backbone("test_resnet"),
    "efficientnet": lambda: backbone("test_efficientnet"),
    "transformer": lambda: backbone("vit_tiny_patch16_224"),
}


@pytest.fixture(scope="module", params=ENCODERS)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return ENCODERS[request.param]()


def test_shape_type_and_that_pictures_differ(encoder: Encoder) -> None:
    vectors = encoder.encode(random_images(6))
    assert vectors.dtype == np.float32
    assert vectors.shape == (6, encoder.dimension)
    assert np.isfinite(vectors).all()
    assert len(np.unique(vectors, axis=0)) == 6


def test_vector_is_the_same_bits_alone_and_at_any_place(encoder: Encoder) -> None:
    images = random_images(11)
    vectors = encoder.encode(images)
    for position in range(len(images)):
        alone = encoder.encode(images[position : position + 1])
        np.testing.assert_array_equal(alone[0], vectors[position])
    order = np.random.default_rng(2).permutation(len(images))
    np.testing.assert_array_equal(encoder.encode(images[order]), vectors[order])


def test_vector_is_the_same_bits_with_other_companions(encoder: Encoder) -> None:
    images = random_images(4)
    others = images.copy()
    others[1:] = 255 - others[1:]
    np.testing.assert_array_equal(encoder.encode(images)[0], encoder.encode(others)[0])


def test_vector_is_the_same_bits_whatever_threads_are_set(encoder: Encoder) -> None:
    images, threads = random_images(5), torch.get_num_threads()
    one = encoder.encode(images)
    torch.set_num_threads(2)
    try:
        np.testing.assert_array_equal(encoder.encode(images), one)
    finally:
        torch.set_num_threads(threads)


def test_no_pictures_give_no_vectors(encoder: Encoder) -> None:
    assert encoder.encode(random_images(0)).shape == (0, encoder.dimension)


def test_constant_pictures_have_finite_vectors(encoder: Encoder) -> None:
    flat = np.stack([np.full((64, 64), value, dtype=np.uint8) for value in (0, 128, 255)])
    assert np.isfinite(encoder.encode(flat)).all()


@pytest.mark.parametrize(
    "images", [np.zeros((2, 8, 8), np.float32), np.zeros((8, 8), np.uint8), np.zeros((2, 0, 8), np.uint8)]
)
def test_anything_but_gray_8_bit_pictures_is_refused(encoder: Encoder, images: NDArray[np.uint8]) -> None:
    with pytest.raises(UsageError, match=r"uint8 \[B, H, W\]"):
        encoder.encode(images)


def test_every_batch_has_the_fixed_length() -> None:
    lengths: list[int] = []

    def forward(rows: torch.Tensor) -> torch.Tensor:
        lengths.append(len(rows))
        return rows.float() * 2

    rows = np.arange(14, dtype=np.uint8).reshape(7, 2)
    vectors = encode_in_fixed_batches(forward, rows, dimension=2, batch_size=3, device="cpu")
    np.testing.assert_array_equal(vectors, rows * 2.0)
    assert lengths == [3, 3, 3]
