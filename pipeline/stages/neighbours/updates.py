"""What a table of neighbours still lacks, and bringing rows of an older table over to a changed set of vectors.

Every distance in a table is true, so a list can only lack rows, never hold wrong ones. A row is *settled* when its list
is complete among all settled rows. The others are *new*: rows that came, rows whose list named one that has gone, and
rows of a run that was interrupted. A set is complete when new rows have been compared with all rows: m x N, not N x N.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

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
        group: Any = root[name]
        known = np.asarray(group["images"][:])
        gone = np.setdiff1d(known, images)
        for piece in _pieces(len(known)):
            kept = np.asarray(group[KEY][piece]) == np.uint64(key)
            if len(gone):
                kept &= ~np.isin(np.asarray(group["indices"][piece]), gone).any(axis=1)
            settled[np.searchsorted(images, np.setdiff1d(known[piece][kept], gone))] = True
    return Rows(np.flatnonzero(settled), np.flatnonzero(~settled))


def _matches(root: zarr.Group, name: str, k: int) -> bool:
    array = root.get(f"{name}/distances_sq")
    return isinstance(array, zarr.Array) and array.shape[1:] == (k,)


def lay_out(root: zarr.Group, *, old: zarr.Group, name: str, images: NDArray[np.int64], rows: Rows, k: int) -> None:
    """Give the table a row an image: settled rows keep their lists, new ones begin empty.

    ``old`` shows the index as it was; only pieces in which something changes are written.
    """
    before: Any = old.get(name)
    known = np.asarray(before["images"][:]) if _matches(old, name, k) else np.empty(0, np.int64)
    arrays = STORED.row_arrays(indices=(k,), distances=(k,), distances_sq=(k,))
    require_rows(root, name, arrays, len(images), TABLE_SHARD_ROWS)
    group: Any = root[name]
    for piece in _pieces(len(images)):
        inside = rows.settled[(rows.settled >= piece.start) & (rows.settled < piece.stop)]
        if len(inside) == piece.stop - piece.start and np.array_equal(known[piece], images[piece]):
            continue
        lists = NeighbourLists.empty(piece.stop - piece.start, k)
        keys = np.zeros(piece.stop - piece.start, np.uint64)
        if len(inside):
            source = np.searchsorted(known, images[inside])
            kept = _read(old, name, source)
            lists.ids[inside - piece.start] = kept.ids
            lists.distances_sq[inside - piece.start] = kept.distances_sq
            keys[inside - piece.start] = read_rows(before[KEY], source)
        group["images"][piece] = images[piece]
        group[KEY][piece] = keys
        _write(group, piece, lists)


def _pieces(n: int) -> Iterator[slice]:
    for first in range(0, n, _PIECE_ROWS):
        yield slice(first, min(first + _PIECE_ROWS, n))


def _read(root: zarr.Group, name: str, positions: NDArray[np.int64]) -> NeighbourLists:
    group: Any = root[name]
    return NeighbourLists(read_rows(group["indices"], positions), read_rows(group["distances_sq"], positions))


def _write(group: Any, piece: slice, lists: NeighbourLists) -> None:
    group["indices"][piece] = lists.ids
    group["distances_sq"][piece] = lists.distances_sq


def known_reach(root: zarr.Group, name: str, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """The squared distance of the k-th neighbour that each of some rows has so far: infinity where it has fewer."""
    group: Any = root[name]
    reach = np.empty(len(positions))
    for where, squares in row_pieces(group["distances_sq"], positions):
        reach[where] = squares[:, -1]
    return reach


def merge_into(root: zarr.Group, name: str, positions: NDArray[np.int64], found: NeighbourLists) -> None:
    """Merge lists into the rows of the table at some ascending positions."""
    group: Any = root[name]
    for first in range(0, len(positions), _PIECE_ROWS):
        part = slice(first, first + _PIECE_ROWS)
        merged = merge_lists(
            _read(root, name, positions[part]), NeighbourLists(found.ids[part], found.distances_sq[part])
        )
        write_rows(group["indices"], positions[part], merged.ids)
        write_rows(group["distances_sq"], positions[part], merged.distances_sq)


def settle(root: zarr.Group, name: str, key: int, metric: str) -> None:
    """All lists are complete: write the distances as they are read, and the rows' keys."""
    group: Any = root[name]
    n = group["images"].shape[0]
    for piece in _pieces(n):
        squares = np.asarray(group["distances_sq"][piece])
        distances = squares / 2 if metric == "cosine" else np.sqrt(squares)
        group["distances"][piece] = distances.astype(np.float32)
        group[KEY][piece] = np.full(piece.stop - piece.start, key, np.uint64)
