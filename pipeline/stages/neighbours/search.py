"""neighbours: the nearest neighbours of every vector, computed once and shared by all that follows.

A task finds the neighbours of two blocks of vectors in each other, from the store, and the driver merges what comes
back into the table. Blocks are searched within themselves first: the distances found there are the reach of all tasks
that follow. So each pair is looked at once, m new vectors cost m x N, a worker holds two blocks
(`pipeline.kernels.neighbours.lists.pair_memory_bytes`), and the driver the lists of one step: at most 2 GiB, or those
of 8 tasks. Above `neighbours.approximate_above` vectors one task searches all of them approximately instead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.index.arrays import attributes_of, set_attributes
from pipeline.json_values import Json
from pipeline.kernels.neighbours.directions import unit_rows
from pipeline.kernels.neighbours.lists import NeighbourLists, Search, lists_between, lists_within, search_exactly
from pipeline.runtime.plan import Block, Context, Done, Job, Plan, Stage, Worker
from pipeline.search_backends.devices import device_here
from pipeline.search_backends.faiss_graph import ApproximateNeighbours, approximate_neighbours, require_faiss
from pipeline.stages.neighbours.tables import (
    COMPLETE,
    TABLES,
    is_complete,
    neighbours_group,
    neighbours_key,
    neighbours_row_key,
    searched_approximately,
)
from pipeline.stages.neighbours.updates import (
    Rows,
    block_pairs,
    known_reach,
    lay_out,
    merge_into,
    settle,
    settled_and_new,
)
from pipeline.stages.selection import once_paired
from pipeline.stages.vectors.sets import VectorSet, find_vectors, vector_sets

NAME = "neighbours"

_SECONDS_PER_PAIR_AND_DIMENSION = 2e-11
_SECONDS_AN_APPROXIMATE_ROW = 0.002
_STEP_BYTES = 2 << 30
_FEWEST_TASKS = 8
_DONE = "blocks_done"


@dataclass(frozen=True, slots=True)
class PairTask:
    """Two blocks of vectors, by their positions in the set; the same block twice is searched within itself."""

    pair: tuple[int, int]
    one: NDArray[np.int64]
    other: NDArray[np.int64]
    items: int
    label: str


@dataclass(frozen=True, slots=True)
class PairFound:
    """The lists that a task has found, of the first block (None where it is the second) and of the second."""

    task: PairTask
    one: NeighbourLists | None
    other: NeighbourLists


@dataclass(frozen=True, slots=True)
class _Search:
    """What all tasks of a set share."""

    name: str
    key: int
    row_key: int
    k: int
    metric: str
    device: str

    @property
    def group(self) -> str:
        return neighbours_group(self.name)


def plan(context: Context) -> Plan | None:
    """Pairs of blocks that have not been compared, among the vectors that there are now."""
    recipe = context.recipe
    for vectors in vector_sets(context.root, recipe):
        n = len(vectors.rows)
        k = min(recipe.neighbours.k, n - 1)
        if k < 1:
            context.notes.append(f"neighbours: {vectors.name} has {n} vector only; at least two are needed.")
            continue
        if is_complete(context.root, recipe, vectors):
            continue
        keys = neighbours_key(recipe, vectors), neighbours_row_key(recipe, vectors)
        search = _Search(vectors.name, *keys, k, recipe.neighbours.metric, device_here(recipe.neighbours.device))
        if searched_approximately(recipe, n):
            return _approximating(context, vectors, search)
        return _comparing(context, vectors, search)
    return None


def _approximating(context: Context, vectors: VectorSet, search: _Search) -> Plan:
    require_faiss()
    n = len(vectors.rows)
    nothing = Rows(np.empty(0, np.int64), np.arange(n))
    settings = context.recipe.neighbours
    chosen = {"links": settings.approximate_links, "breadth": settings.approximate_breadth}
    return Plan(
        step=f"{vectors.name}, approximately",
        tasks=[Block(n, f"all vectors of {vectors.name}")],
        job=Job(f"neighbours {vectors.name} {search.key}", partial(_approximate_worker, context.recipe, search)),
        layout=partial(_layout, old=context.root, search=search, images=vectors.rows, rows=nothing, restart=True),
        merge=partial(_merge_approximate, search=search),
        engine="dask",
        seconds_per_item=_SECONDS_AN_APPROXIMATE_ROW,
        settings={"vectors": vectors.name, "k": search.k, "metric": search.metric, **chosen},
    )


def _approximate_worker(recipe: Recipe, search: _Search, root: zarr.Group) -> Worker:
    vectors = find_vectors(root, recipe, search.name)
    settings = recipe.neighbours

    def worker(root: zarr.Group, task: Block) -> ApproximateNeighbours:
        found = approximate_neighbours(
            vectors.read(root),
            search.k,
            metric=settings.metric,
            links=settings.approximate_links,
            breadth=settings.approximate_breadth,
        )
        return replace(found, lists=NeighbourLists(vectors.rows[found.lists.ids], found.lists.distances_sq))

    return worker


def _merge_approximate(root: zarr.Group, results: Sequence[ApproximateNeighbours], *, search: _Search) -> None:
    (found,) = results
    merge_into(root, search.group, np.arange(len(found.lists.ids)), found.lists)
    settle(root, search.group, search.row_key, search.metric)
    told: dict[str, Json] = {"method": found.method, "recall": found.recall, "recall_rows": found.recall_rows}
    set_attributes(root, search.group, {**told, _DONE: None, COMPLETE: search.key})


def _comparing(context: Context, vectors: VectorSet, search: _Search) -> Plan:
    settings = context.recipe.neighbours
    rows = settled_and_new(context.root, search.group, vectors.rows, search.k, search.row_key)
    blocks, n_settled = rows.blocks(settings.block_rows)
    done = _done(context.root, search, settings.block_rows)
    pairs = block_pairs(len(blocks), n_settled)
    missing = [pair for pair in pairs if pair not in done]
    within = [pair for pair in missing if pair[0] == pair[1]]
    most = max(_STEP_BYTES // (32 * settings.block_rows * search.k), _FEWEST_TASKS)
    chosen = (within or missing)[:most]
    last = len(chosen) == len(missing)
    n_tasks = len(pairs)
    first = n_tasks - len(missing)
    which = f", tasks {first + 1} to {first + len(chosen)} of {n_tasks}" if n_tasks > 1 else ""
    width = vectors.width(context.root)
    gpu = search.device == "cuda"
    return Plan(
        step=f"{vectors.name}{which}",
        tasks=[_task(search.name, pair, blocks, n_settled) for pair in chosen],
        job=Job(f"neighbours {vectors.name} {search.key}", partial(_worker, context.recipe, search)),
        layout=partial(_layout, old=context.root, search=search, images=vectors.rows, rows=rows, restart=not done),
        merge=partial(_merge, search=search, block_rows=settings.block_rows, pairs=frozenset(pairs)),
        engine="ray" if gpu else "dask",
        gpus=1.0 if gpu else 0.0,
        seconds_per_item=len(vectors.rows) * width * _SECONDS_PER_PAIR_AND_DIMENSION,
        settings={"vectors": vectors.name, "k": search.k, "metric": search.metric} | ({} if last else {"last": False}),
    )


def _task(name: str, pair: tuple[int, int], blocks: Sequence[NDArray[np.int64]], n_settled: int) -> PairTask:
    """Its items are its share of the vectors of the second block, so that all tasks count every new vector once."""
    one, other = pair
    rows = len(blocks[other])
    items = rows * (one + 1) // (other + 1) - rows * one // (other + 1)
    return PairTask(pair, blocks[one], blocks[other], items, f"vector blocks {one} and {other} of {name}")


def _done(root: zarr.Group, search: _Search, block_rows: int) -> set[tuple[int, int]]:
    """Pairs that an earlier step or an interrupted run of exactly this search has merged."""
    found = attributes_of(root, search.group).get(_DONE)
    if not isinstance(found, dict) or found["key"] != search.key or found["block_rows"] != block_rows:
        return set()
    return {(one, other) for one, other in found["pairs"]}


def _layout(
    root: zarr.Group, *, old: zarr.Group, search: _Search, images: NDArray[np.int64], rows: Rows, restart: bool
) -> None:
    if restart:
        lay_out(root, old=old, name=search.group, images=images, rows=rows, k=search.k)
        told: dict[str, Json] = {"metric": search.metric, "method": "exact", "recall": 1.0, "recall_rows": 0}
        set_attributes(root, search.group, {COMPLETE: 0, **told})


def _worker(recipe: Recipe, search: _Search, root: zarr.Group) -> Worker:
    vectors = find_vectors(root, recipe, search.name)
    find = _searcher(search.device)

    def worker(root: zarr.Group, task: PairTask) -> PairFound:
        other, others = vectors.rows[task.other], _values(root, vectors, task.other, search)
        if task.pair[0] == task.pair[1]:
            return PairFound(task, None, lists_within(others, other, search.k, search=find))
        one, ones = vectors.rows[task.one], _values(root, vectors, task.one, search)
        reach = np.concatenate([known_reach(root, search.group, positions) for positions in (task.one, task.other)])
        return PairFound(task, *lists_between(ones, one, others, other, search.k, reach=reach, search=find))

    return worker


def _searcher(device: str) -> Search:
    if device == "cpu":
        return search_exactly
    from pipeline.search_backends.torch_products import TorchSearch

    return TorchSearch(device)


def _values(
    root: zarr.Group, vectors: VectorSet, positions: NDArray[np.int64], search: _Search
) -> NDArray[np.floating]:
    values = vectors.read_some(root, positions)
    return unit_rows(values) if search.metric == "cosine" else values


def _merge(
    root: zarr.Group,
    results: Sequence[PairFound],
    *,
    search: _Search,
    block_rows: int,
    pairs: frozenset[tuple[int, int]],
) -> None:
    for found in results:
        if found.one is not None:
            merge_into(root, search.group, found.task.one, found.one)
        merge_into(root, search.group, found.task.other, found.other)
    done = _done(root, search, block_rows) | {found.task.pair for found in results}
    if not pairs <= done:
        unfinished: dict[str, Json] = {
            "key": search.key,
            "block_rows": block_rows,
            "pairs": [list(pair) for pair in sorted(done)],
        }
        set_attributes(root, search.group, {_DONE: unfinished})
        return
    settle(root, search.group, search.row_key, search.metric)
    set_attributes(root, search.group, {_DONE: None, COMPLETE: search.key})


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    for vectors in vector_sets(root, recipe):
        yield Done.whole(vectors.name, len(vectors.rows), is_complete(root, recipe, vectors))


STAGE = Stage(NAME, plan, TABLES, once_paired(_status))
