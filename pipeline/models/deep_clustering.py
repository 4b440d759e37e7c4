"""Deep embedded clustering: a code and its clusters learnt together (DEC), with the reconstruction kept (IDEC).

An autoencoder is trained first. k-means on its codes gives the centres; then every row is drawn to the centres that it
is near already: its soft assignment q by Student's t is brought towards the sharper target
p ~ q^2 / (column sums of q) by the divergence KL(p || q), while the decoder still reconstructs.

References
----------
Xie, Girshick and Farhadi 2016, arXiv:1511.06335 (DEC); Guo et al. 2017, doi:10.24963/ijcai.2017/243 (IDEC) and
doi:10.1007/978-3-319-70096-0_39 (convolutional); Guo et al. 2018, ACML 95 (augmentation).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from torch import nn
from torch.nn import functional

from pipeline.errors import StageError, UsageError
from pipeline.models.adam import Adam
from pipeline.models.deep_clustering_networks import ConvolutionalCoder, DenseCoder, moved
from pipeline.models.encoders import encode_in_fixed_batches
from pipeline.models.losses import EpochLoss
from pipeline.models.runtime import deterministic, seeded
from pipeline.models.settings import DeepClusteringSettings
from pipeline.models.stacked import check_vectors
from pipeline.models.training import STREAM_ORDER, Split, hash_ids, state_to_bytes, train_epochs

_ENCODED_AT_ONCE = 512
_STREAM_CLUSTER = 4


@dataclass(frozen=True, slots=True)
class DeepClustering:
    """A trained clustering.

    Attributes
    ----------
    state : bytes
        Tensors in the safetensors format: the networks, ``centers`` [k, code], ``mean`` and ``scale``.
    settings : DeepClusteringSettings
    dimension : int
        Length of a row.
    history : tuple of EpochLoss
        Phases ``pretrain`` (by epoch) and ``cluster`` (by renewal of the target; the sum of both losses).
    changed : tuple of float
        Share of the rows whose label changed since the target before, for each renewal but the first.
    converged : bool
        Whether it ended because fewer than ``settings.tolerance`` of the labels changed.
    """

    state: bytes
    settings: DeepClusteringSettings
    dimension: int
    history: tuple[EpochLoss, ...]
    changed: tuple[float, ...]
    converged: bool


def train_deep_clustering(
    rows: NDArray[np.float32],
    *,
    settings: DeepClusteringSettings,
    seed: int,
    on_epoch: Callable[[EpochLoss], None] | None = None,
) -> DeepClustering:
    """Cluster rows, float32 [N, D]; for pictures, D = height x width, row by row.

    Rows are centred and divided by the root of the mean variance of a column. The bits depend on the rows, their
    order, the settings and the seed; one thread.

    Raises
    ------
    UsageError
        If the rows are not float32 [N, D], are fewer than clusters, or do not fill the pictures.
    StageError
        If a value is not finite, or training diverges.
    """
    check_vectors(rows)
    if len(rows) < settings.n_clusters:
        raise UsageError(f"There are {len(rows)} rows, too few for {settings.n_clusters} clusters.")
    with deterministic():
        with seeded(seed):
            module = _Module(rows.shape[1], settings)
        module.standardise_like(rows)
        training = _Training(module, rows, settings, seed, on_epoch)
        training.pretrain()
        training.start_at_kmeans()
        changed, converged = training.cluster()
        history = tuple(training.history)
        return DeepClustering(state_to_bytes(module), settings, rows.shape[1], history, changed, converged)


class DeepClusterer:
    """Assigns rows to the clusters of a trained clustering."""

    def __init__(self, clustering: DeepClustering) -> None:
        self._module = _Module(clustering.dimension, clustering.settings)
        self._module.load_state_dict(safetensors.torch.load(clustering.state))
        self._module.eval()
        self.dimension = clustering.dimension

    @property
    def centers(self) -> NDArray[np.float32]:
        """Centres of the clusters, float32 [k, code]."""
        centers: NDArray[np.float32] = self._module.centers.detach().numpy()
        return centers

    def encode(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Codes, float32 [N, code]."""
        check_vectors(rows)
        if rows.shape[1] != self.dimension:
            raise UsageError(f"This clustering takes rows of length {self.dimension}; these have {rows.shape[1]}.")
        return _codes(self._module, rows)

    def soft_assignments(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Share of each row in each cluster, float64 [N, k]; a row sums to 1."""
        codes = torch.from_numpy(self.encode(rows)).double()
        found: NDArray[np.float64] = student_t(codes, self._module.centers.detach().double()).numpy()
        return found


def student_t(codes: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
    """Soft assignments q [B, k] by Student's t of one degree of freedom: 1 / (1 + squared distance), normalised."""
    distances_sq = (codes[:, None, :] - centers[None, :, :]).square().sum(dim=2)
    near = 1 / (1 + distances_sq)
    return near / near.sum(dim=1, keepdim=True)


def target_distribution(assignments: torch.Tensor) -> torch.Tensor:
    """Targets p [N, k]: q^2 over the clusters' sizes, normalised: sharper than q, large clusters held back."""
    sharp = assignments.square() / assignments.sum(dim=0)
    return sharp / sharp.sum(dim=1, keepdim=True)


class _Module(nn.Module):
    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, dimension: int, settings: DeepClusteringSettings) -> None:
        super().__init__()
        self.coder = (
            DenseCoder(dimension, settings.layers, settings.code_size)
            if settings.image_shape is None
            else ConvolutionalCoder(dimension, settings.image_shape, settings.layers, settings.code_size)
        )
        self.centers = nn.Parameter(torch.zeros(settings.n_clusters, settings.code_size))
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("scale", torch.ones(()))

    def standardise_like(self, rows: NDArray[np.float32]) -> None:
        spread = float(np.sqrt(rows.var(axis=0, dtype=np.float64).mean()))
        self.mean.copy_(torch.from_numpy(rows.mean(axis=0, dtype=np.float64)))
        self.scale.fill_(spread if spread > 1e-6 * max(float(np.abs(rows).max()), 1e-30) else 1.0)

    def standardise(self, rows: torch.Tensor) -> torch.Tensor:
        return (rows - self.mean) / self.scale

    def encode(self, rows: torch.Tensor) -> torch.Tensor:
        codes: torch.Tensor = self.coder.encode(self.standardise(rows))
        return codes


def _codes(module: _Module, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    width = module.centers.shape[1]
    return encode_in_fixed_batches(module.encode, rows, dimension=width, batch_size=_ENCODED_AT_ONCE, device="cpu")


class _Training:
    """A clustering in training."""

    def __init__(
        self,
        module: _Module,
        rows: NDArray[np.float32],
        settings: DeepClusteringSettings,
        seed: int,
        on_epoch: Callable[[EpochLoss], None] | None,
    ) -> None:
        self._module, self._rows, self._settings, self._seed, self._on_epoch = module, rows, settings, seed, on_epoch
        self._ids = np.arange(len(rows), dtype=np.uint64)
        self.history: list[EpochLoss] = []

    def pretrain(self) -> None:
        split = Split(self._ids, self._ids.astype(np.int64), np.empty(0, np.int64))
        self.history += train_epochs(
            list(self._module.coder.parameters()),
            lambda batch, epoch: self._losses(batch, epoch, None)[0],
            split,
            phase="pretrain",
            epochs=self._settings.pretrain_epochs,
            batch_size=self._settings.batch_size,
            learning_rate=self._settings.learning_rate,
            seed=self._seed,
            rows_per_epoch=None,
            on_epoch=self._on_epoch,
        )

    @torch.no_grad()
    def start_at_kmeans(self) -> None:
        found = KMeans(self._settings.n_clusters, n_init=self._settings.n_init, random_state=self._seed)
        self._module.centers.copy_(torch.from_numpy(found.fit(_codes(self._module, self._rows)).cluster_centers_))

    def cluster(self) -> tuple[tuple[float, ...], bool]:
        optimiser = Adam(self._module.parameters(), learning_rate=self._settings.learning_rate)
        changed: list[float] = []
        labels: NDArray[np.int64] | None = None
        batches = self._batches()
        for renewal in range(1, self._settings.max_renewals + 1):
            assignments = self._assignments()
            now = assignments.argmax(dim=1).numpy()
            if labels is not None:
                changed.append(float(np.mean(now != labels)))
                if changed[-1] < self._settings.tolerance:
                    return tuple(changed), True
            labels = now
            self._descend(optimiser, target_distribution(assignments), batches, renewal)
        return tuple(changed), False

    def _descend(self, optimiser: Adam, targets: torch.Tensor, batches: "_Batches", renewal: int) -> None:
        total = 0.0
        for _ in range(self._settings.update_interval):
            batch, epoch = batches.next()
            reconstruction, divergence = self._losses(batch, epoch, targets[torch.from_numpy(batch)])
            loss = self._settings.reconstruction_weight * reconstruction + self._settings.clustering_weight * divergence
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        self.history.append(EpochLoss("cluster", renewal, total / self._settings.update_interval, None))
        if not np.isfinite(total):
            raise StageError(
                f"Clustering diverged after target {renewal}: the loss is {total}. Lower the learning rate."
            )
        if self._on_epoch is not None:
            self._on_epoch(self.history[-1])

    def _losses(
        self, batch: NDArray[np.int64], epoch: int | None, targets: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Reconstruction, a mean over values, and divergence, a mean over rows."""
        values = self._module.standardise(torch.from_numpy(self._rows[batch]))
        if self._settings.augment and epoch is not None and self._settings.image_shape is not None:
            numbers = hash_ids(self._ids[batch], _STREAM_CLUSTER, self._seed, epoch)
            values = moved(values, self._settings.image_shape, numbers)
        codes = self._module.coder.encode(values)
        reconstruction = functional.mse_loss(self._module.coder.decode(codes), values)
        if targets is None:
            return reconstruction, reconstruction
        log_q = student_t(codes, self._module.centers).log()
        return reconstruction, functional.kl_div(log_q, targets, reduction="batchmean")

    @torch.no_grad()
    def _assignments(self) -> torch.Tensor:
        return student_t(torch.from_numpy(_codes(self._module, self._rows)), self._module.centers)

    def _batches(self) -> "_Batches":
        return _Batches(self._ids, self._settings.batch_size, self._seed)


class _Batches:
    """Batches without end: the rows in one order after another."""

    def __init__(self, ids: NDArray[np.uint64], batch_size: int, seed: int) -> None:
        self._ids, self._size, self._seed = ids, batch_size, seed
        self._epoch, self._start = 0, len(ids)
        self._order = np.empty(0, np.int64)

    def next(self) -> tuple[NDArray[np.int64], int]:
        """Rows of the next batch, and the epoch that they belong to."""
        if self._start >= len(self._ids):
            self._epoch, self._start = self._epoch + 1, 0
            numbers = hash_ids(self._ids, STREAM_ORDER, self._seed, _STREAM_CLUSTER, self._epoch)
            self._order = np.argsort(numbers, kind="stable")
        batch = self._order[self._start : self._start + self._size]
        self._start += self._size
        return batch, self._epoch
