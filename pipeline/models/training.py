"""The training loop that all autoencoders share, and what comes out of it.

Rows are ordered by id before anything else happens, the test rows and each epoch's order follow from hashes
of the ids, and training runs on one thread: the weights depend on the set of rows, the settings and the seed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from pipeline.errors import StageError, UsageError
from pipeline.models.adam import Adam
from pipeline.models.settings import ConvolutionalSettings, StackedSettings


@dataclass(frozen=True, slots=True)
class EpochLoss:
    """One epoch's loss: the mean squared error of a value, in the units of the normalised input.

    Attributes
    ----------
    phase : str
        ``train``, ``pretrain_1`` ... or ``finetune``.
    epoch : int
        From 1, within the phase.
    train_loss : float
        Mean over the epoch's training rows, each measured just before its step.
    test_loss : float or None
        Mean over the test rows after the epoch; None if there are none.
    """

    phase: str
    epoch: int
    train_loss: float
    test_loss: float | None


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A network after training, ready to be stored or to encode.

    Attributes
    ----------
    state : bytes
        The tensors in the safetensors format, without metadata.
    settings : StackedSettings or ConvolutionalSettings
        Its type tells the kind of the network.
    seed : int
    history : tuple of EpochLoss
        In the order of training.
    """

    state: bytes
    settings: StackedSettings | ConvolutionalSettings
    seed: int
    history: tuple[EpochLoss, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """Positions of the training and the test rows (int64), and the ids of all rows (uint64, ascending)."""

    ids: NDArray[np.uint64]
    train: NDArray[np.int64]
    test: NDArray[np.int64]


BatchLoss = Callable[[NDArray[np.int64], int | None], torch.Tensor]
OnEpoch = Callable[[EpochLoss], None]

# Streams of random numbers that must not repeat each other.
STREAM_SPLIT, STREAM_ORDER, STREAM_AUGMENT = 1, 2, 3


def hash_ids(ids: NDArray[np.uint64], *stream: int) -> NDArray[np.uint64]:
    """Hash each id together with the numbers of a stream; uniform over all uint64.

    The finaliser of SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195). Unlike a generator
    that is drawn in turn, an id's number does not depend on which other ids there are.
    """
    hashed = ids.astype(np.uint64, copy=True)
    for number in stream:
        hashed = _splitmix(hashed ^ np.uint64(number % 2**64))
    return hashed


def order_by_id(ids: NDArray[np.uint64], n_rows: int) -> NDArray[np.int64]:
    """Positions that sort the rows by id.

    Raises
    ------
    UsageError
        If ``ids`` is not uint64 [n_rows], or an id occurs twice (their order would be undefined).
    StageError
        If there are no rows.
    """
    if ids.dtype != np.uint64 or ids.shape != (n_rows,):
        raise UsageError(f"Expected {n_rows} ids as uint64, one a row, but found {ids.dtype} {list(ids.shape)}.")
    if n_rows == 0:
        raise StageError("An autoencoder cannot be trained on nothing: there are 0 rows to learn from.")
    order = np.argsort(ids, kind="stable").astype(np.int64)
    repeated = np.flatnonzero(np.diff(ids[order]) == 0)
    if len(repeated):
        raise UsageError(f"The id {ids[order][repeated[0]]} stands for several rows; ids must be unique.")
    return order


def split_rows(sorted_ids: NDArray[np.uint64], test_fraction: float) -> Split:
    """Choose the test rows by the hash of their ids, so that a row stays on its side as the corpus grows.

    If every row would be a test row (few rows), all of them train and none tests.
    """
    share = hash_ids(sorted_ids, STREAM_SPLIT) / 2.0**64
    is_test = share < test_fraction
    if is_test.all():
        is_test[:] = False
    return Split(sorted_ids, np.flatnonzero(~is_test), np.flatnonzero(is_test))


def train_epochs(
    parameters: Sequence[torch.nn.Parameter],
    batch_loss: BatchLoss,
    split: Split,
    *,
    phase: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    rows_per_epoch: int | None,
    on_epoch: OnEpoch | None,
) -> list[EpochLoss]:
    """Train by Adam in batches whose order follows from (seed, epoch) and the ids.

    Parameters
    ----------
    parameters : sequence of Parameter
    batch_loss : callable
        Positions of rows (int64) and the epoch (None when testing) to the mean loss over these rows.
    split : Split
    phase, epochs, batch_size, learning_rate, seed
        The last batch of an epoch may be shorter.
    rows_per_epoch : int or None
        At most so many rows an epoch (and so many test rows), other ones each time; None takes all.
    on_epoch : callable or None
        Called after each epoch.

    Returns
    -------
    list of EpochLoss

    Raises
    ------
    StageError
        If the loss is no longer finite.
    """
    optimiser = Adam(parameters, learning_rate=learning_rate)
    history: list[EpochLoss] = []
    for epoch in range(1, epochs + 1):
        order = np.argsort(hash_ids(split.ids[split.train], STREAM_ORDER, seed, epoch), kind="stable")
        rows = split.train[order][:rows_per_epoch]
        total = 0.0
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            loss = batch_loss(batch, epoch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(batch)
        history.append(
            EpochLoss(phase, epoch, total / len(rows), _test_loss(batch_loss, split, batch_size, rows_per_epoch))
        )
        _check_finite(history[-1])
        if on_epoch is not None:
            on_epoch(history[-1])
    return history


def state_to_bytes(module: torch.nn.Module, *, metadata: Mapping[str, str] | None = None) -> bytes:
    """Tensors of a module as safetensors; the same bits give the same bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    return safetensors.torch.save(tensors, None if metadata is None else dict(metadata))


def _test_loss(batch_loss: BatchLoss, split: Split, batch_size: int, rows_per_epoch: int | None) -> float | None:
    rows = split.test
    if rows_per_epoch is not None and len(rows) > rows_per_epoch:
        # By hash and not by rank: the lowest ids are no fair sample where ids are row numbers.
        rows = rows[np.argsort(hash_ids(split.ids[rows], STREAM_ORDER), kind="stable")][:rows_per_epoch]
    if len(rows) == 0:
        return None
    total = 0.0
    with torch.no_grad():
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            total += batch_loss(batch, None).item() * len(batch)
    return total / len(rows)


def _check_finite(loss: EpochLoss) -> None:
    if not np.isfinite(loss.train_loss) or (loss.test_loss is not None and not np.isfinite(loss.test_loss)):
        raise StageError(
            f"Training diverged: the loss of {loss.phase}, epoch {loss.epoch}, is {loss.train_loss} "
            f"(test {loss.test_loss}). Lower the learning rate."
        )


def _splitmix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        state = state + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))
