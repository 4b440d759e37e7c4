"""agree: how well every clustering agrees with every label set, beside reference curves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.kernels.agreement import agreement_scores, contingency, normalized_mutual_information
from pipeline.kernels.reference_labels import orthogonal_labels, refined_labels, uniform_nmi
from pipeline.stages.keys import stage_key
from pipeline.stages.label_sets import label_sets
from pipeline.stages.plan import Block, Context, Job, Plan, Stage, Worker
from pipeline.storage.tables import as_columns, read_table, write_table

NAME = "agree"


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows of the two tables, for one clustering."""

    agreement: list[dict[str, Any]]
    confusion: list[dict[str, Any]]


def plan(context: Context) -> Plan | None:
    """Score all clusterings again when any of them, or a label set, has changed."""
    sets = [found for found in label_sets(context.root, context.recipe) if found.of_image]
    names = clustering_names(context)
    if not sets or not names:
        return None
    keys = [int(context.root[f"clusters/{name}"].attrs["key"]) for name in names]  # type: ignore[arg-type]
    key = stage_key(NAME, context.recipe.agree.model_dump(), *names, *keys, *(found.key for found in sets))
    group = context.root.get("agreement")
    if isinstance(group, zarr.Group) and group.attrs.get("key") == key:
        return None
    count = sum(len(found.of_image) for found in sets)
    tasks = [Block(count, f"agreement of {name}", (name, sets)) for name in names]
    return Plan(
        step="",
        tasks=tasks,
        job=Job(NAME, partial(_scorer, context.recipe.agree.reference_curves)),
        merge=partial(_merge, key=key),
        engine="dask",
        seconds_per_item=0.0001,
        settings=context.recipe.agree.model_dump() | {"sets": [found.name for found in sets]},
    )


def clustering_names(context: Context) -> list[str]:
    """Names of the stored clusterings that the recipe asks for."""
    wanted = [f"{v}-{m}" for v in context.recipe.vector_sets for m in context.recipe.cluster.methods]
    return [name for name in wanted if f"clusters/{name}" in context.root]


def _scorer(reference_curves: bool, _: zarr.Group) -> Worker:
    def worker(root: zarr.Group, task: Block) -> Scored:
        name, sets = task.data
        table = read_table(root, f"clusters/{name}", "images", "labels")
        attributes: Any = root[f"clusters/{name}"].attrs
        about = {"vectors": str(attributes["vectors"]), "method": str(attributes["method"])}
        scored = Scored([], [])
        for labels in sets:
            for level in range(1, labels.levels + 1):
                positions, truth = labels.at_level(level, table["images"])
                if len(positions) < 2:
                    continue
                fixed = about | {"set": labels.name, "level": level, "n_scored": len(positions)}
                _score(scored, name, table["labels"][positions], list(attributes["k"]), truth, fixed)
                if reference_curves:
                    scored.agreement.extend(_references(truth, list(attributes["k"]), fixed))
        return scored

    return worker


def _score(
    scored: Scored,
    name: str,
    clusters: NDArray[np.int32],
    ks: Sequence[int],
    truth: NDArray[np.str_],
    fixed: dict[str, Any],
) -> None:
    for column, k in enumerate(ks):
        found = agreement_scores(truth, clusters[:, column])
        scored.agreement.append(
            fixed
            | {
                "clustering": f"{name}-k{k}",
                "k": k,
                "nmi": found.nmi,
                "ari": found.ari,
                "homogeneity": found.homogeneity,
                "completeness": found.completeness,
                "accuracy": found.majority_accuracy,
                "hungarian_accuracy": found.hungarian_accuracy,
            }
        )
        if fixed["level"] == 1:
            scored.confusion.extend(_cells(f"{name}-k{k}", fixed["set"], truth, clusters[:, column]))


def _cells(
    clustering: str, name: str, truth: NDArray[np.str_], clusters: NDArray[np.int32]
) -> Iterator[dict[str, Any]]:
    table = contingency(truth, clusters)
    for row, column, count in zip(table.rows, table.columns, table.counts, strict=True):
        yield {
            "clustering": clustering,
            "set": name,
            "label": str(table.row_labels[row]),
            "cluster": int(table.column_labels[column]),
            "count": int(count),
        }


def _references(truth: NDArray[np.str_], ks: Sequence[int], fixed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """NMI of artificial clusterings with the labels themselves: references, not bounds.

    A refinement has at least as many clusters as there are categories, so its curve begins there.
    """
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
            row = dict.fromkeys(("ari", "homogeneity", "completeness", "accuracy", "hungarian_accuracy"), float("nan"))
            yield fixed | row | {"clustering": f"{method}-k{k}", "vectors": "", "method": method, "k": k, "nmi": nmi}


_AGREEMENT = {
    "clustering": str,
    "vectors": str,
    "method": str,
    "k": np.int64,
    "set": str,
    "level": np.int64,
    "n_scored": np.int64,
    "nmi": np.float64,
    "ari": np.float64,
    "homogeneity": np.float64,
    "completeness": np.float64,
    "accuracy": np.float64,
    "hungarian_accuracy": np.float64,
}
_CONFUSION = {"clustering": str, "set": str, "label": str, "cluster": np.int64, "count": np.int64}


def _merge(root: zarr.Group, results: Sequence[Scored], *, key: int) -> None:
    """Write both tables; the reference curves, which every clustering has computed alike, once."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for scored in results:
        for row in scored.agreement:
            rows.setdefault((row["clustering"], row["set"], row["level"]), row)
    cells = [cell for scored in results for cell in scored.confusion]
    write_table(root, "agreement", as_columns(list(rows.values()), _AGREEMENT), attributes={"key": key})
    write_table(root, "confusion", as_columns(cells, _CONFUSION))


STAGE = Stage(NAME, plan)
