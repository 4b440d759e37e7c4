"""Principal components as an autoencoder: the floor that a code has to beat, and where a network may begin.

Of all linear codes of a length, principal components lose least on the rows they come from.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.models.settings import StackedSettings
from pipeline.models.stacked import StackedAutoencoder

_ROWS_AT_ONCE = 8192


def principal_components(rows: NDArray[np.float32], module: StackedAutoencoder, n_components: int) -> torch.Tensor:
    """Directions of largest variance of standardised rows, float32 [n, D], n at most ``n_components`` and D.

    Their signs are such that each one's largest value is positive. Costs N D^2 products and D^3 for the
    eigenvectors; of fewer rows than columns, the rows' products are taken instead.
    """
    n, dimension = rows.shape
    if n < dimension:
        values = module.standardise(torch.from_numpy(rows)).double()
        size, vectors = torch.linalg.eigh(values @ values.t())
        kept = size.flip(0)[:n_components] > 1e-10 * max(float(size[-1]), 1e-300)
        found = vectors.flip(1)[:, :n_components][:, kept].t() @ values
        components = found / found.norm(dim=1, keepdim=True)
    else:
        products = torch.zeros((dimension, dimension), dtype=torch.float64)
        for start in range(0, n, _ROWS_AT_ONCE):
            values = module.standardise(torch.from_numpy(rows[start : start + _ROWS_AT_ONCE])).double()
            products += values.t() @ values
        components = torch.linalg.eigh(products)[1].flip(1)[:, :n_components].t()
    largest = components.abs().argmax(dim=1, keepdim=True)
    signed: torch.Tensor = components * components.gather(1, largest).sign()
    return signed.float()


def reconstruction_loss(rows: NDArray[np.float32], module: StackedAutoencoder, components: torch.Tensor) -> float:
    """Mean squared error of a value, in standardised units, when rows are projected onto components."""
    total = 0.0
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        values = module.standardise(torch.from_numpy(rows[start : start + _ROWS_AT_ONCE]))
        left = values - (values @ components.t()) @ components
        total += float((left.double() ** 2).sum())
    return total / rows.size


@torch.no_grad()
def start_at_components(module: StackedAutoencoder, rows: NDArray[np.float32], components: torch.Tensor) -> None:
    """Set the weights so that the network reconstructs by the components, as long as no row lies beyond ``rows``.

    The first units of each layer carry the components, raised by a bias to where ELU is the identity. The decoder
    is the encoder's transpose; its other units begin at 0, where ELU is smooth, so that they can learn.
    """
    blocks = (torch.from_numpy(rows[start : start + _ROWS_AT_ONCE]) for start in range(0, len(rows), _ROWS_AT_ONCE))
    lows = [(module.standardise(block) @ components.t()).amin(dim=0) for block in blocks]
    raised = (-torch.stack(lows).amin(dim=0)).clamp(min=0)
    n = len(components)
    for pair in range(module.depth):
        weight = module.encoder_weights[pair]
        weight[:n] = components if pair == 0 else torch.eye(n, weight.shape[1])
        if pair == module.depth - 1:
            weight[n:] = 0  # fewer components than the code has values: the others are 0
        if not module.tied[pair]:
            module.decoder_weights[str(pair)].copy_(weight.t())
    module.encoder_biases[0][:n] = raised
    module.decoder_biases[0].copy_(-(raised @ components))


def component_settings(settings: StackedSettings) -> StackedSettings:
    """Settings of a network of one linear pair with tied weights, which principal components are."""
    return StackedSettings(
        layers=settings.layers[-1:],
        activation=("linear",),
        tied=(True,),
        order=(),
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        l2=0.0,
        test_fraction=settings.test_fraction,
    )
