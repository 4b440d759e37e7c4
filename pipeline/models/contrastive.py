"""Contrastive learning of small pictures (SimCLR): two changed versions of one picture get near codes, others far ones.

References
----------
Chen, Kornblith, Norouzi and Hinton 2020, arXiv:2002.05709.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from pipeline.errors import StageError, UsageError
from pipeline.models.adam import Adam
from pipeline.models.contrastive_settings import ContrastiveSettings
from pipeline.models.convolutional import normalised
from pipeline.models.course import Course
from pipeline.models.encoders import encode_in_fixed_batches
from pipeline.models.losses import EpochLoss
from pipeline.models.picture_changes import changed
from pipeline.models.runtime import deterministic, seeded
from pipeline.models.stacked import check_vectors
from pipeline.models.stored_pictures import StoredPictures
from pipeline.models.training import STREAM_ORDER, TrainedNetwork, hash_ids, order_by_id, state_to_bytes

_ENCODED_AT_ONCE = 512

Rows = NDArray[np.float32] | NDArray[np.uint8]
_AT_ONCE = 4096  # pictures whose largest value is looked for


def train_contrastive_network(
    rows: Rows | StoredPictures,
    ids: NDArray[np.uint64],
    *,
    settings: ContrastiveSettings,
    seed: int,
    on_epoch: Callable[[EpochLoss], None] | None = None,
    device: str = "cpu",
    course: Course | None = None,
) -> TrainedNetwork:
    """Learn from pictures without labels.

    Parameters
    ----------
    rows : ndarray, float32 or uint8 [N, H W], or StoredPictures
        Pictures, row by row; at least two. With ``outside = "dark"`` on a background near 0.
    ids : ndarray, uint64 [N]
        Unique. Batches and changes follow from them: the order of the pictures does not matter.
    settings : ContrastiveSettings
    seed : int
    on_epoch : callable, optional
        Called after each epoch with its `EpochLoss`.
    device : str
        ``"cpu"`` (one thread) or ``"cuda"``; bits repeat on the same kind of device.
    course : Course, optional
        Where an earlier part of the training was, and when to break off.

    Returns
    -------
    TrainedNetwork
        Its history has one phase, ``contrast``; nothing is held out.

    Raises
    ------
    UsageError
        If the rows are no such pictures, or are fewer than two, or ids repeat.
    StageError
        If a value is not finite, or training diverges.
    TrainingPausedError
        The course says that it is over for now.
    """
    check_pictures(rows, settings)
    order = order_by_id(ids, len(rows))
    course = Course() if course is None else course
    with deterministic():
        with seeded(seed):
            module = ContrastiveModule(settings)
        module.scale.fill_(1.0 if settings.normalised else max(_largest(rows), 1e-30))
        module.to(device).train()
        task = _Contrast(module, rows, order, ids[order], settings, seed, device)
        history = _train(task, course, on_epoch)
        return TrainedNetwork(state_to_bytes(module), settings, seed, tuple(history))


class ContrastiveEncoder:
    """Encodes pictures with a trained network; rows of pixels, or squares as a `PictureEncoder`."""

    name = "contrastive"

    def __init__(self, network: TrainedNetwork, *, device: str = "cpu") -> None:
        if not isinstance(network.settings, ContrastiveSettings):
            raise UsageError(f"Not a contrastive network: it has {type(network.settings).__name__}.")
        self._settings, self._device = network.settings, device
        self._module = ContrastiveModule(network.settings)
        self._module.load_state_dict(safetensors.torch.load(network.state))
        self._module.to(device).eval()
        self.dimension = network.settings.code_size
        self.image_size = max(network.settings.image_shape)

    def encode(self, rows: Rows) -> NDArray[np.float32]:
        """Codes of length 1, float32 [N, code_size], of rows [N, H W] or pictures [N, H, W], float32 or uint8."""
        rows = rows.reshape(len(rows), math.prod(rows.shape[1:]))
        check_pictures(rows, self._settings, fewest=0)
        return encode_in_fixed_batches(
            self._module.encode, rows, dimension=self.dimension, batch_size=_ENCODED_AT_ONCE, device=self._device
        )


def contrastive_loss(one: torch.Tensor, other: torch.Tensor, temperature: float) -> torch.Tensor:
    """Mean over all 2 B rows of -log of the share that the row's partner has among all other rows.

    Parameters
    ----------
    one, other : tensor [B, D]
        Row i of both is the same picture. The share is that of exp(cosine / temperature).
    """
    rows = functional.normalize(torch.cat((one, other)), dim=1)
    alike = rows @ rows.T / temperature
    alike = alike.masked_fill(torch.eye(len(rows), dtype=torch.bool, device=rows.device), -math.inf)
    partners = torch.arange(len(rows), device=rows.device).roll(len(one))
    return functional.cross_entropy(alike, partners)


def _largest(rows: Rows | StoredPictures) -> float:
    starts = range(0, len(rows), _AT_ONCE)
    return max(float(np.abs(rows[np.arange(i, min(i + _AT_ONCE, len(rows)))]).max()) for i in starts)


def check_pictures(rows: Rows | StoredPictures, settings: ContrastiveSettings, *, fewest: int = 2) -> None:
    """Refuse rows that are no pictures of the settings' shape, or are too few (`UsageError`), or not finite."""
    if isinstance(rows, np.ndarray) and (rows.dtype != np.uint8 or rows.ndim != 2):
        check_vectors(rows)
    length = math.prod(rows.shape[1:])
    if length != math.prod(settings.image_shape):
        height, width = settings.image_shape
        raise UsageError(f"Rows of length {length} are no pictures of {height} x {width} pixels.")
    if len(rows) < fewest:
        raise UsageError(f"There are {len(rows)} pictures; contrast needs at least {fewest}.")


class ContrastiveModule(nn.Module):
    """Convolutional stages, the code, and the projection that the loss is taken of; ``scale`` divides pixels."""

    scale: torch.Tensor

    def __init__(self, settings: ContrastiveSettings) -> None:
        super().__init__()
        self.settings = settings
        self._shape = settings.image_shape
        widths = (1, *settings.channels)
        stages: list[nn.Module] = []
        for place, (n_in, n_out) in enumerate(pairwise(widths)):
            side = 5 if place == 0 else 3
            stages += [
                nn.Conv2d(n_in, n_out, side, stride=2 if place < 2 else 1, padding=side // 2, bias=False),
                nn.BatchNorm2d(n_out),
                nn.ReLU(),
            ]
        self.stages = nn.Sequential(*stages)
        self._averaged, self._normalised = settings.layout == "averaged", settings.normalised
        cells = 1 if self._averaged else math.prod(-(-side // 4) for side in settings.image_shape)
        self.to_code = nn.Linear(widths[-1] * cells, settings.code_size)
        self.project = nn.Sequential(
            nn.BatchNorm1d(settings.code_size), nn.ReLU(), nn.Linear(settings.code_size, settings.projection_size)
        )
        self.register_buffer("scale", torch.ones(()))

    def pictures(self, rows: torch.Tensor) -> torch.Tensor:
        """Pictures [B, 1, H, W] as the network sees them, of rows [B, H W]."""
        found = (rows / self.scale).reshape(-1, 1, *self._shape)
        return normalised(found) if self._normalised else found

    def codes(self, pictures: torch.Tensor) -> torch.Tensor:
        """Codes [B, code_size], not of length 1 yet."""
        maps = self.stages(pictures)
        found: torch.Tensor = self.to_code(maps.mean(dim=(2, 3)) if self._averaged else maps.flatten(1))
        return found

    def encode(self, rows: torch.Tensor) -> torch.Tensor:
        """Codes [B, code_size] of length 1, of rows [B, H W]."""
        return functional.normalize(self.codes(self.pictures(rows)), dim=1)

    def projections(self, pictures: torch.Tensor) -> torch.Tensor:
        """What the loss is taken of [B, projection_size]."""
        found: torch.Tensor = self.project(self.codes(pictures))
        return found


@dataclass(frozen=True, slots=True)
class _Contrast:
    """What a training works on: row r is the picture ``rows[order[r]]``, and its id ``ids[r]``."""

    module: ContrastiveModule
    rows: Rows | StoredPictures
    order: NDArray[np.int64]
    ids: NDArray[np.uint64]
    settings: ContrastiveSettings
    seed: int
    device: str

    def loss(self, batch: NDArray[np.int64], epoch: int) -> torch.Tensor:
        rows = self.rows[self.order[batch]].reshape(len(batch), -1)
        pictures = self.module.pictures(torch.from_numpy(rows).to(self.device))
        views = torch.cat(
            [changed(pictures, self.ids[batch], self.settings, self.seed, epoch, view) for view in range(2)]
        )
        one, other = self.module.projections(views).chunk(2)
        return contrastive_loss(one, other, self.settings.temperature)


def _train(task: _Contrast, course: Course, on_epoch: Callable[[EpochLoss], None] | None) -> list[EpochLoss]:
    settings = task.settings
    optimiser = Adam(task.module.parameters(), learning_rate=settings.learning_rate)
    course.begin(task.module)
    course.register("contrast", optimiser)
    standing = course.enter()
    history = standing.history
    for epoch in range(len(history) + 1, settings.epochs + 1):
        history.append(EpochLoss("contrast", epoch, _epoch(task, optimiser, epoch), None))
        if not math.isfinite(history[-1].train_loss):
            raise StageError(
                f"Training diverged in epoch {epoch}: the loss is {history[-1].train_loss}. Lower the learning rate."
            )
        if on_epoch is not None:
            on_epoch(history[-1])
        if epoch < settings.epochs and course.over():
            standing.learning_rate = optimiser.learning_rate
            course.pause(standing)
    return history


def _epoch(task: _Contrast, optimiser: Adam, epoch: int) -> float:
    """One pass in full batches, the learning rate falling by a cosine over all epochs; its mean loss."""
    settings = task.settings
    size = min(settings.batch_size, len(task.rows))
    steps = len(task.rows) // size
    order = np.argsort(hash_ids(task.ids, STREAM_ORDER, task.seed, epoch), kind="stable")
    total = 0.0
    for step in range(steps):
        done = ((epoch - 1) * steps + step) / (settings.epochs * steps)
        optimiser.learning_rate = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
        loss = task.loss(order[step * size : (step + 1) * size], epoch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item()
    return total / steps
