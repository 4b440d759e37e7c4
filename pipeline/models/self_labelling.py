"""A contrastive network that goes on learning from its own clusters (self-labelling, the last step of SCAN).

Pictures whose cluster is sure teach the network, and a layer on its codes, to find that cluster in changed versions of
them. What was put into a wrong cluster by accident is outvoted by the others; the network then says the cluster of any
picture by itself.

References
----------
Van Gansbeke et al. 2020, arXiv:2005.12320.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from pipeline.errors import StageError, UsageError
from pipeline.models.adam import Adam
from pipeline.models.contrastive import ContrastiveModule, Rows, check_pictures
from pipeline.models.contrastive_settings import ContrastiveSettings
from pipeline.models.encoders import encode_in_fixed_batches
from pipeline.models.losses import EpochLoss
from pipeline.models.picture_changes import changed
from pipeline.models.runtime import deterministic, seeded
from pipeline.models.training import STREAM_ORDER, TrainedNetwork, hash_ids, state_to_bytes

_ENCODED_AT_ONCE = 512
_STREAM_LABELS = 7


@dataclass(frozen=True, slots=True)
class SelfLabelled:
    """A network that says clusters.

    Attributes
    ----------
    state : bytes
        Tensors of the network and of the layer on its codes, in the safetensors format.
    settings : ContrastiveSettings
    n_clusters : int
    history : tuple of EpochLoss
        Phase ``self``: cross-entropy.
    """

    state: bytes
    settings: ContrastiveSettings
    n_clusters: int
    history: tuple[EpochLoss, ...]


def learn_own_clusters(
    network: TrainedNetwork,
    rows: Rows,
    labels: NDArray[np.int64],
    *,
    epochs: int = 2,
    learning_rate: float = 1e-3,
    seed: int = 0,
    on_epoch: Callable[[EpochLoss], None] | None = None,
) -> SelfLabelled:
    """Teach a contrastive network the clusters of its pictures.

    Parameters
    ----------
    network : TrainedNetwork
        From `train_contrastive_network`; it stays as it is.
    rows : ndarray, float32 or uint8 [N, H W]
    labels : ndarray, int64 [N]
        Clusters from 0; all are there. Leave out pictures whose cluster is not sure.
    epochs, learning_rate
        Of Adam; the learning rate falls to 0 by a cosine.
    seed : int
    on_epoch : callable, optional

    Raises
    ------
    UsageError
        If labels and rows do not fit, or the network is of another kind.
    StageError
        If a value is not finite, or training diverges.
    """
    settings = network.settings
    if not isinstance(settings, ContrastiveSettings):
        raise UsageError(f"Not a contrastive network: it has {type(settings).__name__}.")
    check_pictures(rows, settings)
    clusters = int(labels.max(initial=-1)) + 1
    if labels.shape != (len(rows),) or not np.array_equal(np.unique(labels), np.arange(clusters)):
        raise UsageError(f"Expected a cluster a picture, from 0 without gaps, for {len(rows)} pictures.")
    with deterministic():
        with seeded(seed):
            module = _Module(settings, clusters)
        module.network.load_state_dict(safetensors.torch.load(network.state))
        history = _learn(module.train(), rows, labels, epochs, learning_rate, seed, on_epoch)
        return SelfLabelled(state_to_bytes(module), settings, clusters, tuple(history))


class ClusterSayer:
    """Says the clusters of pictures."""

    def __init__(self, trained: SelfLabelled) -> None:
        self._settings, self._clusters = trained.settings, trained.n_clusters
        self._module = _Module(trained.settings, trained.n_clusters)
        self._module.load_state_dict(safetensors.torch.load(trained.state))
        self._module.eval()

    def shares(self, rows: Rows) -> NDArray[np.float32]:
        """How sure each cluster is, float32 [N, clusters]; a row's sum is 1."""
        check_pictures(rows, self._settings, fewest=0)
        return encode_in_fixed_batches(
            lambda batch: self._module(self._module.network.pictures(batch)).softmax(dim=1),
            rows,
            dimension=self._clusters,
            batch_size=_ENCODED_AT_ONCE,
            device="cpu",
        )

    def labels(self, rows: Rows) -> NDArray[np.int64]:
        """The surest cluster of each picture, int64 [N]; of equally sure ones the first."""
        return np.asarray(self.shares(rows).argmax(axis=1), np.int64)


class _Module(nn.Module):
    def __init__(self, settings: ContrastiveSettings, clusters: int) -> None:
        super().__init__()
        self.network = ContrastiveModule(settings)
        self.head = nn.Sequential(
            nn.BatchNorm1d(settings.code_size), nn.ReLU(), nn.Linear(settings.code_size, clusters)
        )

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.network.codes(pictures))
        return found


def _learn(
    module: _Module,
    rows: Rows,
    labels: NDArray[np.int64],
    epochs: int,
    learning_rate: float,
    seed: int,
    on_epoch: Callable[[EpochLoss], None] | None,
) -> list[EpochLoss]:
    settings, ids = module.network.settings, np.arange(len(rows), dtype=np.uint64)
    optimiser = Adam(module.parameters(), learning_rate=learning_rate)
    size = min(settings.batch_size, len(rows))
    steps = len(rows) // size
    # A cluster counts the same, however many pictures it has: else small ones are swallowed.
    counts = np.bincount(labels)
    weights = torch.from_numpy((len(labels) / (len(counts) * counts)).astype(np.float32))
    history: list[EpochLoss] = []
    for epoch in range(1, epochs + 1):
        order = np.argsort(hash_ids(ids, STREAM_ORDER, _STREAM_LABELS, seed, epoch), kind="stable")
        total = 0.0
        for step in range(steps):
            done = ((epoch - 1) * steps + step) / (epochs * steps)
            optimiser.learning_rate = learning_rate * 0.5 * (1 + math.cos(math.pi * done))
            batch = order[step * size : (step + 1) * size]
            pictures = module.network.pictures(torch.from_numpy(rows[batch]))
            said = module(changed(pictures, ids[batch], settings, _STREAM_LABELS, seed, epoch))
            loss = functional.cross_entropy(said, torch.from_numpy(labels[batch]), weight=weights)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        history.append(EpochLoss("self", epoch, total / steps, None))
        if not math.isfinite(total):
            raise StageError(f"Training diverged in epoch {epoch}: the loss is {total}. Lower the learning rate.")
        if on_epoch is not None:
            on_epoch(history[-1])
    return history
