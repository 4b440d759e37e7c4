"""agree: how well every clustering agrees with every label set, beside reference curves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.index.tables import column_of, replace_rows
from pipeline.kernels.agreement.chance import adjusted_mutual_information
from pipeline.kernels.agreement.scores import agreement_scores, contingency, normalized_mutual_information
from pipeline.runtime.plan import Block, Context, Done, Job, Plan, Stage, Worker
from pipeline.stages.agreement.tables import AGREEMENT, CONFUSION, TABLES
from pipeline.stages.clustering.stored import NO_COUNT, Clustering, stored_clusterings
from pipeline.stages.labels.sets import label_sets
from pipeline.stages.result_keys import REFERENCES, agreement_parts, stored_keys
from pipeline.stages.selection import once_paired

NAME = "agree"

_TABLE = AGREEMENT.place
_PARTS = "parts"
# Pictures in no cluster count as one cluster more: a method does not score better by leaving the hard ones out.
NOISE: Final = "cluster"


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows of the two tables for one part: a clustering, or the reference curves of a label set."""

    part: str
    key: int
    agreement: list[dict[str, object]]
    confusion: list[dict[str, object]]


def plan(context: Context) -> Plan | None:
    """Score the clusterings that have changed, or all when the labels have; drop what is no longer asked for."""
    sets = [found for found in label_sets(context.root, context.recipe) if found.of_image]
    wanted = agreement_parts(context.root, context.recipe, sets)
    done = stored_keys(context.root, _TABLE, _PARTS)
    if wanted == done:
        return None
    tasks = [
        Block(sum(len(found.of_image) for found in sets), f"agreement of {part}", (part, key))
        for part, key in wanted.items()
        if done.get(part) != key
    ]
    return Plan(
        step="",
        tasks=tasks,
        job=Job(f"agree {context.recipe.agree!r}", partial(_scorer, context.recipe)),
        merge=partial(_merge, wanted=wanted),
        engine="dask",
        seconds_per_item=0.0001,
        settings=context.recipe.agree.model_dump() | {"sets": [found.name for found in sets]},
    )


def _scorer(recipe: Recipe, root: zarr.Group) -> Worker:
    sets = [found for found in label_sets(root, recipe) if found.of_image]

    def worker(root: zarr.Group, task: Block) -> Scored:
        part, key = task.data
        scored = Scored(part, key, [], [])
        if part.startswith(REFERENCES):
            labels = next(found for found in sets if found.name == part.removeprefix(REFERENCES))
            rows = np.array(sorted(labels.of_image), np.int64)
            for level in range(1, labels.levels + 1):
                positions, truth = labels.at_level(level, rows)
                fixed = {"part": part, "set": labels.name, "level": level, "n_scored": len(positions)}
                scored.agreement.extend(_references(truth, recipe.cluster.k, fixed))
            return scored
        stored = next(found for found in stored_clusterings(root, recipe) if found.part == part)
        table = stored.read(root, "images", "labels")
        about = {"part": part, "vectors": stored.vectors, "method": stored.label}
        for labels in sets:
            for level in range(1, labels.levels + 1):
                positions, truth = labels.at_level(level, column_of(table, "images", np.int64))
                if len(positions) > 1:
                    fixed = about | {"set": labels.name, "level": level, "n_scored": len(positions)}
                    _score(scored, column_of(table, "labels", np.int32)[positions], stored.clusterings, truth, fixed)
        return scored

    return worker


def _score(
    scored: Scored,
    clusters: NDArray[np.int32],
    clusterings: Sequence[Clustering],
    truth: NDArray[np.str_],
    fixed: dict[str, object],
) -> None:
    for clustering in clusterings:
        column = clusters[:, clustering.column]
        found = agreement_scores(truth, column, noise=NOISE)
        scored.agreement.append(
            fixed
            | {
                "clustering": clustering.name,
                "k": NO_COUNT if clustering.k is None else clustering.k,
                "nmi": found.nmi,
                "ami": adjusted_mutual_information(truth, column, noise=NOISE),
                "ari": found.ari,
                "homogeneity": found.homogeneity,
                "completeness": found.completeness,
                "accuracy": found.majority_accuracy,
                "hungarian_accuracy": found.hungarian_accuracy,
            }
        )
        if fixed["level"] == 1:
            scored.confusion.extend(_cells(clustering.name, fixed, truth, column))


def _cells(
    clustering: str, fixed: dict[str, object], truth: NDArray[np.str_], clusters: NDArray[np.int32]
) -> Iterator[dict[str, object]]:
    table = contingency(truth, clusters, noise=NOISE)
    for row, column, count in zip(table.rows, table.columns, table.counts, strict=True):
        yield {
            "part": fixed["part"],
            "clustering": clustering,
            "set": fixed["set"],
            "label": str(table.row_labels[row]),
            "cluster": int(table.column_labels[column]),
            "count": int(count),
        }


def _references(truth: NDArray[np.str_], ks: Sequence[int], fixed: dict[str, object]) -> Iterator[dict[str, object]]:
    """NMI of artificial clusterings with the labels themselves: references, not bounds.

    A refinement has at least as many clusters as there are categories, so its curve begins there.
    """
    # All of scipy.stats comes with it: half a second of every start.
    from pipeline.kernels.agreement.reference_labels import orthogonal_labels, refined_labels, uniform_nmi

    categories = len(np.unique(truth))
    for k in ks:
        if k > len(truth):
            continue
        values = {
            "uniform": uniform_nmi(truth, k),
            "orthogonal": normalized_mutual_information(truth, orthogonal_labels(truth, k)),
        }
        if k >= categories:
            values["refined"] = normalized_mutual_information(truth, refined_labels(truth, k))
        for method, nmi in values.items():
            row = dict.fromkeys(
                ("ami", "ari", "homogeneity", "completeness", "accuracy", "hungarian_accuracy"), float("nan")
            )
            yield fixed | row | {"clustering": f"{method}-k{k}", "vectors": "", "method": method, "k": k, "nmi": nmi}


def _merge(root: zarr.Group, results: Sequence[Scored], *, wanted: dict[str, int]) -> None:
    """Replace the parts that were scored, and drop those that are no longer wanted."""
    old = stored_keys(root, _TABLE, _PARTS)
    parts = {part: key for part, key in old.items() if part in wanted} | {found.part: found.key for found in results}
    replaced = [found.part for found in results] + [part for part in old if part not in wanted]
    rows = [row for found in results for row in found.agreement]
    cells = [cell for found in results for cell in found.confusion]
    ordered = {part: parts[part] for part in wanted if part in parts}
    replace_rows(root, _TABLE, "part", replaced, AGREEMENT.typed(rows), attributes={_PARTS: ordered})
    replace_rows(root, CONFUSION.place, "part", replaced, CONFUSION.typed(cells))


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    sets = label_sets(root, recipe)
    scored = stored_keys(root, _TABLE, _PARTS)
    for part, key in agreement_parts(root, recipe, sets).items():
        yield Done.whole(part, sum(len(found.of_image) for found in sets), scored.get(part) == key)


STAGE = Stage(NAME, plan, TABLES, once_paired(_status))
