"""Every network of the registry: shapes, losses by hand, scaling, learning, repeatability, storage."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pipeline.errors import StageError, UsageError
from pipeline.models.rmsprop import RMSprop
from pipeline.models.serialisation import build_encoder, network_from_bytes, network_to_bytes
from pipeline.models.training import TrainedNetwork
from pipeline.models.vector_networks.convolutional_1d import Convolutional1dSettings
from pipeline.models.vector_networks.convolutional_2d import Convolutional2dSettings
from pipeline.models.vector_networks.dense import DenseSettings
from pipeline.models.vector_networks.registry import NETWORKS, build_network
from pipeline.models.vector_networks.settings import VectorSettings
from pipeline.models.vector_networks.training import VectorEncoder, train_vector_network
from pipeline.models.vector_networks.variational import VariationalSettings, divergence_from_normal

RNG = np.random.default_rng(0)
PICTURES = {"image_shape": (8, 8, 3), "channels": (4, 2)}


def curves(n: int, dimension: int = 48) -> NDArray[np.float32]:
    """Spectra with one band each: its place and height are all there is to know."""
    place, height = RNG.uniform(0.2, 0.8, (n, 1)), RNG.uniform(0.5, 2, (n, 1))
    axis = np.linspace(0, 1, dimension)
    return (10 + height * np.exp(-((axis - place) ** 2) / 0.01)).astype(np.float32)


ROWS = curves(120)
IDS = RNG.integers(0, 2**64, 120, dtype=np.uint64)


def small(name: str, **changes: Any) -> VectorSettings:
    changes = {"epochs": 4, "batch_size": 16, "patience": 0, **changes}
    if name == "convolutional":
        changes |= PICTURES
    return dataclasses.replace(NETWORKS[name], **changes)


def rows_of(name: str) -> NDArray[np.float32]:
    return RNG.random((40, 192)).astype(np.float32) if name == "convolutional" else ROWS


def train(name: str, seed: int = 1, **changes: Any) -> TrainedNetwork:
    rows = rows_of(name)
    return train_vector_network(rows, IDS[: len(rows)], settings=small(name, **changes), seed=seed)


def test_the_studies_settings() -> None:
    simple, dense, folded = (NETWORKS[name] for name in ("simple", "spectra_dense", "spectra_convolutional"))
    assert isinstance(simple, DenseSettings)
    assert (simple.layers, simple.activation, simple.output) == ((64,), "relu", "sigmoid")
    assert (simple.optimiser, simple.loss, simple.batch_size, simple.epochs) == ("adam", "mse", 128, 50)
    assert isinstance(dense, DenseSettings)
    assert (dense.layers, dense.activation, dense.output) == ((128, 64, 32, 16, 4), "tanh", "sigmoid")
    for spectra in (dense, folded):
        assert (spectra.optimiser, spectra.loss, spectra.scaling) == ("rmsprop", "bce", "min_max")
        assert (spectra.batch_size, spectra.epochs) == (256, 30)
        assert spectra.patience
        assert spectra.plateau
    assert folded.code_size == 16
    module = build_network(3072, simple)
    assert sum(parameter.numel() for parameter in module.parameters()) == 3072 * 64 + 64 + 64 * 3072 + 3072


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_learns_encodes_decodes_repeats_and_is_stored(name: str) -> None:
    network, rows = train(name), rows_of(name)
    assert network.history[-1].train_loss < network.history[0].train_loss
    loaded = build_encoder(network_to_bytes(network))
    assert network_from_bytes(network_to_bytes(network)) == network
    assert isinstance(loaded, VectorEncoder)
    codes = loaded.encode(rows)
    assert codes.shape == (len(rows), network.settings.code_size)  # type: ignore[union-attr]
    assert loaded.decode(codes).shape == rows.shape
    for row in (0, len(rows) - 1):
        np.testing.assert_array_equal(loaded.encode(rows[row : row + 1])[0], codes[row])
    if name != "convolutional":
        assert train(name) == network
        assert train(name, seed=2).state != network.state


def test_spectra_are_learnt_far_better_than_their_mean() -> None:
    settings = dataclasses.replace(
        NETWORKS["spectra_dense"],
        loss="mse",
        optimiser="adam",
        epochs=40,
        batch_size=16,
        learning_rate=3e-3,
        min_steps=600,
    )
    encoder = VectorEncoder(train_vector_network(ROWS, IDS, settings=settings, seed=0))
    left = np.mean((encoder.decode(encoder.encode(ROWS)) - ROWS) ** 2)
    assert left < 0.2 * ROWS.var(axis=0).mean()


def test_losses_by_hand() -> None:
    for loss in ("mse", "bce"):
        module = build_network(48, dataclasses.replace(DenseSettings(layers=(5,)), loss=loss))
        module.scale_like(ROWS)
        scaled = (ROWS - ROWS.min(axis=0)) / np.ptp(ROWS, axis=0)
        with torch.no_grad():
            logits = module.logits_of(module.encode(torch.from_numpy(ROWS))).double().numpy()
            found = module.loss(torch.from_numpy(ROWS)).item()
        made = 1 / (1 + np.exp(-logits))
        cross = -(scaled * np.log(made) + (1 - scaled) * np.log(1 - made))
        assert found == pytest.approx(np.mean(cross if loss == "bce" else (made - scaled) ** 2), rel=1e-4)


def test_sparse_codes_are_smaller() -> None:
    plain, sparse = (
        VectorEncoder(train("sparse", l1=l1, epochs=30, learning_rate=5e-3)).encode(ROWS) for l1 in (0.0, 0.1)
    )
    assert np.abs(sparse).mean() < 0.5 * np.abs(plain).mean()


def test_divergence_by_hand() -> None:
    """Of N(1, e) from N(0, 1): (1 + e - 1 - 1) / 2."""
    found = divergence_from_normal(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
    np.testing.assert_allclose(found.numpy(), [(math.e - 1) / 2], rtol=1e-6)


def test_a_heavy_divergence_draws_the_codes_to_the_normal_distribution() -> None:
    light, heavy = (
        VectorEncoder(train("variational", divergence_weight=weight, epochs=20)).encode(ROWS) for weight in (0.001, 10)
    )
    assert np.abs(heavy).mean() < 0.3 * np.abs(light).mean()


@pytest.mark.parametrize("scaling", ["none", "standard", "min_max"])
def test_scaling_is_that_of_the_training_rows_and_constant_columns_become_zero(scaling: Any) -> None:
    rows = ROWS.copy()
    rows[:, 3] = 7
    module = build_network(48, DenseSettings(scaling=scaling))
    module.scale_like(rows)
    scaled = module.scaled(torch.from_numpy(rows)).numpy()
    assert np.isfinite(scaled).all()
    if scaling == "none":
        np.testing.assert_array_equal(scaled, rows)
        return
    np.testing.assert_allclose(scaled[:, 3], 0)
    others = np.delete(scaled, 3, axis=1)
    if scaling == "min_max":
        np.testing.assert_allclose((others.min(axis=0), others.max(axis=0)), ([0] * 47, [1] * 47), atol=1e-5)
    else:
        np.testing.assert_allclose(others.std(axis=0), 1, rtol=1e-3)


def test_rmsprop_is_keras_by_hand() -> None:
    """v = 0.1 g^2 and w - lr g / (sqrt(v) + eps), for g = 3."""
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    optimiser = RMSprop([weight], learning_rate=0.1)
    (3 * weight).sum().backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    assert weight.item() == pytest.approx(1 - 0.1 * 3 / (math.sqrt(0.1 * 9) + 1e-7), rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "changes", "named"),
    [
        (DenseSettings, {"layers": ()}, "layers"),
        (DenseSettings, {"activation": "gelu"}, "activation"),
        (DenseSettings, {"loss": "bce", "output": "linear"}, "output"),
        (DenseSettings, {"optimiser": "sgd"}, "optimiser"),
        (DenseSettings, {"test_fraction": 1.0}, "test_fraction"),
        (Convolutional1dSettings, {"kernel": 4}, "kernel"),
        (Convolutional2dSettings, {"image_shape": (30, 32, 3)}, "image_shape"),
        (VariationalSettings, {"outputs": 0}, "outputs"),
    ],
)
def test_settings_that_make_no_sense_are_refused(kind: Any, changes: Any, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        kind(**changes)


@pytest.mark.parametrize("name", ["simple", "spectra_convolutional", "variational"])
def test_few_rows_and_bad_ones(name: str) -> None:
    for n in (1, 3):
        network = train_vector_network(ROWS[:n], IDS[:n], settings=small(name), seed=0)
        assert np.isfinite(VectorEncoder(network).encode(ROWS)).all()
    broken = ROWS.copy()
    broken[5, 5] = np.nan
    with pytest.raises(StageError, match="row 5"):
        train_vector_network(broken, IDS, settings=small(name), seed=0)
    with pytest.raises(UsageError, match="length 48 here, but these have 47"):
        VectorEncoder(train(name)).encode(np.ascontiguousarray(ROWS[:, :47]))


def test_pictures_of_another_size_are_refused_and_divergence_is_an_error() -> None:
    with pytest.raises(UsageError, match="48 are no pictures of 8 x 8 x 3"):
        train_vector_network(ROWS, IDS, settings=small("convolutional"), seed=0)
    with pytest.raises(StageError, match="learning rate"):
        train("simple", output="linear", learning_rate=1e30)


def test_a_row_is_height_by_width_by_colours() -> None:
    settings = Convolutional2dSettings(image_shape=(2, 4, 3), channels=(3,), scaling="none", output="linear")
    module = build_network(24, settings)
    with torch.no_grad():
        module.down[0].weight.zero_()  # type: ignore[index,union-attr,operator]
        module.down[0].bias.zero_()  # type: ignore[index,union-attr,operator]
        for colour in range(3):
            module.down[0].weight[colour, colour, 1, 1] = 1  # type: ignore[index,union-attr]
    picture = torch.rand(1, 2, 4, 3)
    expected = functional.max_pool2d(picture.permute(0, 3, 1, 2), 2).flatten(1)
    torch.testing.assert_close(module.encode(picture.reshape(1, -1)), expected)


def test_variational_training_draws_by_its_seed() -> None:
    module = build_network(48, VariationalSettings(layers=(8,), outputs=3, divergence_weight=2.0))
    module.scale_like(ROWS)
    rows = torch.from_numpy(ROWS)
    assert module.training_loss(rows, 1).item() == module.training_loss(rows, 1).item()
    assert module.training_loss(rows, 1).item() != module.training_loss(rows, 2).item()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()  # codes of mean 0 and variance 1, reconstructions of 1/2
        expected = ((module.scaled(rows) - 0.5) ** 2).mean().item()
        assert module.training_loss(rows, 1).item() == pytest.approx(expected, rel=1e-5)
        module.to_mean.bias.fill_(2.0)  # type: ignore[operator,union-attr]
        # 3 codes of mean 2: a divergence of 3 * 4 / 2 over 48 values, weighed by 2
        assert module.training_loss(rows, 1).item() == pytest.approx(expected + 2 * 6 / 48, rel=1e-5)
