"""Nearest centres with Torch, on a GPU where there is one: its products list the two least bounds, the CPU decides.

The labels are the bits of `pipeline.kernels.clustering.nearest_center`: what two bounds do not prove is done there.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.kernels.arrays import Vectors
from pipeline.kernels.clustering.nearest_center import PreparedCenters, framed_rows, settle
from pipeline.search_backends.torch_device import full_precision, moved, open_device

_TILE_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class TorchCenters:
    """Finds nearest centres with products on a device; called like `nearest_centers`, and sent to workers as a name.

    Attributes
    ----------
    device : str
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``, of the process that calls it.

    Notes
    -----
    Raises `EngineError` when called where the device is not there. Memory on the device: the centres, and tiles of at
    most 256 MiB of rows and as much of products.
    """

    device: str = "cpu"

    def __call__(
        self, rows: Vectors, centers: PreparedCenters
    ) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
        """Find the nearest centre of every row: see `pipeline.kernels.clustering.nearest_center.nearest_centers`."""
        device = open_device(self.device, "device")
        width, k = centers.tile.shape
        tile_rows = max(_TILE_BYTES // (4 * max(width, k)), 1)
        norms, first, second = (np.empty(len(rows)) for _ in range(3))
        best = np.empty(len(rows), np.int64)
        with full_precision(), torch.inference_mode():
            columns, low_norms = moved(centers.tile, device), moved(centers.low_norms, device)
            for start in range(0, len(rows), tile_rows):
                part = slice(start, start + tile_rows)
                tile = moved(framed_rows(rows[part], centers.frame), device)
                norms[part] = _squared_norms(tile).cpu().numpy()
                bounds = low_norms - 2 * (tile @ columns)
                least, at = torch.topk(bounds, min(2, k), dim=1, largest=False, sorted=True)
                best[part] = at[:, 0].cpu().numpy()
                first[part] = least[:, 0].cpu().numpy()
                second[part] = least[:, 1].cpu().numpy() if k > 1 else np.inf
        return settle(rows, centers, norms, best, first, second)


def _squared_norms(rows: torch.Tensor) -> torch.Tensor:
    wide = rows.double()
    return torch.einsum("ij,ij->i", wide, wide)
