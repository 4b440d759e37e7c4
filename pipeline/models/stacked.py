"""The stacked autoencoder on vectors: an encoder of L layers, a decoder that mirrors it, and the encoder's actor.

Layers are counted through both halves, 1 to 2 L; layer 2 L + 1 - i undoes layer i, and the two are a pair.
How it is trained, in phases of pairs, is `pipeline.models.stacked_training`.

References
----------
Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647; Bengio et al. 2007 (greedy layer-wise training).
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from pipeline.errors import StageError, UsageError
from pipeline.models.encoders import encode_in_fixed_batches
from pipeline.models.products import linear
from pipeline.models.settings import Activation, StackedSettings
from pipeline.models.training import TrainedNetwork

ACTIVATIONS: dict[Activation, Callable[[torch.Tensor], torch.Tensor]] = {
    "elu": functional.elu,
    "relu": functional.relu,
    "tanh": torch.tanh,
    "selu": functional.selu,
    "sigmoid": torch.sigmoid,
    "linear": lambda values: values,
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
    Pairs count from 0, the outer one. A tied pair's decoding layer has a bias of its own but no weight: it
    multiplies with the transpose of the encoding layer's. ``mean`` and ``scale`` are buffers, so that they are
    stored with the weights.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, dimension: int, settings: StackedSettings) -> None:
        super().__init__()
        widths = (dimension, *settings.layers)
        self.depth = len(settings.layers)
        self.tied = tuple(reversed(settings.tied))
        self._activations = [ACTIVATIONS[name] for name in settings.activations]
        self.encoder_weights = nn.ParameterList(_weight(b, a) for a, b in pairwise(widths))
        self.encoder_biases = nn.ParameterList(nn.Parameter(torch.zeros(b)) for b in widths[1:])
        self.decoder_weights = nn.ParameterDict(
            {str(pair): _weight(widths[pair], widths[pair + 1]) for pair in range(self.depth) if not self.tied[pair]}
        )
        self.decoder_biases = nn.ParameterList(nn.Parameter(torch.zeros(a)) for a in widths[:-1])
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("scale", torch.ones(dimension))

    def standardise(self, vectors: torch.Tensor) -> torch.Tensor:
        """Centre every column with the stored mean, and scale all of them by one stored number."""
        return (vectors - self.mean) / self.scale

    def encode_layer(self, inputs: torch.Tensor, pair: int) -> torch.Tensor:
        """Apply the encoding layer of a pair."""
        outputs = linear(inputs, self.encoder_weights[pair], self.encoder_biases[pair])
        return self._activations[pair](outputs)

    def decode_layer(self, outputs: torch.Tensor, pair: int) -> torch.Tensor:
        """Apply the decoding layer of a pair."""
        weight = self.encoder_weights[pair].t() if self.tied[pair] else self.decoder_weights[str(pair)]
        inputs = linear(outputs, weight, self.decoder_biases[pair])
        return self._activations[2 * self.depth - 1 - pair](inputs)

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        """Codes [B, code] of vectors [B, D] that are not standardised yet."""
        values = self.standardise(vectors)
        for pair in range(self.depth):
            values = self.encode_layer(values, pair)
        return values

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Standardised vectors [B, D] from codes [B, code]."""
        for pair in reversed(range(self.depth)):
            codes = self.decode_layer(codes, pair)
        return codes

    def decode_to_vectors(self, codes: torch.Tensor) -> torch.Tensor:
        """Vectors [B, D] in the units of the input, from codes [B, code]."""
        return self.decode(codes) * self.scale + self.mean

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Reconstruct vectors [B, D]; the result is standardised."""
        return self.decode(self.encode(vectors))

    def pair_weights(self, pair: int) -> list[nn.Parameter]:
        """Weights of a pair; a tied pair has one."""
        return [self.encoder_weights[pair], *([] if self.tied[pair] else [self.decoder_weights[str(pair)]])]

    def pair_parameters(self, pair: int) -> list[nn.Parameter]:
        """Weights and biases of a pair."""
        return [*self.pair_weights(pair), self.encoder_biases[pair], self.decoder_biases[pair]]


class StackedEncoder:
    """Encodes vectors with a trained stacked autoencoder, and decodes codes.

    Parameters
    ----------
    network : TrainedNetwork
        From `pipeline.models.stacked_training` or `network_from_bytes`.
    device : str
        ``"cpu"`` or ``"cuda"``.
    """

    name = "stacked"

    def __init__(self, network: TrainedNetwork, *, device: str = "cpu") -> None:
        self._device = device
        self._module = module_of(network).to(device).eval()
        self.input_dimension = len(self._module.mean)
        self.dimension = len(self._module.encoder_biases[-1])
        assert isinstance(network.settings, StackedSettings), "module_of() has seen to it"
        # A vector's register holds up to 16 floats, two of which Torch takes at once; what is left over at the end of
        # a batch is calculated one by one, by another exp with other last bits.
        self.batch_size = -(-network.settings.batch_size // _LANES) * _LANES

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
        check_vectors(vectors)
        if vectors.shape[1] != self.input_dimension:
            raise UsageError(
                f"This autoencoder was trained on vectors of length {self.input_dimension}, but these have "
                f"{vectors.shape[1]}: they come from another network."
            )
        return self._apply(self._module.encode, vectors, self.dimension)

    def decode(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vectors, float32 [N, D] in the units of the input, from codes, float32 [N, code].

        Raises
        ------
        UsageError
            If the codes are not float32 [N, code].
        StageError
            If a value is NaN or infinite.
        """
        check_vectors(codes)
        if codes.shape[1] != self.dimension:
            raise UsageError(f"This autoencoder's codes have {self.dimension} values, but these have {codes.shape[1]}.")
        return self._apply(self._module.decode_to_vectors, codes, self.input_dimension)

    def _apply(
        self, forward: Callable[[torch.Tensor], torch.Tensor], rows: NDArray[np.float32], dimension: int
    ) -> NDArray[np.float32]:
        return encode_in_fixed_batches(
            forward, rows, dimension=dimension, batch_size=self.batch_size, device=self._device
        )


_LANES = 32

OPTIMISER_PREFIX = "optimiser/"
"""Begins the names of those tensors in a network's state that only a continued training needs."""


def module_of(network: TrainedNetwork) -> StackedAutoencoder:
    """The network with its weights, on the CPU.

    Raises
    ------
    UsageError
        If it is another kind of network.
    """
    if not isinstance(network.settings, StackedSettings):
        raise UsageError(f"Not a stacked autoencoder: its settings are {type(network.settings).__name__}.")
    tensors = safetensors.torch.load(network.state)
    module = StackedAutoencoder(len(tensors["mean"]), network.settings)
    module.load_state_dict({name: one for name, one in tensors.items() if not name.startswith(OPTIMISER_PREFIX)})
    return module


def check_vectors(vectors: NDArray[np.number]) -> None:
    """Refuse anything but finite vectors.

    Raises
    ------
    UsageError
        If ``vectors`` is not float32 [N, D] with D at least 1.
    StageError
        If a value is NaN or infinite.
    """
    if vectors.dtype != np.float32 or vectors.ndim != 2 or vectors.shape[1] == 0:
        raise UsageError(f"Expected vectors as float32 [N, D], but found {vectors.dtype} {list(vectors.shape)}.")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise StageError(
            f"{len(bad)} of {len(vectors)} vectors hold NaN or infinite values, the first is row {bad[0]}. "
            "An embedding has gone wrong there; leave these rows out or embed them again."
        )


def _weight(n_out: int, n_in: int) -> nn.Parameter:
    weight = nn.Parameter(torch.empty(n_out, n_in))
    nn.init.xavier_uniform_(weight)
    return weight
