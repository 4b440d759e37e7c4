"""What every network offers to the stages: images or vectors in, one vector a row out.

A product of matrices may sum in another order when a batch has another length, so a picture's vector would
depend on its companions in the last bits. Every encoder therefore pads each batch to one fixed length and
computes it on one thread.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.models.runtime import deterministic
from pipeline.models.stored_pictures import Pictures

Forward = Callable[[torch.Tensor], torch.Tensor]


class Encoder(Protocol):
    """A network that turns gray pictures into vectors.

    Attributes
    ----------
    name : str
        Names the network in reports, e.g. ``resnet18``.
    dimension : int
        Length of a vector.
    batch_size : int
        Pictures that one pass through the network takes; shorter batches are padded to it.
    """

    @property
    def name(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def batch_size(self) -> int: ...

    def encode(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode gray pictures, uint8 [B, H, W], to float32 [B, dimension]; B may be 0 or any number."""
        ...


def check_images(images: Pictures) -> None:
    """Refuse anything but a stack of gray 8-bit pictures.

    Raises
    ------
    UsageError
        If ``images`` is not uint8 [B, H, W] with H and W at least 1.
    """
    if images.dtype != np.uint8 or images.ndim != 3 or 0 in images.shape[1:]:
        raise UsageError(
            f"An encoder takes gray pictures as uint8 [B, H, W], but was given {images.dtype} {list(images.shape)}."
        )


def encode_in_fixed_batches(
    forward: Forward, rows: NDArray[np.generic], *, dimension: int, batch_size: int, device: str
) -> NDArray[np.float32]:
    """Run ``forward`` over the rows in batches of exactly ``batch_size``, the last one padded with zeros.

    Parameters
    ----------
    forward : callable
        Tensor [batch_size, ...] of the rows' dtype on ``device`` to a float tensor [batch_size, dimension].
        Rows must not influence each other.
    rows : ndarray, [B, ...]
        B may be 0.
    dimension, batch_size : int
        Width of the result; length of every batch.
    device : str
        Where ``forward`` runs.

    Returns
    -------
    ndarray, float32 [B, dimension]
    """
    vectors = np.empty((len(rows), dimension), dtype=np.float32)
    padded = np.zeros((batch_size, *rows.shape[1:]), dtype=rows.dtype)
    with deterministic(), torch.inference_mode():
        for start in range(0, len(rows), batch_size):
            chunk = rows[start : start + batch_size]
            padded[: len(chunk)] = chunk
            padded[len(chunk) :] = 0
            codes = forward(torch.from_numpy(padded).to(device))
            vectors[start : start + len(chunk)] = codes[: len(chunk)].to("cpu", torch.float32).numpy()
    return vectors
