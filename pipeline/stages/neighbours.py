"""neighbours: the exact nearest neighbours of every vector, computed once and shared by all that follows."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.kernels.neighbours import BLOCK_ROWS, neighbours_of_block, prepare_blocks
from pipeline.stages.neighbour_tables import neighbours_group, neighbours_key
from pipeline.stages.plan import Context, Job, Plan, Stage, Worker
from pipeline.stages.vectors import VectorSet, find_vectors, vector_sets
from pipeline.storage.rows import RowArray, Shard, read_keys, require_rows, shards_of, write_shard

NAME = "neighbours"

_SECONDS_PER_PAIR_AND_DIMENSION = 4e-11


@dataclass(frozen=True, slots=True)
class BlockTask:
    """A block of query rows of one set of vectors."""

    group: str
    shard: Shard

    @property
    def items(self) -> int:
        """Vectors in the block."""
        return self.shard.stop - self.shard.start

    @property
    def label(self) -> str:
        """Name of the block."""
        return f"block {self.shard.number} of {self.group} (vectors {self.shard.start} to {self.shard.stop - 1})"


def plan(context: Context) -> Plan | None:
    """Blocks of vectors without neighbours among the vectors that there are now."""
    for vectors in vector_sets(context.root, context.recipe):
        n = len(vectors.rows)
        k = min(context.recipe.neighbours.k, n - 1)
        if k < 1:
            context.notes.append(f"neighbours: {vectors.name} has {n} vector only; at least two are needed.")
            continue
        key = neighbours_key(context.recipe, vectors)
        group = neighbours_group(vectors.name)
        missing = np.flatnonzero(_keys(context.root, group, n) != np.uint64(key)).astype(np.int64)
        if len(missing):
            return _searching(context, vectors, group, missing, k, key)
    return None


def _keys(root: zarr.Group, group: str, n: int) -> NDArray[np.uint64]:
    array = root.get(f"{group}/key")
    if not isinstance(array, zarr.Array) or array.shape[0] != n:
        return np.zeros(n, np.uint64)
    return read_keys(root, group, n)


def _searching(context: Context, vectors: VectorSet, group: str, missing: NDArray[np.int64], k: int, key: int) -> Plan:
    n = len(vectors.rows)
    width = context.root[f"{vectors.group}/vectors"].shape[1]  # type: ignore[union-attr]
    return Plan(
        step=vectors.name,
        tasks=[BlockTask(group, shard) for shard, _ in shards_of(missing, BLOCK_ROWS, n)],
        job=Job(f"neighbours {vectors.name} {key}", partial(_searcher, context.recipe, vectors.name, k, key)),
        writes=True,
        layout=partial(_layout, group=group, n=n, k=k),
        engine="dask",
        seconds_per_item=n * width * _SECONDS_PER_PAIR_AND_DIMENSION,
        settings={"vectors": vectors.name, "k": k},
    )


def _layout(root: zarr.Group, *, group: str, n: int, k: int) -> None:
    arrays = (
        RowArray("images", "int64", fill_value=-1, attributes={"description": "image row of the point"}),
        RowArray("indices", "int64", (k,), fill_value=-1, attributes={"description": "image rows, nearest first"}),
        RowArray("distances", "float32", (k,), fill_value=float("nan"), attributes={"description": "Euclidean"}),
    )
    require_rows(root, group, arrays, n, BLOCK_ROWS)


def _searcher(recipe: Recipe, name: str, k: int, key: int, root: zarr.Group) -> Worker:
    vectors = find_vectors(root, recipe, name)
    values = vectors.read(root)
    prepared = prepare_blocks(values, k)

    def worker(root: zarr.Group, task: BlockTask) -> None:
        start, stop = task.shard.start, task.shard.stop
        indices, distances = neighbours_of_block(values, start, stop, k, prepared=prepared)
        columns: dict[str, NDArray[Any]] = {
            "images": vectors.rows[start:stop],
            "indices": vectors.rows[indices],
            "distances": distances,
        }
        write_shard(root, task.group, task.shard, np.arange(start, stop, dtype=np.int64), columns, key)

    return worker


STAGE = Stage(NAME, plan)
