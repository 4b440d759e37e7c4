"""What a table of neighbours still lacks, and bringing rows of an older table over to a changed set of vectors.

Every distance in a table is true, so a list can only lack rows, never hold wrong ones. A row is *settled* when its list
is complete among all settled rows. The others are *new*: rows that came, rows whose list named one that has gone, and
rows of a run that was interrupted. A set is complete when new rows have been compared with all rows: m x N, not N x N.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.index.arrays import StoredArray, find_array, open_array
from pipeline.index.rows import KEY, read_rows, require_rows, row_pieces, write_rows
from pipeline.kernels.neighbours.lists import NeighbourLists, merge_lists
from pipeline.stages.neighbours.tables import STORED

TABLE_SHARD_ROWS = 1024

_PIECE_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a set, settled ones first: blocks of tasks are cut from this order.

    Attributes
    ----------
    settled, new : int64
        Positions in the set, ascending.
    """

    settled: NDArray[np.int64]
    new: NDArray[np.int64]

    def blocks(self, block_rows: int) -> tuple[list[NDArray[np.int64]], int]:
        """Blocks of at most so many positions, and how many of them are settled."""
        settled, new = _cut(self.settled, block_rows), _cut(self.new, block_rows)
        return [*settled, *new], len(settled)


def _cut(positions: NDArray[np.int64], block_rows: int) -> list[NDArray[np.int64]]:
    return [positions[first : first + block_rows] for first in range(0, len(positions), block_rows)]


def block_pairs(n_blocks: int, n_settled: int) -> list[tuple[int, int]]:
    """Pairs of blocks of which the second is new, each once."""
    return [(one, other) for other in range(n_settled, n_blocks) for one in range(other + 1)]


def settled_and_new(root: zarr.Group, name: str, images: NDArray[np.int64], k: int, key: int) -> Rows:
    """Compare a stored table, if there is one of this k and key, with the image rows that it should have."""
    settled = np.zeros(len(images), dtype=np.bool_)
    if _matches(root, name, k):
        stored = _Stored.of(root, name)
        known = stored.images[:]
        gone = np.setdiff1d(known, images)
        for piece in _pieces(len(known)):
            kept = stored.key[piece] == np.uint64(key)
            if len(gone):
                kept &= ~np.isin(stored.indices[piece], gone).any(axis=1)
            settled[np.searchsorted(images, np.setdiff1d(known[piece][kept], gone))] = True
    return Rows(np.flatnonzero(settled), np.flatnonzero(~settled))


def _matches(root: zarr.Group, name: str, k: int) -> bool:
    array = find_array(root, f"{name}/distances_sq", np.float64)
    return array is not None and array.shape[1:] == (k,)


def lay_out(root: zarr.Group, *, old: zarr.Group, name: str, images: NDArray[np.int64], rows: Rows, k: int) -> None:
    """Give the table a row an image: settled rows keep their lists, new ones begin empty.

    ``old`` shows the index as it was; only pieces in which something changes are written.
    """
    known = _Stored.of(old, name).images[:] if _matches(old, name, k) else np.empty(0, np.int64)
    arrays = STORED.row_arrays(indices=(k,), distances=(k,), distances_sq=(k,))
    require_rows(root, name, arrays, len(images), TABLE_SHARD_ROWS)
    stored = _Stored.of(root, name)
    for piece in _pieces(len(images)):
        inside = rows.settled[(rows.settled >= piece.start) & (rows.settled < piece.stop)]
        if len(inside) == piece.stop - piece.start and np.array_equal(known[piece], images[piece]):
            continue
        lists = NeighbourLists.empty(piece.stop - piece.start, k)
        keys = np.zeros(piece.stop - piece.start, np.uint64)
        if len(inside):
            source, before = np.searchsorted(known, images[inside]), _Stored.of(old, name)
            kept = before.read(source)
            lists.ids[inside - piece.start] = kept.ids
            lists.distances_sq[inside - piece.start] = kept.distances_sq
            keys[inside - piece.start] = read_rows(before.key, source)
        stored.images[piece] = images[piece]
        stored.key[piece] = keys
        stored.indices[piece] = lists.ids
        stored.distances_sq[piece] = lists.distances_sq


def _pieces(n: int) -> Iterator[slice]:
    for first in range(0, n, _PIECE_ROWS):
        yield slice(first, min(first + _PIECE_ROWS, n))


@dataclass(frozen=True, slots=True)
class _Stored:
    """The arrays of a stored table of neighbours."""

    images: StoredArray[np.int64]
    indices: StoredArray[np.int64]
    distances: StoredArray[np.float32]
    distances_sq: StoredArray[np.float64]
    key: StoredArray[np.uint64]

    @classmethod
    def of(cls, root: zarr.Group, name: str) -> "_Stored":
        return cls(
            open_array(root, f"{name}/images", np.int64),
            open_array(root, f"{name}/indices", np.int64),
            open_array(root, f"{name}/distances", np.float32),
            open_array(root, f"{name}/distances_sq", np.float64),
            open_array(root, f"{name}/{KEY}", np.uint64),
        )

    def read(self, positions: NDArray[np.int64]) -> NeighbourLists:
        """The lists of some rows."""
        return NeighbourLists(read_rows(self.indices, positions), read_rows(self.distances_sq, positions))


def known_reach(root: zarr.Group, name: str, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """The squared distance of the k-th neighbour that each of some rows has so far: infinity where it has fewer."""
    reach = np.empty(len(positions))
    for where, squares in row_pieces(_Stored.of(root, name).distances_sq, positions):
        reach[where] = squares[:, -1]
    return reach


def merge_into(root: zarr.Group, name: str, positions: NDArray[np.int64], found: NeighbourLists) -> None:
    """Merge lists into the rows of the table at some ascending positions."""
    stored = _Stored.of(root, name)
    for first in range(0, len(positions), _PIECE_ROWS):
        part = slice(first, first + _PIECE_ROWS)
        merged = merge_lists(stored.read(positions[part]), NeighbourLists(found.ids[part], found.distances_sq[part]))
        write_rows(stored.indices, positions[part], merged.ids)
        write_rows(stored.distances_sq, positions[part], merged.distances_sq)


def settle(root: zarr.Group, name: str, key: int, metric: str) -> None:
    """All lists are complete: write the distances as they are read, and the rows' keys."""
    stored = _Stored.of(root, name)
    for piece in _pieces(stored.images.shape[0]):
        squares = stored.distances_sq[piece]
        distances = squares / 2 if metric == "cosine" else np.sqrt(squares)
        stored.distances[piece] = distances.astype(np.float32)
        stored.key[piece] = np.full(piece.stop - piece.start, key, np.uint64)
