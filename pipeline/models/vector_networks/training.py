"""Training and use of vector networks."""

import zlib

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.models.adam import Adam
from pipeline.models.course import Course
from pipeline.models.encoders import encode_in_fixed_batches
from pipeline.models.rmsprop import RMSprop
from pipeline.models.runtime import deterministic, seeded
from pipeline.models.schedules import Rules
from pipeline.models.stacked import check_vectors
from pipeline.models.training import (
    OnEpoch,
    TrainedNetwork,
    arrange,
    state_to_bytes,
    train_epochs,
)
from pipeline.models.vector_networks.registry import build_network
from pipeline.models.vector_networks.settings import OptimiserName, VectorSettings

_OPTIMISERS: dict[OptimiserName, type[Adam] | type[RMSprop]] = {"adam": Adam, "rmsprop": RMSprop}
_LANES = 32


def train_vector_network(
    vectors: NDArray[np.float32],
    ids: NDArray[np.uint64],
    *,
    settings: VectorSettings,
    seed: int,
    on_epoch: OnEpoch | None = None,
    device: str = "cpu",
    course: Course | None = None,
) -> TrainedNetwork:
    """Train a network of the registry.

    Parameters
    ----------
    vectors : ndarray, float32 [N, D]
    ids : ndarray, uint64 [N]
        Unique. Splits and shuffles follow from them: the order of the rows does not matter.
    settings : VectorSettings
        One of `pipeline.models.vector_networks.registry.NETWORKS`, or changed by `dataclasses.replace`.
    seed : int
    on_epoch : callable, optional
        Called after each epoch with its `EpochLoss`.
    device : str
    course : Course, optional
        Where an earlier part of the training was, and when to break off.

    Returns
    -------
    TrainedNetwork
        Its history has one phase, ``train``; losses are those of the settings, on scaled values.

    Raises
    ------
    StageError
        If there are no rows, a value is not finite, or training diverges.
    UsageError
        If shapes or types are wrong or ids repeat.
    TrainingPausedError
        The course says that it is over for now.
    """
    check_vectors(vectors)
    order, split = arrange(ids, len(vectors), settings.test_fraction)
    rows = vectors[order]
    course = Course() if course is None else course
    with deterministic():
        with seeded(seed):
            module = build_network(vectors.shape[1], settings)
        module.scale_like(rows[split.train])
        module.to(device)
        optimiser = _OPTIMISERS[settings.optimiser](module.parameters(), learning_rate=settings.learning_rate)
        course.begin(module)
        course.register("train", optimiser)

        def loss(batch: NDArray[np.int64], epoch: int | None) -> torch.Tensor:
            values = torch.from_numpy(rows[batch]).to(device)
            if epoch is None:
                return module.loss(values)
            return module.training_loss(values, zlib.crc32(batch.tobytes(), seed + epoch))

        history = train_epochs(
            list(module.parameters()),
            loss,
            split,
            phase="train",
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            seed=seed,
            rows_per_epoch=None,
            on_epoch=on_epoch,
            rules=Rules(min_steps=settings.min_steps, patience=settings.patience, plateau=settings.plateau),
            optimiser=optimiser,
            course=course,
        )
        return TrainedNetwork(state_to_bytes(module), settings, seed, tuple(history))


class VectorEncoder:
    """Encodes vectors with a trained network of the registry, and decodes codes."""

    name = "vector network"

    def __init__(self, network: TrainedNetwork, *, device: str = "cpu") -> None:
        if not isinstance(network.settings, VectorSettings):
            raise UsageError(f"Not a vector network: its settings are {type(network.settings).__name__}.")
        tensors = safetensors.torch.load(network.state)
        self._device = device
        self.input_dimension = len(tensors["shift"])
        self._module = build_network(self.input_dimension, network.settings)
        self._module.load_state_dict(tensors)
        self._module.to(device).eval()
        self.dimension = network.settings.code_size
        self.batch_size = -(-network.settings.batch_size // _LANES) * _LANES

    def encode(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Codes, float32 [N, code], of vectors, float32 [N, D].

        Raises
        ------
        UsageError
            If the vectors have another type or length.
        StageError
            If a value is NaN or infinite.
        """
        self._check(vectors, self.input_dimension)
        return encode_in_fixed_batches(
            self._module.encode,
            vectors,
            dimension=self.dimension,
            batch_size=self.batch_size,
            device=self._device,
        )

    def decode(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vectors, float32 [N, D] in the units of the input, from codes, float32 [N, code]."""
        self._check(codes, self.dimension)
        return encode_in_fixed_batches(
            self._module.decode,
            codes,
            dimension=self.input_dimension,
            batch_size=self.batch_size,
            device=self._device,
        )

    def _check(self, rows: NDArray[np.float32], length: int) -> None:
        check_vectors(rows)
        if rows.shape[1] != length:
            raise UsageError(f"This network takes rows of length {length} here, but these have {rows.shape[1]}.")
