"""Training of the stacked autoencoder: phases of pairs in any order, broken off and continued without a trace.

A phase has an optimiser of its own, and its epochs are counted on when it comes again. Both are part of what is
kept, so that a training that was stored and loaded between two epochs gives the bits of one that was not.
"""

from dataclasses import replace

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from pipeline.errors import UsageError
from pipeline.models.adam import Adam
from pipeline.models.course import Course
from pipeline.models.losses import EpochLoss
from pipeline.models.principal_components import (
    component_settings,
    principal_components,
    reconstruction_loss,
    start_at_components,
)
from pipeline.models.runtime import deterministic, seeded
from pipeline.models.schedules import Rules
from pipeline.models.settings import StackedSettings
from pipeline.models.stacked import OPTIMISER_PREFIX, StackedAutoencoder, check_vectors, module_of
from pipeline.models.training import (
    PCA,
    OnEpoch,
    Split,
    TrainedNetwork,
    arrange,
    state_to_bytes,
    train_epochs,
)

_COLUMNS_AT_ONCE = 64


def train_stacked_autoencoder(
    vectors: NDArray[np.float32],
    ids: NDArray[np.uint64],
    *,
    settings: StackedSettings,
    seed: int,
    on_epoch: OnEpoch | None = None,
    device: str = "cpu",
    course: Course | None = None,
) -> TrainedNetwork:
    """Train a stacked autoencoder through the phases of ``settings.order``.

    Parameters
    ----------
    vectors : ndarray, float32 [N, D]
        N at least 1; fewer rows than a batch are one batch. A constant column becomes zeros. The code may be longer
        than D.
    ids : ndarray, uint64 [N]
        Unique. Splits and shuffles follow from them: the order of the rows does not matter.
    settings : StackedSettings
    seed : int
    on_epoch : callable, optional
        Called after each epoch with its `EpochLoss`.
    device : str
        ``"cpu"`` or ``"cuda"``; bits repeat on the same kind of device.
    course : Course, optional
        Where an earlier part of the training was, and when to break off.

    Returns
    -------
    TrainedNetwork
        Its history begins with the loss of principal components of the code's length (phase ``pca``, epoch 0).

    Raises
    ------
    StageError
        If there are no rows, a value is not finite, or training diverges.
    UsageError
        If shapes or types are wrong or ids repeat.
    TrainingPausedError
        The course says that it is over for now.
    """
    rows, split = _arrange(vectors, ids, settings)
    with deterministic():
        with seeded(seed):
            module = StackedAutoencoder(vectors.shape[1], settings)
        _store_standardisation(module, rows[split.train])
        components = principal_components(rows[split.train], module, settings.layers[-1])
        floor = _components_loss(module, rows, split, components)
        if settings.start == "pca":
            start_at_components(module, rows[split.train], components)
        training = _Training(module.to(device), rows, split, settings, seed, on_epoch, device, [floor], course=course)
        training.run(settings.order)
        return training.result()


def continue_training(
    network: TrainedNetwork,
    vectors: NDArray[np.float32],
    ids: NDArray[np.uint64],
    *,
    order: tuple[str, ...],
    epochs: tuple[int, ...] | None = None,
    on_epoch: OnEpoch | None = None,
    device: str = "cpu",
) -> TrainedNetwork:
    """Train a network further, on the same or other vectors of its length.

    Parameters
    ----------
    network : TrainedNetwork
        From `train_stacked_autoencoder`, perhaps stored and loaded. Without its optimisers
        (`without_optimisers`) every phase begins with a new one.
    vectors, ids
        As in `train_stacked_autoencoder`; with the same ones, the bits are those of one unbroken training, unless
        early stopping or a plateau changed the course of the first part.
    order, epochs
        As in `StackedSettings`; ``epochs`` of None takes the network's own.
    on_epoch, device
        As in `train_stacked_autoencoder`.

    Raises
    ------
    StageError, UsageError
        As `train_stacked_autoencoder`; also if the vectors have another length.
    """
    module = module_of(network)
    assert isinstance(network.settings, StackedSettings), "module_of() has seen to it"
    changed = replace(network.settings, order=order, epochs=epochs or network.settings.epochs)
    rows, split = _arrange(vectors, ids, changed)
    if rows.shape[1] != len(module.mean):
        raise UsageError(
            f"This autoencoder was trained on vectors of length {len(module.mean)}, and cannot be trained further on "
            f"vectors of length {rows.shape[1]}."
        )
    tensors = safetensors.torch.load(network.state)
    kept: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(OPTIMISER_PREFIX):
            phase, part = name.removeprefix(OPTIMISER_PREFIX).split("/")
            kept.setdefault(phase, {})[part] = tensor
    with deterministic():
        history = list(network.history)
        training = _Training(module.to(device), rows, split, changed, network.seed, on_epoch, device, history, kept)
        training.run(order)
        whole = replace(changed, order=(*network.settings.order, *order))
        return replace(training.result(), settings=whole)


def without_optimisers(network: TrainedNetwork) -> TrainedNetwork:
    """The network with what encoding needs only: a third of its size."""
    tensors = safetensors.torch.load(network.state)
    needed = {name: tensor for name, tensor in tensors.items() if not name.startswith(OPTIMISER_PREFIX)}
    return replace(network, state=safetensors.torch.save(needed))


def component_network(
    vectors: NDArray[np.float32], ids: NDArray[np.uint64], *, settings: StackedSettings, seed: int
) -> TrainedNetwork:
    """Principal components of the training rows as a network of one linear, tied pair.

    Parameters
    ----------
    vectors, ids, settings, seed
        As in `train_stacked_autoencoder`, so that the same rows are held out.

    Returns
    -------
    TrainedNetwork
        With one entry of history, ``pca``. If the rows have fewer components than the code has values, the others
        are 0.
    """
    rows, split = _arrange(vectors, ids, settings)
    linear = component_settings(settings)
    with deterministic():
        module = StackedAutoencoder(vectors.shape[1], linear)
        _store_standardisation(module, rows[split.train])
        components = principal_components(rows[split.train], module, linear.layers[-1])
        start_at_components(module, rows[split.train], components)
        with torch.no_grad():
            # A linear code needs no room below 0; centred codes are what components are elsewhere.
            module.encoder_biases[0].zero_()
            module.decoder_biases[0].zero_()
        floor = _components_loss(module, rows, split, components)
        return TrainedNetwork(state_to_bytes(module), linear, seed, (floor,))


class _Training:
    """A network in training, with what has been run so far."""

    def __init__(
        self,
        module: StackedAutoencoder,
        rows: NDArray[np.float32],
        split: Split,
        settings: StackedSettings,
        seed: int,
        on_epoch: OnEpoch | None,
        device: str,
        history: list[EpochLoss],
        kept: dict[str, dict[str, torch.Tensor]] | None = None,
        course: Course | None = None,
    ) -> None:
        self._module, self._rows, self._split, self._settings = module, rows, split, settings
        self._seed, self._on_epoch, self._device = seed, on_epoch, device
        self._history = history
        self._optimisers: dict[str, Adam] = {}
        self._course = Course() if course is None else course
        self._course.begin(module)
        for phase, state in (kept or {}).items():
            self._optimiser(phase).restore(state)

    def run(self, order: tuple[str, ...]) -> None:
        for phase in order:
            self._run_phase(phase)

    def _run_phase(self, phase: str) -> None:
        settings, pairs = self._settings, phase_pairs(phase, self._module.depth)
        weights = [weight for pair in pairs for weight in self._module.pair_weights(pair)]
        self._history += train_epochs(
            phase_parameters(self._module, phase),
            lambda batch, _epoch: phase_loss(self._module, torch.from_numpy(self._rows[batch]).to(self._device), phase),
            self._split,
            phase=phase,
            epochs=settings.epochs_of(phase),
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            seed=self._seed,
            rows_per_epoch=None,
            on_epoch=self._on_epoch,
            rules=Rules(min_steps=settings.min_steps, patience=settings.patience, plateau=settings.plateau),
            optimiser=self._optimiser(phase),
            epochs_before=max((entry.epoch for entry in self._history if entry.phase == phase), default=0),
            penalty=(lambda: _penalty(weights, settings.l2)) if settings.l2 else None,
            course=self._course,
        )

    def _optimiser(self, phase: str) -> Adam:
        if phase not in self._optimisers:
            parameters = phase_parameters(self._module, phase)
            self._optimisers[phase] = Adam(parameters, learning_rate=self._settings.learning_rate)
            self._course.register(phase, self._optimisers[phase])
        self._optimisers[phase].learning_rate = self._settings.learning_rate
        return self._optimisers[phase]

    def result(self) -> TrainedNetwork:
        tensors = safetensors.torch.load(state_to_bytes(self._module))
        for phase, optimiser in self._optimisers.items():
            for part, tensor in optimiser.state().items():
                tensors[f"{OPTIMISER_PREFIX}{phase}/{part}"] = tensor.cpu().contiguous()
        return TrainedNetwork(safetensors.torch.save(tensors), self._settings, self._seed, tuple(self._history))


def phase_pairs(phase: str, depth: int) -> range:
    """Pairs that a phase trains, counted from 0, the outer one.

    Examples
    --------
    >>> [list(phase_pairs(phase, 3)) for phase in ("1_a", "1_b", "1", "2", "g")]
    [[0], [1], [0, 1], [2], [0, 1, 2]]
    """
    if phase.startswith("1_"):
        pair = ord(phase[2:]) - ord("a")
        return range(pair, pair + 1)
    return {"1": range(depth - 1), "2": range(depth - 1, depth), "g": range(depth)}[phase]


def phase_loss(module: StackedAutoencoder, vectors: torch.Tensor, phase: str) -> torch.Tensor:
    """How well a phase's pairs reproduce what the layers before make of the vectors: a mean squared error."""
    pairs = phase_pairs(phase, module.depth)
    with torch.no_grad():
        inputs = module.standardise(vectors)
        for pair in range(pairs.start):
            inputs = module.encode_layer(inputs, pair)
    values = inputs
    for pair in pairs:
        values = module.encode_layer(values, pair)
    for pair in reversed(pairs):
        values = module.decode_layer(values, pair)
    return functional.mse_loss(values, inputs)


def phase_parameters(module: StackedAutoencoder, phase: str) -> list[nn.Parameter]:
    """Weights and biases that a phase trains."""
    return [parameter for pair in phase_pairs(phase, module.depth) for parameter in module.pair_parameters(pair)]


def _penalty(weights: list[nn.Parameter], l2: float) -> torch.Tensor:
    return l2 / 2 * torch.stack([weight.square().sum() for weight in weights]).sum()


def _arrange(
    vectors: NDArray[np.float32], ids: NDArray[np.uint64], settings: StackedSettings
) -> tuple[NDArray[np.float32], Split]:
    check_vectors(vectors)
    order, split = arrange(ids, len(vectors), settings.test_fraction)
    return vectors[order], split


def _components_loss(
    module: StackedAutoencoder, rows: NDArray[np.float32], split: Split, components: torch.Tensor
) -> EpochLoss:
    losses = [reconstruction_loss(rows[part], module, components) for part in (split.train, split.test) if len(part)]
    return EpochLoss(PCA, 0, losses[0], losses[1] if len(losses) > 1 else None)


def _store_standardisation(module: StackedAutoencoder, rows: NDArray[np.float32]) -> None:
    mean = rows.mean(axis=0, dtype=np.float64)
    # One scale for all columns: a column of its own scale would count as much as any other, and columns that hold
    # little but noise, such as the last components of a rotated embedding, would drown the rest.
    columns = range(0, rows.shape[1], _COLUMNS_AT_ONCE)  # float64 of all rows would be twice as much again as they are
    variances = [rows[:, start : start + _COLUMNS_AT_ONCE].var(axis=0, dtype=np.float64) for start in columns]
    spread = float(np.sqrt(np.mean(np.concatenate(variances))))
    constant = spread <= 1e-6 * max(float(np.abs(mean).max()), 1e-30)
    module.mean.copy_(torch.from_numpy(mean))
    module.scale.fill_(1.0 if constant else spread)
