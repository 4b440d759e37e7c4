"""Mean and scatter of large sets of vectors, a piece a task: what the principal components are computed from.

The pieces of a set depend on its size only and are merged in their order, so that the sums are the same bits whoever
made them. They stay in the index until the set's measurement is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np
import zarr

from pipeline.config import Recipe
from pipeline.index.arrays import attributes_of, read_array, whole_number
from pipeline.kernels.dimension.principal_components import BLOCK_ROWS, Moments, block_moments, merge_moments
from pipeline.runtime.plan import Job, Plan, Worker
from pipeline.stages.vectors.sets import VectorSet, find_vectors

_GROUP = "dimension/moments"
_FEWEST_ROWS = 16 * BLOCK_ROWS
_MOST_PIECES = 16  # of 8 D^2 bytes each


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a set of vectors; ``items`` is 0, for the vectors are counted by the parts that follow."""

    vectors: str
    number: int
    start: int
    stop: int
    items: int = 0

    @property
    def label(self) -> str:
        """What it is, in words."""
        return f"moments of the vectors {self.start} to {self.stop} of {self.vectors}"


def plan_moments(root: zarr.Group, recipe: Recipe, vectors: VectorSet, key: int) -> Plan | None:
    """The pieces that are missing; None for a set of one piece, which `all_moments` reads by itself."""
    pieces = _pieces(vectors)
    missing = [piece for piece in pieces if str(piece.number) not in _stored(root, vectors.name, key)]
    if len(pieces) == 1 or not missing:
        return None
    return Plan(
        step=f"{vectors.name}, moments",
        tasks=missing,
        job=Job(f"moments {vectors.name} {key}", partial(_summer, recipe, vectors.name)),
        merge=partial(_merge, name=vectors.name, key=key),
        engine="dask",
        seconds_per_item=0.001,
        settings={"vectors": vectors.name},
    )


def all_moments(root: zarr.Group, vectors: VectorSet, key: int) -> Moments:
    """The moments of all vectors of a set, from its stored pieces where it has more than one."""
    pieces = _pieces(vectors)
    if len(pieces) == 1:
        return _sum(root, vectors, pieces[0])
    stored = _stored(root, vectors.name, key)
    return reduce(merge_moments, (_read(stored[str(piece.number)]) for piece in pieces))


def drop_moments(root: zarr.Group) -> None:
    """The measurement is written: the sums have served."""
    if _GROUP in root:
        del root[_GROUP]


def _pieces(vectors: VectorSet) -> list[Piece]:
    n = len(vectors.rows)
    rows = max(_FEWEST_ROWS, -(-n // (_MOST_PIECES * BLOCK_ROWS)) * BLOCK_ROWS)
    starts = range(0, n, rows)
    return [Piece(vectors.name, number, start, min(start + rows, n)) for number, start in enumerate(starts)]


def _stored(root: zarr.Group, name: str, key: int) -> dict[str, zarr.Group]:
    """The groups of the pieces of this measurement, by their numbers."""
    if attributes_of(root, _GROUP).get("of") != [name, str(key)]:
        return {}
    return dict(root.require_group(_GROUP).groups())


def _summer(recipe: Recipe, name: str, root: zarr.Group) -> Worker:
    vectors = find_vectors(root, recipe, name)
    return lambda root, piece: (piece.number, _sum(root, vectors, piece))


def _sum(root: zarr.Group, vectors: VectorSet, piece: Piece) -> Moments:
    blocks = (
        block_moments(vectors.read_some(root, np.arange(start, min(start + BLOCK_ROWS, piece.stop))))
        for start in range(piece.start, piece.stop, BLOCK_ROWS)
    )
    return reduce(merge_moments, blocks)


def _read(group: zarr.Group) -> Moments:
    mean, scatter = (read_array(group, name, np.float64) for name in ("mean", "scatter"))
    return Moments(whole_number(dict(group.attrs), "count"), mean, scatter)


def _merge(root: zarr.Group, results: Sequence[tuple[int, Moments]], *, name: str, key: int) -> None:
    if not _stored(root, name, key):
        drop_moments(root)
        root.require_group(_GROUP).attrs["of"] = [name, str(key)]
    for number, moments in results:
        group = root.require_group(f"{_GROUP}/{number}")
        group.attrs["count"] = moments.count
        group.create_array("mean", data=moments.mean, overwrite=True, dimension_names=("feature",))
        group.create_array(
            "scatter", data=moments.scatter, overwrite=True, dimension_names=("feature", "other_feature")
        )
