"""Clustering block by block: methods that go over the vectors again and again, with no worker holding them all.

The method runs in the driver (`Plan.drive`) and sends functions of ranges of rows to the workers. A function that
travels carries `StoredRows`, which is empty-handed: it reads from the store that its worker has open.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.clustering_methods.base import Blocks, MethodSettings
from pipeline.clustering_methods.points import counts_that_exist
from pipeline.config import Recipe
from pipeline.kernels.arrays import Vectors
from pipeline.kernels.mapping import MapTasks
from pipeline.runtime.plan import Block, Job, Worker
from pipeline.search_backends.devices import nearest_on
from pipeline.stages.maps.stored import find_clustered
from pipeline.stages.vectors.sets import VectorSet

BLOCK_ROWS = 16_384
"""Rows that a task reads; no result depends on it."""

_source: ContextVar[tuple[VectorSet, zarr.Group]] = ContextVar("_source")


@dataclass(frozen=True, slots=True)
class StoredRows:
    """Rows of the set of vectors that this process works on."""

    def __call__(self, start: int, stop: int) -> NDArray[np.float32]:
        """Rows ``start`` to ``stop`` (exclusive) of the n, float32 [stop - start, D]."""
        return self.pick(np.arange(start, stop))

    def pick(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors at some ascending positions among the n, float32 [len(positions), D]."""
        vectors, root = _source.get()
        return vectors.read_some(root, positions)


@contextmanager
def reading(vectors: VectorSet, root: zarr.Group) -> Iterator[None]:
    """`StoredRows` are those of this set of vectors, in this process and for as long."""
    token = _source.set((vectors, root))
    try:
        yield
    finally:
        _source.reset(token)


def job_of(recipe: Recipe, settings: MethodSettings, name: str) -> Job:
    """How a worker does what the method sends it: a task is a function and what it is called with."""
    return Job(f"cluster {settings!r} of {name}", partial(_reader, recipe, name))


def _reader(recipe: Recipe, name: str, root: zarr.Group) -> Worker:
    vectors = find_clustered(root, recipe, name)

    def worker(root: zarr.Group, task: Block) -> object:
        function, argument = task.data
        with reading(vectors, root):
            return function(argument)

    return worker


@contextmanager
def blocks_of(
    vectors: VectorSet, root: zarr.Group, map_tasks: MapTasks, starts: Mapping[int, Vectors], device: str
) -> Iterator[Blocks]:
    """The set of vectors as a method that works on blocks is given it, while the driver works on it."""
    with reading(vectors, root):
        yield Blocks(StoredRows(), len(vectors.rows), BLOCK_ROWS, map_tasks, starts, nearest_on(device))


def counts_to_find(blocks: Blocks, counts: Sequence[int]) -> list[int]:
    """Numbers of clusters, none larger than the number of distinct rows; of a large set that is not counted."""
    if blocks.n_rows > BLOCK_ROWS:
        return [k for k in counts if k <= blocks.n_rows]
    return counts_that_exist(blocks.read(0, blocks.n_rows), counts)
