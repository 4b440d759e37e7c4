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
from pipeline.models.encoders import encode_in_fixed_batches
from pipeline.models.losses import EpochLoss
from pipeline.models.picture_changes import changed
from pipeline.models.runtime import deterministic, seeded
from pipeline.models.stacked import check_vectors
from pipeline.models.training import STREAM_ORDER, hash_ids, state_to_bytes

_ENCODED_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class ContrastiveNetwork:
    """A trained network.

    Attributes
    ----------
    state : bytes
        Tensors in the safetensors format.
    settings : ContrastiveSettings
    history : tuple of EpochLoss
        Phase ``contrast``; nothing is held out.
    """

    state: bytes
    settings: ContrastiveSettings
    history: tuple[EpochLoss, ...]


def train_contrastive_network(
    rows: NDArray[np.float32],
    *,
    settings: ContrastiveSettings,
    seed: int,
    on_epoch: Callable[[EpochLoss], None] | None = None,
) -> ContrastiveNetwork:
    """Learn from pictures, float32 [N, H W] on a dark background, without labels.

    The bits depend on the rows, their order, the settings and the seed; one thread.

    Raises
    ------
    UsageError
        If the rows are not float32 [N, H W], or are fewer than two.
    StageError
        If a value is not finite, or training diverges.
    """
    _check(rows, settings)
    with deterministic():
        with seeded(seed):
            module = _Module(settings)
        module.scale.fill_(max(float(np.abs(rows).max()), 1e-30))
        history = _train(module.train(), torch.from_numpy(rows), settings, seed, on_epoch)
        return ContrastiveNetwork(state_to_bytes(module), settings, history)


class ContrastiveEncoder:
    """Encodes pictures with a trained network."""

    def __init__(self, network: ContrastiveNetwork) -> None:
        self._settings = network.settings
        self._module = _Module(network.settings)
        self._module.load_state_dict(safetensors.torch.load(network.state))
        self._module.eval()

    def encode(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Codes of length 1, float32 [N, code_size]."""
        _check(rows, self._settings, fewest=0)
        width = self._settings.code_size
        return encode_in_fixed_batches(
            self._module.encode, rows, dimension=width, batch_size=_ENCODED_AT_ONCE, device="cpu"
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
    alike = alike.masked_fill(torch.eye(len(rows), dtype=torch.bool), -math.inf)
    partners = torch.arange(len(rows)).roll(len(one))
    return functional.cross_entropy(alike, partners)


def _check(rows: NDArray[np.float32], settings: ContrastiveSettings, *, fewest: int = 2) -> None:
    check_vectors(rows)
    if rows.shape[1] != math.prod(settings.image_shape):
        height, width = settings.image_shape
        raise UsageError(f"Rows of length {rows.shape[1]} are no pictures of {height} x {width} pixels.")
    if len(rows) < fewest:
        raise UsageError(f"There are {len(rows)} pictures; contrast needs at least {fewest}.")


class _Module(nn.Module):
    scale: torch.Tensor

    def __init__(self, settings: ContrastiveSettings) -> None:
        super().__init__()
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
        cells = math.prod(-(-side // 4) for side in settings.image_shape)
        self.to_code = nn.Linear(widths[-1] * cells, settings.code_size)
        self.project = nn.Sequential(
            nn.BatchNorm1d(settings.code_size), nn.ReLU(), nn.Linear(settings.code_size, settings.projection_size)
        )
        self.register_buffer("scale", torch.ones(()))

    def pictures(self, rows: torch.Tensor) -> torch.Tensor:
        return (rows / self.scale).reshape(-1, 1, *self._shape)

    def codes(self, pictures: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.to_code(self.stages(pictures).flatten(1))
        return found

    def encode(self, rows: torch.Tensor) -> torch.Tensor:
        return functional.normalize(self.codes(self.pictures(rows)), dim=1)

    def projections(self, pictures: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.project(self.codes(pictures))
        return found


def _train(
    module: _Module,
    rows: torch.Tensor,
    settings: ContrastiveSettings,
    seed: int,
    on_epoch: Callable[[EpochLoss], None] | None,
) -> tuple[EpochLoss, ...]:
    ids = np.arange(len(rows), dtype=np.uint64)
    optimiser = Adam(module.parameters(), learning_rate=settings.learning_rate)
    size = min(settings.batch_size, len(rows))
    per_epoch = len(rows) // size
    history: list[EpochLoss] = []
    for epoch in range(1, settings.epochs + 1):
        order = np.argsort(hash_ids(ids, STREAM_ORDER, seed, epoch), kind="stable")
        total = 0.0
        for step in range(per_epoch):
            done = ((epoch - 1) * per_epoch + step) / (settings.epochs * per_epoch)
            optimiser.learning_rate = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
            batch = order[step * size : (step + 1) * size]
            total += _step(module, optimiser, rows, ids, batch, settings, (seed, epoch))
        history.append(EpochLoss("contrast", epoch, total / per_epoch, None))
        if not math.isfinite(total):
            raise StageError(f"Training diverged in epoch {epoch}: the loss is {total}. Lower the learning rate.")
        if on_epoch is not None:
            on_epoch(history[-1])
    return tuple(history)


def _step(
    module: _Module,
    optimiser: Adam,
    rows: torch.Tensor,
    ids: NDArray[np.uint64],
    batch: NDArray[np.int64],
    settings: ContrastiveSettings,
    stream: tuple[int, int],
) -> float:
    pictures = module.pictures(rows[torch.from_numpy(batch)])
    views = torch.cat([changed(pictures, ids[batch], settings, *stream, view) for view in range(2)])
    one, other = module.projections(views).chunk(2)
    loss = contrastive_loss(one, other, settings.temperature)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()
