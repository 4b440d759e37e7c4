"""The stacked autoencoder as a module: layers, ties, activations, phases against a slow and obvious version."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.errors import StageError, UsageError
from pipeline.models.runtime import seeded
from pipeline.models.settings import StackedSettings, phase_names
from pipeline.models.stacked import StackedAutoencoder, StackedEncoder
from pipeline.models.stacked_training import (
    phase_loss,
    phase_pairs,
    phase_parameters,
    train_stacked_autoencoder,
)
from pipeline.models.training import STREAM_ORDER, hash_ids
from tests.reference import stacked_autoencoder as slow

PHASES = ("1_a", "1_b", "1", "2", "g")
ACTIVATIONS = ("elu", "relu", "tanh", "selu", "sigmoid", "linear")
MIXED = ("tanh", "elu", "sigmoid", "relu", "selu", "linear")
SMALL = StackedSettings(
    layers=(4, 3, 2), batch_size=4, learning_rate=1e-2, epochs=(2, 2, 2, 2, 2), test_fraction=0.0, l2=1e-2
)
RNG = np.random.default_rng(1)
VECTORS = (RNG.normal(size=(7, 5)) * np.linspace(1, 3, 5) + 4).astype(np.float32)
IDS = RNG.integers(0, 2**64, 7, dtype=np.uint64)


def module_of(settings: StackedSettings) -> StackedAutoencoder:
    with seeded(0):
        module = StackedAutoencoder(5, settings)
        for bias in (*module.encoder_biases, *module.decoder_biases):
            torch.nn.init.uniform_(bias, -0.5, 0.5)
    module.mean.copy_(torch.from_numpy(VECTORS.mean(axis=0)))
    module.scale.fill_(2.0)
    return module.double()


def weights_of(module: StackedAutoencoder) -> slow.Weights:
    """By the study's numbers: layers 1 to 3 encode, 4 to 6 decode."""
    weights = {f"W{pair + 1}": weight for pair, weight in enumerate(module.encoder_weights)}
    weights |= {f"b{pair + 1}": bias for pair, bias in enumerate(module.encoder_biases)}
    weights |= {f"W{6 - int(pair)}": weight for pair, weight in module.decoder_weights.items()}
    weights |= {f"b{6 - pair}": bias for pair, bias in enumerate(module.decoder_biases)}
    return {name: tensor.detach().numpy().astype(np.float64) for name, tensor in weights.items()}


def standardised(module: StackedAutoencoder, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    return (rows.astype(np.float64) - module.mean.double().numpy()) / module.scale.double().numpy()


@pytest.mark.parametrize(
    ("phase", "tied", "activation"),
    [
        *((phase, tied, MIXED) for phase in PHASES for tied in itertools.product((False, True), repeat=3)),
        *(("g", (True, False, True), (name,)) for name in ACTIVATIONS),
    ],
)
def test_every_phase_tie_and_activation_has_the_slow_versions_loss_and_gradients(
    phase: str, tied: tuple[bool, ...], activation: tuple[str, ...]
) -> None:
    settings = dataclasses.replace(SMALL, tied=tied, activation=activation)  # type: ignore[arg-type]
    module = module_of(settings)
    rows = torch.from_numpy(VECTORS.astype(np.float64))
    loss = phase_loss(module, rows, phase)
    weights, x = weights_of(module), standardised(module, VECTORS)
    assert ("W4" in weights, "W5" in weights, "W6" in weights) == tuple(not flag for flag in tied)
    assert loss.item() == pytest.approx(slow.loss(weights, settings.activations, phase, x), rel=1e-9)
    loss.backward()  # type: ignore[no-untyped-call]
    mine = [parameter.grad for parameter in phase_parameters(module, phase)]
    theirs = slow.gradients(weights, settings.activations, phase, x, 0.0)
    assert len(mine) == len(theirs)
    by_shape = {(tuple(g.shape), round(float(g.abs().sum()), 5)) for g in mine if g is not None}
    assert by_shape == {(g.shape, round(float(np.abs(g).sum()), 5)) for g in theirs.values()}
    others = set(module.parameters()) - set(phase_parameters(module, phase))
    assert all(parameter.grad is None for parameter in others)


@pytest.mark.parametrize("order", [("g",), ("1_a", "1_b", "2"), ("1", "2", "g"), ("2", "1_a", "g", "1_b")])
@pytest.mark.parametrize("tied", [(False, False, False), (False, False, True), (True, True, True)])
def test_training_is_the_slow_versions_training(order: tuple[str, ...], tied: tuple[bool, ...]) -> None:
    settings = dataclasses.replace(SMALL, tied=tied, order=())
    start = trained_module(settings)
    end = trained_module(dataclasses.replace(settings, order=order))
    rows = standardised(start, VECTORS)[np.argsort(IDS)]
    weights = weights_of(start)
    for phase in order:
        batches = [rows[batch] for epoch in (1, 2) for batch in batches_of(epoch)]
        weights = slow.train(weights, settings.activations, phase, batches, learning_rate=1e-2, l2=1e-2)
    for name, found in weights_of(end).items():
        np.testing.assert_allclose(found, weights[name], atol=2e-4, err_msg=name)


def batches_of(epoch: int) -> list[NDArray[np.int64]]:
    order = np.argsort(hash_ids(np.sort(IDS), STREAM_ORDER, 3, epoch), kind="stable")
    return [order[:4], order[4:]]


def trained_module(settings: StackedSettings) -> StackedAutoencoder:
    from pipeline.models.stacked import module_of as stored_module

    return stored_module(train_stacked_autoencoder(VECTORS, IDS, settings=settings, seed=3))


def test_phases_of_other_depths() -> None:
    assert phase_names(3) == PHASES
    assert phase_names(1) == ("2", "g")
    assert phase_names(4) == ("1_a", "1_b", "1_c", "1", "2", "g")
    assert [list(phase_pairs(phase, 4)) for phase in phase_names(4)] == [[0], [1], [2], [0, 1, 2], [3], [0, 1, 2, 3]]
    assert dataclasses.replace(SMALL, epochs=(1, 2, 3, 4, 5)).epochs_of("1_c") == 2


def test_one_activation_is_that_of_all_layers_but_the_output() -> None:
    assert StackedSettings().activations == ("elu",) * 5 + ("linear",)
    module = module_of(dataclasses.replace(SMALL, activation=("relu",)))
    inputs = torch.randn(200, 5, generator=torch.Generator().manual_seed(0)).double() * 3
    codes = module.encode(inputs)
    assert codes.min() == 0
    assert module.decode(codes).min() < 0


def test_decoding_gives_vectors_in_the_units_of_the_input() -> None:
    network = train_stacked_autoencoder(VECTORS, IDS, settings=SMALL, seed=3)
    encoder = StackedEncoder(network)
    back = encoder.decode(encoder.encode(VECTORS))
    assert back.shape == VECTORS.shape
    expected = ((back - VECTORS) / standard_deviation()) ** 2
    module = trained_module(SMALL)
    assert expected.mean() == pytest.approx(phase_loss(module, torch.from_numpy(VECTORS), "g").item(), rel=1e-4)


def standard_deviation() -> float:
    return float(np.sqrt(VECTORS.var(axis=0, dtype=np.float64).mean()))


def test_code_is_the_same_bits_alone_and_at_any_place() -> None:
    encoder = StackedEncoder(train_stacked_autoencoder(VECTORS, IDS, settings=SMALL, seed=1))
    codes = encoder.encode(VECTORS)
    assert codes.shape == (7, 2)
    assert codes.dtype == np.float32
    for row in (0, 3, 6):
        np.testing.assert_array_equal(encoder.encode(VECTORS[row : row + 1])[0], codes[row])
    np.testing.assert_array_equal(encoder.encode(VECTORS[::-1]), codes[::-1])
    assert encoder.encode(VECTORS[:0]).shape == (0, 2)


def test_wrong_types_lengths_and_values_are_refused() -> None:
    encoder = StackedEncoder(train_stacked_autoencoder(VECTORS, IDS, settings=SMALL, seed=1))
    with pytest.raises(UsageError, match="length 5, but these have 4"):
        encoder.encode(np.ascontiguousarray(VECTORS[:, :4]))
    with pytest.raises(UsageError, match="codes have 2 values, but these have 5"):
        encoder.decode(VECTORS)
    with pytest.raises(UsageError, match="float64"):
        encoder.encode(VECTORS.astype(np.float64))  # type: ignore[arg-type]
    broken = VECTORS.copy()
    broken[3, 2] = np.nan
    with pytest.raises(StageError, match=r"1 of 7 vectors .* row 3"):
        encoder.encode(broken)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layers", ()),
        ("layers", (3, 0, 2)),
        ("activation", ("gelu",)),
        ("activation", ("elu", "elu")),
        ("tied", (True,)),
        ("order", ("3",)),
        ("epochs", (5, 5)),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("l2", -1.0),
        ("patience", -1),
        ("test_fraction", 1.0),
        ("start", "zero"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name):
        dataclasses.replace(SMALL, **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "value"), [("activation", ("relu",)), ("layers", (4, 2, 3))])
def test_components_cannot_be_the_start_of_every_network(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name):
        dataclasses.replace(SMALL, start="pca", **{name: value})  # type: ignore[arg-type]
