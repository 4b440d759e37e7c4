"""The stacked autoencoder on vectors: greedy layers first, then the whole network.

Each layer is first trained alone to reproduce what reaches it; then encoder and decoder are trained together.
Hidden layers have an activation, the code and the reconstruction are linear.

References
----------
Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647; Bengio et al. 2007 (greedy layer-wise training);
Xie, Girshick and Farhadi 2016, arXiv:1511.06335 (which ends of a pair are linear).
"""

from collections.abc import Callable
from itertools import pairwise
from typing import cast

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from pipeline.errors import StageError, UsageError
from pipeline.models.encoders import encode_in_fixed_batches
from pipeline.models.runtime import deterministic, seeded
from pipeline.models.settings import Activation, StackedSettings
from pipeline.models.training import (
    EpochLoss,
    OnEpoch,
    Split,
    TrainedNetwork,
    order_by_id,
    split_rows,
    state_to_bytes,
    train_epochs,
)

_ACTIVATIONS: dict[Activation, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": functional.relu,
    "tanh": torch.tanh,
    "selu": functional.selu,
    "sigmoid": torch.sigmoid,
}


class StackedAutoencoder(nn.Module):
    """Fully connected encoder and mirrored decoder with standardised input.

    Parameters
    ----------
    dimension : int
        Length D of an input vector.
    settings : StackedSettings
        ``layers``, ``activation`` and ``tied`` are used here.

    Notes
    -----
    Tied, the decoder's outermost layer has a bias of its own but no weight: it multiplies with the encoder's
    outermost weight. ``mean`` and ``scale`` are buffers, so that they are stored with the weights.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, dimension: int, settings: StackedSettings) -> None:
        super().__init__()
        widths = (dimension, *settings.layers)
        self.activation = _ACTIVATIONS[settings.activation]
        self.tied = settings.tied
        self.encoders = nn.ModuleList(_linear(a, b) for a, b in pairwise(widths))
        own = widths[1:] if settings.tied else widths
        # decoders[i] undoes encoders[i]; tied, the first of them is missing and `outer_bias` stands for it.
        self.decoders = nn.ModuleList(_linear(b, a) for a, b in pairwise(own))
        self.outer_bias = nn.Parameter(torch.zeros(dimension)) if settings.tied else None
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("scale", torch.ones(dimension))

    @property
    def depth(self) -> int:
        """Number of layers of the encoder."""
        return len(self.encoders)

    def standardise(self, vectors: torch.Tensor) -> torch.Tensor:
        """Centre every column with the stored mean, and scale all of them by one stored number."""
        return (vectors - self.mean) / self.scale

    def encode_layer(self, inputs: torch.Tensor, layer: int) -> torch.Tensor:
        """Apply one layer of the encoder; the last one is linear."""
        outputs: torch.Tensor = self.encoders[layer](inputs)
        return outputs if layer == self.depth - 1 else self.activation(outputs)

    def decode_layer(self, outputs: torch.Tensor, layer: int) -> torch.Tensor:
        """Undo one layer of the encoder; the outermost, layer 0, is linear."""
        if layer > 0:
            inner: torch.Tensor = self.decoders[layer - 1 if self.tied else layer](outputs)
            return self.activation(inner)
        if self.tied:
            outer = cast(nn.Linear, self.encoders[0])
            return functional.linear(outputs, outer.weight.t(), self.outer_bias)
        reconstruction: torch.Tensor = self.decoders[0](outputs)
        return reconstruction

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        """Codes [B, code] of vectors [B, D] that are not standardised yet."""
        values = self.standardise(vectors)
        for layer in range(self.depth):
            values = self.encode_layer(values, layer)
        return values

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Standardised vectors [B, D] from codes [B, code]."""
        for layer in reversed(range(self.depth)):
            codes = self.decode_layer(codes, layer)
        return codes

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Reconstruct vectors [B, D]; the result is standardised."""
        return self.decode(self.encode(vectors))


class StackedEncoder:
    """Encodes vectors with a trained stacked autoencoder.

    Parameters
    ----------
    network : TrainedNetwork
        From `train_stacked_autoencoder` or `network_from_bytes`.
    device : str
        ``"cpu"`` or ``"cuda"``.
    """

    name = "stacked"

    def __init__(self, network: TrainedNetwork, *, device: str = "cpu") -> None:
        if not isinstance(network.settings, StackedSettings):
            raise UsageError(f"Not a stacked autoencoder: its settings are {type(network.settings).__name__}.")
        tensors = safetensors.torch.load(network.state)
        self._device = device
        self._module = StackedAutoencoder(len(tensors["mean"]), network.settings)
        self._module.load_state_dict(tensors)
        self._module.to(device).eval()
        self.input_dimension = len(tensors["mean"])
        self.dimension = network.settings.layers[-1]
        self.batch_size = network.settings.batch_size

    def encode(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Codes, float32 [N, code], of vectors, float32 [N, D]; N may be 0.

        A row's code has the same bits whatever the other rows are (see `pipeline.models.encoders`).

        Raises
        ------
        UsageError
            If the vectors are not float32 [N, D] with the D that the network was trained on.
        StageError
            If a value is NaN or infinite.
        """
        _check_vectors(vectors)
        if vectors.shape[1] != self.input_dimension:
            raise UsageError(
                f"This autoencoder was trained on vectors of length {self.input_dimension}, but these have "
                f"{vectors.shape[1]}: they come from another network."
            )
        return encode_in_fixed_batches(
            self._module.encode,
            vectors,
            dimension=self.dimension,
            batch_size=self.batch_size,
            device=self._device,
        )


def train_stacked_autoencoder(
    vectors: NDArray[np.float32],
    ids: NDArray[np.uint64],
    *,
    settings: StackedSettings,
    seed: int,
    on_epoch: OnEpoch | None = None,
    device: str = "cpu",
) -> TrainedNetwork:
    """Train a stacked autoencoder layer by layer, then as a whole.

    Parameters
    ----------
    vectors : ndarray, float32 [N, D]
        N at least 1; fewer rows than a batch are one batch. A constant column becomes zeros.
    ids : ndarray, uint64 [N]
        Unique. Splits and shuffles follow from them: the order of the rows does not matter.
    settings : StackedSettings
    seed : int
    on_epoch : callable, optional
        Called after each epoch with its `EpochLoss`.
    device : str
        ``"cpu"`` or ``"cuda"``; bits repeat on the same kind of device.

    Returns
    -------
    TrainedNetwork
        Phases of the history: ``pretrain_1`` ... one a layer, then ``finetune``.

    Raises
    ------
    StageError
        If there are no rows, a value is not finite, or training diverges.
    UsageError
        If shapes or types are wrong or ids repeat.
    """
    _check_vectors(vectors)
    order = order_by_id(ids, len(vectors))
    rows, split = vectors[order], split_rows(ids[order], settings.test_fraction)
    with deterministic():
        with seeded(seed):
            module = StackedAutoencoder(vectors.shape[1], settings)
        _store_standardisation(module, rows[split.train])
        module.to(device)
        history = _train(module, rows, split, settings=settings, seed=seed, on_epoch=on_epoch, device=device)
        return TrainedNetwork(state_to_bytes(module), settings, seed, tuple(history))


def _train(
    module: StackedAutoencoder,
    rows: NDArray[np.float32],
    split: Split,
    *,
    settings: StackedSettings,
    seed: int,
    on_epoch: OnEpoch | None,
    device: str,
) -> list[EpochLoss]:
    def phase(
        name: str, epochs: int, parameters: list[nn.Parameter], loss: Callable[[torch.Tensor], torch.Tensor]
    ) -> list[EpochLoss]:
        return train_epochs(
            parameters,
            lambda batch, _epoch: loss(torch.from_numpy(rows[batch]).to(device)),
            split,
            phase=name,
            epochs=epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            seed=seed,
            rows_per_epoch=None,
            on_epoch=on_epoch,
        )

    history: list[EpochLoss] = []
    for layer in range(module.depth):
        history += phase(
            f"pretrain_{layer + 1}",
            settings.pretrain_epochs,
            _layer_parameters(module, layer),
            lambda vectors, layer=layer: _layer_loss(module, vectors, layer),  # type: ignore[misc]
        )
    history += phase(
        "finetune",
        settings.finetune_epochs,
        list(module.parameters()),
        lambda vectors: functional.mse_loss(module(vectors), module.standardise(vectors)),
    )
    return history


def _layer_loss(module: StackedAutoencoder, vectors: torch.Tensor, layer: int) -> torch.Tensor:
    """How well one pair of layers reproduces what the layers below make of the vectors."""
    with torch.no_grad():
        inputs = module.standardise(vectors)
        for below in range(layer):
            inputs = module.encode_layer(inputs, below)
    return functional.mse_loss(module.decode_layer(module.encode_layer(inputs, layer), layer), inputs)


def _layer_parameters(module: StackedAutoencoder, layer: int) -> list[nn.Parameter]:
    parameters = list(module.encoders[layer].parameters())
    if layer == 0 and module.outer_bias is not None:
        return [*parameters, module.outer_bias]
    decoder = module.decoders[layer - 1 if module.tied else layer]
    return [*parameters, *decoder.parameters()]


def _store_standardisation(module: StackedAutoencoder, rows: NDArray[np.float32]) -> None:
    mean = rows.mean(axis=0, dtype=np.float64)
    # One scale for all columns: a column of its own scale would count as much as any other, and columns that hold
    # little but noise, such as the last components of a rotated embedding, would drown the rest.
    spread = float(np.sqrt(np.mean(rows.var(axis=0, dtype=np.float64))))
    constant = spread <= 1e-6 * max(float(np.abs(mean).max()), 1e-30)
    module.mean.copy_(torch.from_numpy(mean))
    module.scale.fill_(1.0 if constant else spread)


def _check_vectors(vectors: NDArray[np.float32]) -> None:
    if vectors.dtype != np.float32 or vectors.ndim != 2 or vectors.shape[1] == 0:
        raise UsageError(f"Expected vectors as float32 [N, D], but found {vectors.dtype} {list(vectors.shape)}.")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise StageError(
            f"{len(bad)} of {len(vectors)} vectors hold NaN or infinite values, the first is row {bad[0]}. "
            "An embedding has gone wrong there; leave these rows out or embed them again."
        )


def _linear(n_in: int, n_out: int) -> nn.Linear:
    layer = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
