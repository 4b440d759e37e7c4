"""Products whose rows have the same bits wherever they stand in a batch."""

import torch
from torch.nn import functional

_NARROW = 16


def linear(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Multiply rows [B, n] with the transpose of ``weight`` [m, n] and add ``bias`` [m].

    MKL sums a product of fewer than 12 columns in an order that depends on the row's place in the batch, so that a
    code of 10 values had other last bits in another batch. Such a product gets columns of zeros up to 16.
    """
    n_out = len(weight)
    if n_out >= _NARROW:
        return functional.linear(inputs, weight, bias)
    missing = _NARROW - n_out
    padded = functional.pad(weight, (0, 0, 0, missing)), functional.pad(bias, (0, missing))
    return functional.linear(inputs, *padded)[:, :n_out].contiguous()
