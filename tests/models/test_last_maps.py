"""A network's maps: the mean of the last is the features, and scores are looked at where maps tell a place."""

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.kernels.activation_maps import as_shares, gradient_map, loading_map
from pipeline.models.backbones import BackboneEncoder, load_backbone
from pipeline.models.last_maps import class_gradients, feature_gradients, last_maps

PICTURE = np.random.default_rng(0).integers(0, 256, (224, 256), dtype=np.uint8)
SMALL = PICTURE[:64, :96]


def _classifier() -> BackboneEncoder:
    return load_backbone("test_resnet", weights="random", seed=0, image_size=64, outputs=("logits",))


def test_the_mean_of_the_maps_is_the_features() -> None:
    encoder = load_backbone("test_resnet", weights="random", seed=0, image_size=64)
    maps = last_maps(encoder, SMALL)
    np.testing.assert_allclose(maps.mean(axis=(1, 2)), encoder.encode(SMALL[None])[0], rtol=1e-4, atol=1e-5)


def test_the_gradient_of_a_score_in_the_last_maps_is_its_weight_over_the_places() -> None:
    encoder = _classifier()
    maps, gradients = class_gradients(encoder, PICTURE, 7)
    np.testing.assert_array_equal(maps, last_maps(encoder, PICTURE))
    weight = encoder.module.model.get_classifier().weight[7].detach().numpy()  # type: ignore[operator]
    expected = np.broadcast_to(weight[:, None, None] / maps[0].size, maps.shape)
    np.testing.assert_allclose(gradients, expected, rtol=1e-4, atol=1e-8)
    with pytest.raises(UsageError, match="no number 1000"):
        class_gradients(encoder, PICTURE, 1000)


@pytest.mark.parametrize(("side", "cells"), [(224, 7), (223, 7), (64, 8), (112, 7), (32, 8), (16, 8), (8, 4)])
def test_a_score_is_looked_at_in_the_deepest_maps_of_seven_cells(side: int, cells: int) -> None:
    """The network halves the sides at 2, 4, 8, 16 and 32 px a cell; a picture of 8 px has 4 at most."""
    maps, gradients = class_gradients(_classifier(), PICTURE[:side, :side], 0)
    assert maps.shape == gradients.shape
    assert maps.shape[1:] == (cells, cells)


def test_a_gradient_in_earlier_maps_is_the_change_of_the_score() -> None:
    """The features' sum with weights of 1, along the gradient itself, by a small step in the maps."""
    encoder = load_backbone("test_resnet", weights="random", seed=0, image_size=64)
    weights = np.random.default_rng(1).random(encoder.dimension)
    maps, gradients = feature_gradients(encoder, SMALL, weights)
    assert maps.shape[1:] == (8, 12)
    model, step = encoder.module.model, 1e-2 / np.linalg.norm(gradients)
    stage = next(s["module"] for s in model.feature_info if s["reduction"] == 8)  # type: ignore[union-attr]
    told = []
    for sign in (1, -1):
        hook = model.get_submodule(stage).register_forward_hook(
            lambda _, __, found, sign=sign: found + found.new_tensor(sign * step * gradients)  # type: ignore[misc]
        )
        told.append(float(encoder.encode(SMALL[None])[0] @ weights))
        hook.remove()
    assert (told[0] - told[1]) / 2 == pytest.approx(float(step * (gradients**2).sum()), rel=0.02)


def test_a_component_in_the_last_maps_is_its_gradient_there() -> None:
    """The fracture study's map and the gradient of the weighted features are one, up to a factor."""
    encoder = load_backbone("test_resnet", weights="random", seed=0, image_size=224)
    weights = np.random.default_rng(1).random(encoder.dimension)
    maps, gradients = feature_gradients(encoder, PICTURE, weights)
    by_hand = loading_map(last_maps(encoder, PICTURE), weights)
    np.testing.assert_allclose(as_shares(gradient_map(maps, gradients)), as_shares(by_hand), atol=1e-5)


def test_a_transformer_has_no_maps() -> None:
    encoder = load_backbone("test_vit", weights="random", seed=0)
    side = encoder.image_size
    with pytest.raises(UsageError, match="no maps"):
        last_maps(encoder, np.zeros((side, side), np.uint8))


def test_maps_whose_channels_stand_last_are_refused() -> None:
    """Those of Swin and its like, which would be taken for maps of another shape."""
    encoder = _classifier()
    encoder.module.model.output_fmt = "NHWC"  # type: ignore[assignment]
    with pytest.raises(UsageError, match="no maps"):
        last_maps(encoder, SMALL)
