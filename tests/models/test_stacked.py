import dataclasses

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray

from pipeline.errors import StageError, UsageError
from pipeline.models.runtime import seeded
from pipeline.models.settings import StackedSettings
from pipeline.models.stacked import StackedAutoencoder, StackedEncoder, train_stacked_autoencoder
from pipeline.models.training import EpochLoss

SMALL = StackedSettings(
    layers=(12, 6, 2),
    pretrain_epochs=3,
    finetune_epochs=8,
    batch_size=8,
    learning_rate=1e-2,
    test_fraction=0.2,
)


def plane(n: int = 60, dimension: int = 10) -> NDArray[np.float32]:
    """Points of a plane off the origin, with columns of unlike size: two numbers describe them."""
    rng = np.random.default_rng(1)
    points = rng.normal(size=(n, 2)) @ rng.normal(size=(2, dimension)) * np.logspace(0, 2, dimension)
    return np.asarray(points + 50, dtype=np.float32)


VECTORS = plane()
IDS = np.random.default_rng(2).integers(0, 2**64, len(VECTORS), dtype=np.uint64)


@pytest.mark.parametrize("tied", [False, True])
def test_two_trainings_and_any_order_give_the_same_bits(tied: bool) -> None:
    settings = dataclasses.replace(SMALL, tied=tied)
    first = train_stacked_autoencoder(VECTORS, IDS, settings=settings, seed=1)
    order = np.random.default_rng(5).permutation(len(IDS))
    assert train_stacked_autoencoder(VECTORS[order], IDS[order], settings=settings, seed=1) == first
    assert train_stacked_autoencoder(VECTORS, IDS, settings=settings, seed=2).state != first.state


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("activation", ["relu", "tanh", "selu", "sigmoid"])
def test_losses_go_down_in_every_phase_and_are_reported(activation: str, tied: bool) -> None:
    settings = dataclasses.replace(SMALL, activation=activation, tied=tied)  # type: ignore[arg-type]
    reported: list[EpochLoss] = []
    network = train_stacked_autoencoder(VECTORS, IDS, settings=settings, seed=1, on_epoch=reported.append)
    assert tuple(reported) == network.history
    phases = list(dict.fromkeys(loss.phase for loss in reported))
    assert phases == ["pretrain_1", "pretrain_2", "pretrain_3", "finetune"]
    for phase in phases:
        losses = [loss for loss in reported if loss.phase == phase]
        assert losses[-1].train_loss < losses[0].train_loss
    assert all(loss.test_loss is not None and loss.test_loss > 0 for loss in reported)


def test_tied_decoder_is_the_transpose_and_has_no_weight_of_its_own() -> None:
    settings = dataclasses.replace(SMALL, layers=(4,), tied=True)
    network = train_stacked_autoencoder(VECTORS, IDS, settings=settings, seed=1)
    tensors = safetensors.torch.load(network.state)
    assert set(tensors) == {"encoders.0.weight", "encoders.0.bias", "outer_bias", "mean", "scale"}
    module = StackedAutoencoder(10, settings)
    module.load_state_dict(tensors)
    weight, codes = tensors["encoders.0.weight"].numpy(), np.eye(4, dtype=np.float32)
    decoded = module.decode(torch.from_numpy(codes)).detach().numpy()
    np.testing.assert_allclose(decoded, codes @ weight + tensors["outer_bias"].numpy(), rtol=1e-5, atol=1e-6)


def test_tied_weight_learns_from_both_of_its_uses() -> None:
    """By hand, linear, one value: d/dw (w w x - x)^2 = 2 (w^2 x - x) 2 w x."""
    module = StackedAutoencoder(1, StackedSettings(layers=(1,), tied=True))
    weight = module.encoders[0].weight
    assert isinstance(weight, torch.nn.Parameter)
    with torch.no_grad():
        weight.fill_(0.5)
    x = torch.tensor([[3.0]])
    ((module(x) - x) ** 2).sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert weight.grad.item() == pytest.approx(2 * (0.25 * 3 - 3) * 2 * 0.5 * 3)


def test_untied_decoder_has_a_weight_of_its_own() -> None:
    network = train_stacked_autoencoder(VECTORS, IDS, settings=SMALL, seed=1)
    tensors = safetensors.torch.load(network.state)
    assert tensors["decoders.0.weight"].shape == tensors["encoders.0.weight"].t().shape
    assert not torch.equal(tensors["decoders.0.weight"], tensors["encoders.0.weight"].t())


def test_hidden_layers_are_bent_and_ends_are_linear() -> None:
    with seeded(0):
        module = StackedAutoencoder(5, StackedSettings(layers=(4, 3)))
    inputs = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    hidden = module.encode_layer(inputs, 0)
    assert hidden.min() == 0
    assert module.encode_layer(hidden, 1).min() < 0
    assert module.decode_layer(hidden[:, :3], 1).min() == 0
    assert module.decode_layer(hidden, 0).min() < 0


def test_codes_keep_the_plane() -> None:
    """Two numbers describe the points: the code must predict them far better than the mean does."""
    settings = dataclasses.replace(SMALL, finetune_epochs=60)
    network = train_stacked_autoencoder(VECTORS, IDS, settings=settings, seed=1)
    last = network.history[-1]
    assert last.test_loss is not None
    assert max(last.train_loss, last.test_loss) < 0.1  # the mean alone reaches 1, in standardised units


def test_standardisation_is_that_of_the_training_rows_and_constant_columns_stay_finite() -> None:
    vectors = VECTORS.copy()
    vectors[:, 3] = 0.1
    network = train_stacked_autoencoder(vectors, IDS, settings=dataclasses.replace(SMALL, test_fraction=0.0), seed=1)
    tensors = safetensors.torch.load(network.state)
    np.testing.assert_allclose(tensors["mean"], vectors.mean(axis=0, dtype=np.float64), rtol=1e-6)
    expected = np.sqrt(np.mean(vectors.var(axis=0, dtype=np.float64)))
    np.testing.assert_allclose(tensors["scale"], np.full(10, expected), rtol=1e-5)


def test_vectors_that_are_all_the_same_stay_finite() -> None:
    same = np.full_like(VECTORS, 0.1)
    network = train_stacked_autoencoder(same, IDS, settings=SMALL, seed=1)
    assert np.isfinite(StackedEncoder(network).encode(same)).all()


def test_code_is_the_same_bits_alone_and_at_any_place() -> None:
    encoder = StackedEncoder(train_stacked_autoencoder(VECTORS, IDS, settings=SMALL, seed=1))
    codes = encoder.encode(VECTORS)
    assert codes.shape == (60, 2)
    assert codes.dtype == np.float32
    for row in (0, 5, 9, 59):
        np.testing.assert_array_equal(encoder.encode(VECTORS[row : row + 1])[0], codes[row])
    np.testing.assert_array_equal(encoder.encode(VECTORS[::-1]), codes[::-1])
    assert encoder.encode(VECTORS[:0]).shape == (0, 2)


def test_few_rows_one_row_and_none() -> None:
    three = train_stacked_autoencoder(VECTORS[:3], IDS[:3], settings=SMALL, seed=1)
    assert np.isfinite(three.history[-1].train_loss)
    one = train_stacked_autoencoder(VECTORS[:1], IDS[:1], settings=SMALL, seed=1)
    assert one.history[-1].test_loss is None
    assert np.isfinite(StackedEncoder(one).encode(VECTORS)).all()
    with pytest.raises(StageError, match="0 rows"):
        train_stacked_autoencoder(VECTORS[:0], IDS[:0], settings=SMALL, seed=1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_by_training_and_encoding(value: float) -> None:
    encoder = StackedEncoder(train_stacked_autoencoder(VECTORS, IDS, settings=SMALL, seed=1))
    broken = VECTORS.copy()
    broken[7, 2] = value
    with pytest.raises(StageError, match=r"1 of 60 vectors .* row 7"):
        encoder.encode(broken)
    with pytest.raises(StageError, match="row 7"):
        train_stacked_autoencoder(broken, IDS, settings=SMALL, seed=1)


def test_wrong_types_and_lengths_are_refused() -> None:
    encoder = StackedEncoder(train_stacked_autoencoder(VECTORS, IDS, settings=SMALL, seed=1))
    with pytest.raises(UsageError, match="length 10, but these have 9"):
        encoder.encode(np.ascontiguousarray(VECTORS[:, :9]))
    with pytest.raises(UsageError, match="float64"):
        encoder.encode(VECTORS.astype(np.float64))  # type: ignore[arg-type]


def test_divergence_is_an_error() -> None:
    with pytest.raises(StageError, match="learning rate"):
        train_stacked_autoencoder(VECTORS, IDS, settings=dataclasses.replace(SMALL, learning_rate=1e30), seed=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("layers", ()), ("layers", (3, 0)), ("activation", "gelu"), ("batch_size", 0), ("test_fraction", 1.0)],
)
def test_settings_that_make_no_sense_are_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name):
        dataclasses.replace(SMALL, **{name: value})  # type: ignore[arg-type]
