"""What all searches with Torch share: a device that is there, products in full precision, arrays moved to it."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.errors import EngineError


def open_device(name: str, setting: str) -> torch.device:
    """Take a device for products.

    Parameters
    ----------
    name : str
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    setting : str
        The setting of the recipe that asks for it, for the message.

    Raises
    ------
    EngineError
        The device is not there.
    """
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise EngineError(f'no GPU is to be seen here; run where there is one, or set {setting} = "cpu"')
    return torch.device(name)


def moved(values: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """An array on the device."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


@contextmanager
def full_precision() -> Iterator[None]:
    """Products in float32, never TF32: the bounds' proofs rest on float32's unit roundoff."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
