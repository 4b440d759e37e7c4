"""Neighbours with Torch, on a GPU where there is one: its products list candidates, float64 on the CPU decides.

A `TorchSearch` is a plain object: an actor holds one, and so does a loop. What comes out are the bits of
`pipeline.kernels.neighbours.certified_search`, since the lists only say what is worth evaluating, and what they cannot
prove is searched in full.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.kernels.arrays import Vectors
from pipeline.kernels.neighbours.candidates import Candidates
from pipeline.kernels.neighbours.certified_search import certify, plain_length
from pipeline.kernels.neighbours.exact_search import find_frame
from pipeline.kernels.neighbours.lower_bounds import LowerBounds, full_rows
from pipeline.search_backends.torch_device import full_precision, moved, open_device

_TILE_ROWS = 2048
_COLUMN_BLOCK_ROWS = 131_072


class TorchSearch:
    """Searches the nearest rows with products on a device; called like `certified_neighbours`.

    Parameters
    ----------
    device : str
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    Raises
    ------
    EngineError
        The device is not there.

    Notes
    -----
    Memory on the device: ``4 N D`` bytes and tiles of ``4 * 2048 * min(N, 131072)``. Each pair is multiplied twice:
    the selection, not the product, is what takes a GPU's time.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = open_device(device, "neighbours.device")

    def __call__(
        self, vectors: Vectors, k: int, split: int | None = None, reach: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Find the ``k`` nearest rows of every row: see
        `pipeline.kernels.neighbours.certified_search.certified_neighbours`."""
        frame = find_frame(vectors)
        bounds = full_rows(vectors, frame)
        n_rows = len(vectors)
        length = plain_length(k, n_rows)
        with full_precision(), torch.inference_mode():
            if split is None:
                lists = self._lists(bounds, slice(0, n_rows), slice(0, n_rows), length)
            else:
                one, other = slice(0, split), slice(split, n_rows)
                lists = _joined(self._lists(bounds, one, other, length), self._lists(bounds, other, one, length))
        return certify(vectors, k, frame, bounds, lists, np.arange(n_rows), split=split, reach=reach)

    def _lists(self, bounds: LowerBounds, queries: slice, columns: slice, length: int) -> Candidates:
        parts = [
            self._tile(bounds, slice(first, min(first + _TILE_ROWS, queries.stop)), columns, length)
            for first in range(queries.start, queries.stop, _TILE_ROWS)
        ]
        return Candidates(
            rows=np.concatenate([part.rows for part in parts]),
            bounds=np.concatenate([part.bounds for part in parts]),
            counts=np.concatenate([part.counts for part in parts]),
            limits=np.concatenate([part.limits for part in parts]),
        )

    def _tile(self, bounds: LowerBounds, queries: slice, columns: slice, length: int) -> Candidates:
        """The ``length`` smallest bounds of each query; what is not among them is at least the largest of them."""
        rows = -2 * self._moved(bounds.rows[queries])
        norms = self._moved(bounds.norms[queries])[:, None]
        best = torch.empty((len(rows), 0), device=self._device)
        found = torch.empty((len(rows), 0), dtype=torch.int64, device=self._device)
        for first in range(columns.start, columns.stop, _COLUMN_BLOCK_ROWS):
            block = slice(first, min(first + _COLUMN_BLOCK_ROWS, columns.stop))
            lower = rows @ self._moved(bounds.rows[block]).T
            lower += norms + self._moved(bounds.norms[block])
            _leave_out_own(lower, queries, block)
            near, at = torch.topk(lower, min(length, lower.shape[1]), dim=1, largest=False, sorted=False)
            best, found = torch.cat([best, near], dim=1), torch.cat([found, at + first], dim=1)
            if best.shape[1] > length:
                best, kept = torch.topk(best, length, dim=1, largest=False, sorted=False)
                found = torch.gather(found, 1, kept)
        everything = best.shape[1] >= columns.stop - columns.start
        limits = np.full(len(rows), np.inf, np.float32) if everything else best.max(dim=1).values.cpu().numpy()
        return _candidates(best.cpu().numpy(), found.cpu().numpy().astype(np.int32), limits)

    def _moved(self, values: NDArray[np.float32]) -> torch.Tensor:
        return moved(values, self._device)


def _leave_out_own(lower: torch.Tensor, queries: slice, block: slice) -> None:
    first, last = max(queries.start, block.start), min(queries.stop, block.stop)
    if first < last:
        own = torch.arange(first, last, device=lower.device)
        lower[own - queries.start, own - block.start] = torch.inf


def _candidates(bounds: NDArray[np.float32], rows: NDArray[np.int32], limits: NDArray[np.float32]) -> Candidates:
    """A row's own bound is infinite: it goes behind the count."""
    order = np.argsort(np.isinf(bounds), axis=1, kind="stable")
    counts = np.isfinite(bounds).sum(axis=1).astype(np.int64)
    return Candidates(np.take_along_axis(rows, order, 1), np.take_along_axis(bounds, order, 1), counts, limits)


def _joined(one: Candidates, other: Candidates) -> Candidates:
    """Lists of two sides, the narrower ones filled up."""
    width = max(one.rows.shape[1], other.rows.shape[1])

    def wide(array: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.pad(array, ((0, 0), (0, width - array.shape[1])))

    return Candidates(
        rows=np.concatenate([wide(one.rows), wide(other.rows)]),
        bounds=np.concatenate([wide(one.bounds), wide(other.bounds)]),
        counts=np.concatenate([one.counts, other.counts]),
        limits=np.concatenate([one.limits, other.limits]),
    )
