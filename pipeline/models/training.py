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
from pipeline.models.contrastive_settings import ContrastiveSettings
from pipeline.models.course import Course, Standing
from pipeline.models.losses import EpochLoss, measured
from pipeline.models.schedules import ALL_EPOCHS, OneCycle, PacedSteps, Rules, Steps
from pipeline.models.settings import ConvolutionalSettings, StackedSettings
from pipeline.models.vector_networks.settings import VectorSettings

PCA = "pca"
"""Phase under which the loss of principal components stands in a history."""


AnySettings = StackedSettings | ConvolutionalSettings | ContrastiveSettings | VectorSettings


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A network after training, ready to be stored or to encode.

    Attributes
    ----------
    state : bytes
        The tensors in the safetensors format, without metadata.
    settings : StackedSettings, ConvolutionalSettings, ContrastiveSettings or VectorSettings
        Its type tells the kind of the network.
    seed : int
    history : tuple of EpochLoss
        In the order of training.
    """

    state: bytes
    settings: AnySettings
    seed: int
    history: tuple[EpochLoss, ...]

    @property
    def loss(self) -> float:
        """Held-out loss of the weights that were kept; of the training rows, where none are held out.

        The last phase's best epoch where early stopping kept it, else its last epoch.
        """
        last = [entry for entry in self.history if entry.phase == self.history[-1].phase]
        patient = getattr(self.settings, "patience", 0) > 0
        losses = [measured(entry) for entry in last]
        return min(losses) if patient else losses[-1]

    @property
    def pca_loss(self) -> float | None:
        """Loss of principal components of the code's length, on the same rows; None where they were not taken."""
        return next((measured(entry) for entry in self.history if entry.phase == PCA), None)


@dataclass(frozen=True, slots=True)
class Split:
    """Positions of the training and the test rows (int64), and the ids of all rows (uint64, ascending)."""

    ids: NDArray[np.uint64]
    train: NDArray[np.int64]
    test: NDArray[np.int64]


_PLATEAU_FACTOR = 0.5

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


def arrange(ids: NDArray[np.uint64], n_rows: int, test_fraction: float) -> tuple[NDArray[np.int64], Split]:
    """Put rows into the order of their ids and choose those that test: what every training does first.

    Returns
    -------
    order : ndarray of int64, [n_rows]
        Positions that sort the rows by id; positions of the split count in this order.
    split : Split

    Raises
    ------
    UsageError, StageError
        As `order_by_id`.
    """
    order = order_by_id(ids, n_rows)
    return order, split_rows(ids[order], test_fraction)


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
    rules: Rules = ALL_EPOCHS,
    optimiser: PacedSteps | None = None,
    epochs_before: int = 0,
    penalty: Callable[[], torch.Tensor] | None = None,
    course: Course | None = None,
    buffers: Sequence[torch.Tensor] = (),
) -> list[EpochLoss]:
    """Train in batches whose order follows from (seed, epoch) and the ids.

    Parameters
    ----------
    parameters : sequence of Parameter
    batch_loss : callable
        Positions of rows (int64) and the epoch (None when testing) to the mean loss over these rows.
    split : Split
    phase, epochs, batch_size, learning_rate, seed
        The last batch of an epoch may be shorter; fewer rows than a batch are one batch.
    rows_per_epoch : int or None
        At most so many rows an epoch (and so many test rows), other ones each time; None takes all.
    on_epoch : callable or None
        Called after each epoch.
    rules : Rules
        When to stop before the last epoch, and what an epoch is on few rows.
    optimiser : PacedSteps, optional
        One that has taken steps on ``parameters`` before; else Adam begins anew.
    epochs_before : int
        Epochs of this phase that were run before.
    penalty : callable, optional
        Added to what a step lowers; the losses in the history are without it.
    course : Course, optional
        Says when to break off, and where an earlier part of this training was.
    buffers : sequence of Tensor
        What a step changes beside the parameters, such as running statistics; the best are kept with the best weights.

    Returns
    -------
    list of EpochLoss
        With ``rules.patience`` and test rows the first is of epoch ``epochs_before``: the losses before any step.

    Raises
    ------
    StageError
        If the loss is no longer finite.
    TrainingPausedError
        The course says that it is over for now.
    """
    course = Course() if course is None else course
    if (finished := course.replay()) is not None:
        return finished
    standing = course.enter()
    optimiser = Adam(parameters, learning_rate=learning_rate) if optimiser is None else optimiser
    optimiser.learning_rate = standing.learning_rate or optimiser.learning_rate
    watch = _Watch([*parameters, *buffers], rules, optimiser, standing) if len(split.test) else None
    passes = _passes(split, epochs, batch_size, rows_per_epoch, rules.min_steps)
    history = standing.history

    def report(epoch: int, train_loss: float) -> float | None:
        test_loss = _test_loss(batch_loss, split, batch_size, rows_per_epoch or rules.test_rows or None)
        history.append(EpochLoss(phase, epoch, train_loss, test_loss))
        _check_finite(history[-1])
        if on_epoch is not None:
            on_epoch(history[-1])
        return test_loss

    done = history[-1].epoch if history else epochs_before
    steps: Steps = optimiser
    if rules.one_cycle:
        per_epoch = passes * _steps_of_pass(split, batch_size, rows_per_epoch)
        steps = OneCycle(optimiser, highest=learning_rate, steps=epochs * per_epoch, done=done * per_epoch)
    if watch is not None and rules.patience and not history:
        rows = split.train[:rows_per_epoch]
        watch.look(report(epochs_before, _mean_loss(batch_loss, rows, batch_size)))
    for epoch in range(done + 1, epochs_before + epochs + 1):
        losses = [
            _train_pass(batch_loss, penalty, steps, rows[:rows_per_epoch], epoch, batch_size)
            for rows in (_rows_of_pass(split, seed, epoch, turn) for turn in range(passes))
        ]
        test_loss = report(epoch, sum(losses) / passes)
        if watch is not None and watch.look(test_loss):
            break
        if epoch < epochs_before + epochs and course.over():
            standing.learning_rate = optimiser.learning_rate
            course.pause(standing)
    if watch is not None:
        watch.keep_best()
    course.leave(history)
    return history


def _passes(split: Split, epochs: int, batch_size: int, rows_per_epoch: int | None, min_steps: int) -> int:
    """Passes over the rows that make an epoch, so that all epochs together have ``min_steps`` steps."""
    return max(1, -(-min_steps // (_steps_of_pass(split, batch_size, rows_per_epoch) * max(1, epochs))))


def _steps_of_pass(split: Split, batch_size: int, rows_per_epoch: int | None) -> int:
    rows = len(split.train) if rows_per_epoch is None else min(len(split.train), rows_per_epoch)
    return -(-rows // batch_size)


def _rows_of_pass(split: Split, seed: int, epoch: int, turn: int) -> NDArray[np.int64]:
    """Training rows in the order of one pass of an epoch."""
    stream = (seed, epoch) if turn == 0 else (seed, epoch, turn)
    return split.train[np.argsort(hash_ids(split.ids[split.train], STREAM_ORDER, *stream), kind="stable")]


def _train_pass(
    batch_loss: BatchLoss,
    penalty: Callable[[], torch.Tensor] | None,
    optimiser: Steps,
    rows: NDArray[np.int64],
    epoch: int,
    batch_size: int,
) -> float:
    total = 0.0
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        loss = batch_loss(batch, epoch)
        optimiser.zero_grad()
        (loss if penalty is None else loss + penalty()).backward()
        optimiser.step()
        total += loss.item() * len(batch)
    return total / len(rows)


class _Watch:
    """Looks at the test loss after each epoch: keeps the best weights, halves the learning rate, says when to stop."""

    def __init__(
        self, parameters: Sequence[torch.Tensor], rules: Rules, optimiser: PacedSteps, standing: Standing
    ) -> None:
        self._parameters, self._rules, self._optimiser, self._at = parameters, rules, optimiser, standing

    def look(self, test_loss: float | None) -> bool:
        """Whether to stop here."""
        assert test_loss is not None, "there are test rows"
        at = self._at
        at.since_best += 1
        at.since_change += 1
        if test_loss < at.best:
            at.best, at.since_best, at.since_change = test_loss, 0, 0
            if self._rules.patience:
                at.weights = [parameter.detach().clone() for parameter in self._parameters]
        if self._rules.plateau and at.since_change >= self._rules.plateau:
            self._optimiser.learning_rate *= _PLATEAU_FACTOR
            at.since_change = 0
        return bool(self._rules.patience) and at.since_best >= self._rules.patience

    @torch.no_grad()
    def keep_best(self) -> None:
        """Put the best weights back, if they were kept."""
        for parameter, weights in zip(self._parameters, self._at.weights, strict=bool(self._at.weights)):
            parameter.copy_(weights)


def state_to_bytes(module: torch.nn.Module, *, metadata: Mapping[str, str] | None = None) -> bytes:
    """Tensors of a module as safetensors; the same bits give the same bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    return safetensors.torch.save(tensors, None if metadata is None else dict(metadata))


def _test_loss(batch_loss: BatchLoss, split: Split, batch_size: int, rows_per_epoch: int | None) -> float | None:
    rows = split.test
    if rows_per_epoch is not None and len(rows) > rows_per_epoch:
        # By hash and not by rank: the lowest ids are no fair sample where ids are row numbers.
        rows = rows[np.argsort(hash_ids(split.ids[rows], STREAM_ORDER), kind="stable")][:rows_per_epoch]
    return None if len(rows) == 0 else _mean_loss(batch_loss, rows, batch_size)


@torch.no_grad()
def _mean_loss(batch_loss: BatchLoss, rows: NDArray[np.int64], batch_size: int) -> float:
    total = 0.0
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
