"""A network's last maps: their mean is the features, and a linear head's gradient is its weight."""

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.models.backbones import load_backbone
from pipeline.models.last_maps import class_gradients, last_maps

PICTURE = np.random.default_rng(0).integers(0, 256, (64, 96), dtype=np.uint8)


def test_the_mean_of_the_maps_is_the_features() -> None:
    encoder = load_backbone("test_resnet", weights="random", seed=0, image_size=64)
    maps = last_maps(encoder, PICTURE)
    np.testing.assert_allclose(maps.mean(axis=(1, 2)), encoder.encode(PICTURE[None])[0], rtol=1e-4, atol=1e-5)


def test_the_gradient_of_a_score_is_its_weight_over_the_places() -> None:
    encoder = load_backbone("test_resnet", weights="random", seed=0, image_size=64, outputs=("logits",))
    maps, gradients = class_gradients(encoder, PICTURE, 7)
    weight = encoder.module.model.get_classifier().weight[7].detach().numpy()  # type: ignore[operator]
    expected = np.broadcast_to(weight[:, None, None] / maps[0].size, maps.shape)
    np.testing.assert_allclose(gradients, expected, rtol=1e-4, atol=1e-8)
    with pytest.raises(UsageError, match="no number 1000"):
        class_gradients(encoder, PICTURE, 1000)


def test_a_transformer_has_no_maps() -> None:
    encoder = load_backbone("test_vit", weights="random", seed=0)
    side = encoder.image_size
    with pytest.raises(UsageError, match="no maps"):
        last_maps(encoder, np.zeros((side, side), np.uint8))
