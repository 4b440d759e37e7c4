"""assess: silhouettes, scatter and stability of every clustering, none of which asks for labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.clustering_methods.splitting import Dividing, can_be_scored, resampled
from pipeline.config import Recipe
from pipeline.index.schema import Row
from pipeline.index.tables import column_of, replace_rows, table_length
from pipeline.kernels.clustering.density_peaks import prominences
from pipeline.kernels.clustering.scatter_scores import scatter_scores
from pipeline.kernels.clustering.silhouette import silhouettes_of_all
from pipeline.kernels.clustering.stability import stability
from pipeline.runtime.keys import random_seed
from pipeline.runtime.plan import Block, Context, Done, Job, Plan, Stage, Worker
from pipeline.stages.assessment.parts import PARTS, TABLE, assessment_parts, resamples_of
from pipeline.stages.assessment.tables import QUALITY, TABLES
from pipeline.stages.clustering.stored import NO_COUNT, StoredClusterings, group_of, stored_clusterings
from pipeline.stages.maps.stored import find_clustered
from pipeline.stages.result_keys import stored_keys
from pipeline.stages.selection import once_paired

NAME = "assess"


@dataclass(frozen=True, slots=True)
class Assessed:
    """Rows of the table for one part: the clusterings of a set of vectors by a method."""

    part: str
    key: int
    rows: list[Row]


def plan(context: Context) -> Plan | None:
    """Assess the clusterings that have changed; drop what is no longer asked for."""
    wanted = assessment_parts(context.root, context.recipe)
    most = context.recipe.assess.max_points
    for stored in stored_clusterings(context.root, context.recipe):
        if stored.part not in wanted:
            context.notes.append(
                f"assess: {stored.part} is left out: it is of more than assess.max_points = {most:,} vectors."
            )
    done = stored_keys(context.root, TABLE, PARTS)
    if wanted == done:
        return None
    tasks = [
        Block(len(stored.clusterings), f"quality of {stored.part}", (stored.part, wanted[stored.part]))
        for stored in stored_clusterings(context.root, context.recipe)
        if stored.part in wanted and done.get(stored.part) != wanted[stored.part]
    ]
    return Plan(
        step="",
        tasks=tasks,
        job=Job(f"assess {context.recipe.assess!r}", partial(_assessor, context.recipe)),
        merge=partial(_merge, wanted=wanted),
        engine="dask",
        seconds_per_item=0.5,
        settings=context.recipe.assess.model_dump(mode="json"),
    )


def _assessor(recipe: Recipe, _: zarr.Group) -> Worker:
    def worker(root: zarr.Group, task: Block) -> Assessed:
        part, key = task.data
        stored = next(found for found in stored_clusterings(root, recipe) if found.part == part)
        table, vectors = stored.read(root), find_clustered(root, recipe, stored.vectors).read(root)
        labels = column_of(table, "labels", np.int32)
        stable = _stabilities(recipe, stored, vectors, labels)
        gaps = _decision_gaps(table)
        rows = []
        for clustering, scores in zip(stored.clusterings, _scores(vectors, labels), strict=True):
            k = NO_COUNT if clustering.k is None else clustering.k
            about = {"part": part, "clustering": clustering.name, "vectors": stored.vectors, "method": stored.label}
            measured = {"stability": stable[clustering.column], "decision_gap": gaps.get(k, float("nan"))}
            rows.append(about | {"k": k} | scores | measured)
        return Assessed(part, key, rows)

    return worker


def _scores(vectors: NDArray[np.float32], labels: NDArray[np.int32]) -> Iterator[Row]:
    """Of every column of labels; NaN where a score is not defined (one cluster, or as many as points)."""
    columns = [column for column in range(labels.shape[1]) if can_be_scored(labels[:, column])]
    found = silhouettes_of_all(vectors, [labels[:, column] for column in columns]) if columns else []
    silhouettes = dict(zip(columns, found, strict=True))
    for column in range(labels.shape[1]):
        inside = labels[:, column][labels[:, column] >= 0]
        scored = {"n_clusters": len(np.unique(inside)), "n_scored": len(inside)}
        if column not in silhouettes:
            nothing = dict.fromkeys(("silhouette", "davies_bouldin", "calinski_harabasz"), float("nan"))
            yield scored | nothing
            continue
        scatter = scatter_scores(vectors, labels[:, column])
        yield scored | {
            "silhouette": silhouettes[column].mean,
            "davies_bouldin": scatter.davies_bouldin,
            "calinski_harabasz": scatter.calinski_harabasz,
        }


def _stabilities(
    recipe: Recipe, stored: StoredClusterings, vectors: NDArray[np.float32], labels: NDArray[np.int32]
) -> list[float]:
    """Mean adjusted Rand index with random shares clustered alone; NaN where that is not asked for."""
    count = resamples_of(recipe, len(vectors))
    if not count:
        return [float("nan")] * labels.shape[1]
    settings = next(method for method in recipe.cluster.methods if method.label == stored.label)
    counts = [k for k in stored.k if k is not None]
    seed = partial(random_seed, recipe.assess.seed, NAME, stored.vectors, stored.label)
    parts = resampled(vectors, Dividing(settings, counts, count, recipe.assess.share), counts, seed)
    return [stability(labels[:, column], part).partition for column, part in enumerate(parts)]


def _decision_gaps(table: dict[str, NDArray[np.generic]]) -> dict[int, float]:
    """By the number of centres: how many times less prominent the next one would be; of a decision graph only."""
    if not {"density", "delta"} <= set(table):
        return {}
    ranked = np.sort(prominences(column_of(table, "density", np.float64), column_of(table, "delta", np.float64)))[::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = ranked[:-1] / ranked[1:]
    return {k: float(gaps[k - 1]) for k in range(2, len(ranked))}


def _merge(root: zarr.Group, results: Sequence[Assessed], *, wanted: dict[str, int]) -> None:
    """Replace the parts that were assessed, and drop those that are no longer wanted."""
    old = stored_keys(root, TABLE, PARTS)
    parts = {part: key for part, key in old.items() if part in wanted} | {found.part: found.key for found in results}
    replaced = [found.part for found in results] + [part for part in old if part not in wanted]
    rows = QUALITY.typed([row for found in results for row in found.rows])
    ordered = {part: parts[part] for part in wanted if part in parts}
    replace_rows(root, TABLE, "part", replaced, rows, attributes={PARTS: ordered})


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    assessed = stored_keys(root, TABLE, PARTS)
    for part, key in assessment_parts(root, recipe).items():
        yield Done.whole(part, table_length(root, group_of(part)), assessed.get(part) == key)


STAGE = Stage(NAME, plan, TABLES, once_paired(_status))
