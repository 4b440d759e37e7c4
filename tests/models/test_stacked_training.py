"""Training of the stacked autoencoder: repeatable, beside principal components, and done when it is done."""

import dataclasses

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray

from pipeline.errors import StageError, UsageError
from pipeline.models.losses import EpochLoss
from pipeline.models.settings import StackedSettings
from pipeline.models.stacked import StackedEncoder, module_of
from pipeline.models.stacked_training import (
    component_network,
    continue_training,
    phase_loss,
    train_stacked_autoencoder,
    without_optimisers,
)

SMALL = StackedSettings(
    layers=(8, 6, 2),
    epochs=(2, 2, 2, 2, 8),
    batch_size=8,
    learning_rate=1e-2,
    test_fraction=0.2,
    l2=0.0,
)
PATIENT = dataclasses.replace(SMALL, start="pca", patience=3, epochs=(0, 0, 0, 0, 20))
ALL_PHASES = ("1_a", "1_b", "1", "2", "g")


def plane(n: int = 60, dimension: int = 10) -> NDArray[np.float32]:
    """Points of a plane off the origin, with columns of unlike size: two numbers describe them."""
    rng = np.random.default_rng(1)
    points = rng.normal(size=(n, 2)) @ rng.normal(size=(2, dimension)) * np.logspace(0, 2, dimension)
    return np.asarray(points + 50, dtype=np.float32)


VECTORS = plane()
IDS = np.random.default_rng(2).integers(0, 2**64, len(VECTORS), dtype=np.uint64)


def test_two_trainings_and_any_order_of_rows_give_the_same_bits() -> None:
    settings = dataclasses.replace(SMALL, order=ALL_PHASES)
    first = train_stacked_autoencoder(VECTORS, IDS, settings=settings, seed=1)
    order = np.random.default_rng(5).permutation(len(IDS))
    assert train_stacked_autoencoder(VECTORS[order], IDS[order], settings=settings, seed=1) == first
    assert train_stacked_autoencoder(VECTORS, IDS, settings=settings, seed=2).state != first.state


def test_losses_go_down_in_every_phase_and_are_reported() -> None:
    reported: list[EpochLoss] = []
    settings = dataclasses.replace(SMALL, order=ALL_PHASES, epochs=(4,) * 5)
    network = train_stacked_autoencoder(VECTORS, IDS, settings=settings, seed=1, on_epoch=reported.append)
    assert network.history[0].phase == "pca"
    assert tuple(reported) == network.history[1:]
    assert tuple(dict.fromkeys(loss.phase for loss in reported)) == ALL_PHASES
    for phase in ("1_a", "1_b", "g"):
        losses = [loss for loss in reported if loss.phase == phase]
        assert [loss.epoch for loss in losses] == [1, 2, 3, 4]
        assert losses[-1].train_loss < losses[0].train_loss
    assert all(loss.test_loss is not None and loss.test_loss > 0 for loss in reported)


def test_the_floor_is_numpys_projection_onto_the_training_rows_components() -> None:
    settings = dataclasses.replace(SMALL, layers=(1,), tied=(False,), order=())
    noisy = VECTORS + np.random.default_rng(0).normal(size=VECTORS.shape).astype(np.float32)
    network = train_stacked_autoencoder(noisy, IDS, settings=settings, seed=1)
    module = module_of(network)
    held_out = held_out_rows(settings)
    x = ((noisy - module.mean.numpy()) / module.scale.numpy()).astype(np.float64)
    direction = np.linalg.svd(x[~held_out], full_matrices=False)[2][:1]
    for rows, found in ((x[~held_out], network.history[0].train_loss), (x[held_out], network.history[0].test_loss)):
        assert found == pytest.approx(np.mean((rows - rows @ direction.T @ direction) ** 2), rel=1e-4)


def held_out_rows(settings: StackedSettings) -> NDArray[np.bool_]:
    from pipeline.models.training import STREAM_SPLIT, hash_ids

    return hash_ids(IDS, STREAM_SPLIT) / 2.0**64 < settings.test_fraction


@pytest.mark.parametrize("tied", [(False,) * 3, (False, True, False), (True,) * 3])
@pytest.mark.parametrize("layers", [(8, 6, 2), (2, 2, 2), (14, 12, 11)])
def test_a_network_that_starts_as_components_reconstructs_as_they_do(
    tied: tuple[bool, ...], layers: tuple[int, ...]
) -> None:
    curved = (VECTORS + np.sin(VECTORS)).astype(np.float32)
    settings = dataclasses.replace(PATIENT, layers=layers, tied=tied, order=(), test_fraction=0.0)
    network = train_stacked_autoencoder(curved, IDS, settings=settings, seed=1)
    loss = phase_loss(module_of(network), torch.from_numpy(curved), "g").item()
    assert loss == pytest.approx(network.history[0].train_loss, rel=1e-3, abs=1e-10)
    linear = component_network(curved, IDS, settings=settings, seed=1)
    assert linear.history == network.history
    codes = StackedEncoder(linear).encode(curved)
    assert codes.shape == (60, layers[-1])
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-4)
    variances = codes.var(axis=0)
    assert np.all(np.diff(variances) <= 1e-6)


def test_early_stopping_keeps_the_best_weights_and_never_loses_more_than_it_began_with() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(40, 10)).astype(np.float32)
    network = train_stacked_autoencoder(noise, IDS[:40], settings=PATIENT, seed=1)
    history = [loss for loss in network.history if loss.phase == "g"]
    tested = [loss.test_loss for loss in history if loss.test_loss is not None]
    best = int(np.argmin(tested))
    assert [loss.epoch for loss in history] == list(range(len(history)))
    assert len(history) == best + 1 + PATIENT.patience < 1 + 20
    assert network.loss == tested[best]
    held_out = held_out_rows(PATIENT)[:40]
    kept = phase_loss(module_of(network), torch.from_numpy(noise[held_out]), "g").item()
    assert kept == pytest.approx(tested[best], rel=1e-5)
    assert network.pca_loss == pytest.approx(tested[0], rel=0.1)


def test_a_curve_is_learnt_better_than_components_can() -> None:
    t = np.random.default_rng(0).uniform(-3, 3, size=200)
    curve = np.stack([np.cos(t), np.sin(t), t], axis=1).astype(np.float32)
    settings = StackedSettings(
        layers=(20, 1), tied=(False, False), l2=0, epochs=(0, 0, 0, 0, 8), min_steps=400, patience=4, start="pca",
        learning_rate=2e-2,
    )  # fmt: skip
    network = train_stacked_autoencoder(curve, np.arange(200, dtype=np.uint64), settings=settings, seed=1)
    assert network.pca_loss is not None
    assert network.loss < 0.7 * network.pca_loss


def test_optimisers_are_what_a_stored_code_does_without() -> None:
    network = train_stacked_autoencoder(VECTORS, IDS, settings=SMALL, seed=1)
    bare = without_optimisers(network)
    assert len(bare.state) < len(network.state) / 2
    np.testing.assert_array_equal(StackedEncoder(bare).encode(VECTORS), StackedEncoder(network).encode(VECTORS))
    again = continue_training(bare, VECTORS, IDS, order=("g",))
    assert again.state != continue_training(network, VECTORS, IDS, order=("g",)).state


def test_other_vectors_are_refused_when_training_goes_on() -> None:
    network = train_stacked_autoencoder(VECTORS, IDS, settings=SMALL, seed=1)
    with pytest.raises(UsageError, match="length 10, and cannot be trained further on vectors of length 9"):
        continue_training(network, np.ascontiguousarray(VECTORS[:, :9]), IDS, order=("g",))


def test_standardisation_is_that_of_the_training_rows_and_constant_columns_stay_finite() -> None:
    vectors = VECTORS.copy()
    vectors[:, 3] = 0.1
    network = train_stacked_autoencoder(vectors, IDS, settings=dataclasses.replace(SMALL, test_fraction=0.0), seed=1)
    tensors = safetensors.torch.load(network.state)
    np.testing.assert_allclose(tensors["mean"], vectors.mean(axis=0, dtype=np.float64), rtol=1e-6)
    expected = np.sqrt(np.mean(vectors.var(axis=0, dtype=np.float64)))
    np.testing.assert_allclose(tensors["scale"], np.full(10, expected), rtol=1e-5)


@pytest.mark.parametrize("settings", [SMALL, PATIENT])
def test_few_rows_one_row_equal_rows_and_none(settings: StackedSettings) -> None:
    for vectors in (VECTORS[:3], VECTORS[:1], np.full_like(VECTORS, 0.1)):
        network = train_stacked_autoencoder(vectors, IDS[: len(vectors)], settings=settings, seed=1)
        assert np.isfinite(network.loss)
        assert np.isfinite(StackedEncoder(network).encode(VECTORS)).all()
    with pytest.raises(StageError, match="0 rows"):
        train_stacked_autoencoder(VECTORS[:0], IDS[:0], settings=settings, seed=1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    broken = VECTORS.copy()
    broken[7, 2] = value
    with pytest.raises(StageError, match="row 7"):
        train_stacked_autoencoder(broken, IDS, settings=SMALL, seed=1)


def test_divergence_is_an_error() -> None:
    with pytest.raises(StageError, match="learning rate"):
        train_stacked_autoencoder(VECTORS, IDS, settings=dataclasses.replace(SMALL, learning_rate=1e30), seed=1)
