"""How far an index is: what each stage has done and what is missing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import zarr

from pipeline.config import Recipe
from pipeline.index.history import Commit
from pipeline.index.past_runs import read_runs
from pipeline.index.store import Index
from pipeline.index.tables import table_length
from pipeline.operations.remembered import stored_corpus, stored_recipe
from pipeline.runtime.keys import pixels_key, scale_key
from pipeline.stages.assessment.parts import PARTS, TABLE, assessment_parts
from pipeline.stages.clustering.stored import group_of as group_of_clusters
from pipeline.stages.clustering.stored import is_current as is_clustered
from pipeline.stages.files.ledger import read_images, representatives
from pipeline.stages.labels.sets import label_sets
from pipeline.stages.neighbours.tables import read_neighbours
from pipeline.stages.report.write import is_current
from pipeline.stages.result_keys import agreement_parts, dimension_key, stored_keys
from pipeline.stages.scale.rows import rows_beside_another_text
from pipeline.stages.selection import done_rows
from pipeline.stages.subdivision.groups import KEYS, NODES, wanted_trees
from pipeline.stages.vectors.sets import group_of, row_key, stage_of, vector_sets, wanted_rows


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One stage, or one of several of its kind (``embed cae``).

    Attributes
    ----------
    name : str
    done, missing : int
        Rows with and without a value under the index' recipe.
    commit : str
        The newest commit of the stage; empty if there is none.
    seconds : float
        What the stage's newest finished step took.
    settings : mapping
        The settings of that step.
    """

    name: str
    done: int
    missing: int
    commit: str
    seconds: float
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The whole index."""

    url: str
    corpus: str
    recipe: str
    commit: str
    report_is_current: bool
    stages: tuple[StageStatus, ...]


def index_status(index: Index) -> IndexStatus:
    """Count what is done and missing in every stage, under the recipe that the index was last run with."""
    recipe = stored_recipe(index)
    root = index.read()
    newest: dict[tuple[str, str], Commit] = {}
    for commit in read_runs(index):
        if commit.metadata.get("kind") == "stage":
            newest.setdefault((str(commit.metadata["stage"]), str(commit.metadata["step"])), commit)
    stages = tuple(
        _status(name, done, missing, newest)
        for name, done, missing in _counts(root, recipe)
        if name.split()[0] in recipe.run.stages
    )
    return IndexStatus(index.url, stored_corpus(index), recipe.name, index.commit, is_current(index, recipe), stages)


def _status(name: str, done: int, missing: int, newest: Mapping[tuple[str, str], Commit]) -> StageStatus:
    """``name`` is a stage, or a stage and what it was done for; their steps are named alike."""
    stage, _, what = name.partition(" ")
    commits = (newest.get((stage, step)) for step in (what, f"match {what}", "representatives", ""))
    commit = next((found for found in commits if found), None)
    about: Any = commit.metadata if commit else {}
    commit_id = commit.id if commit else ""
    return StageStatus(name, done, missing, commit_id, float(about.get("seconds", 0.0)), about.get("settings", {}))


def _counts(root: zarr.Group, recipe: Recipe) -> list[tuple[str, int, int]]:
    """Stage, rows done, rows missing."""
    images = read_images(root, "picture", "present")
    unpaired = int(np.sum(images["present"] & (images["picture"] < 0)))
    counts = [
        ("walk", table_length(root, "files"), 0),
        ("pair", int(np.sum(images["present"])) - unpaired, unpaired),
    ]
    for name in sorted(recipe.labels.sets):
        counts.append((f"labels {name}", table_length(root, f"labels/{name}"), 0))
    if unpaired:
        return counts
    pictures = len(representatives(root))

    def rows(name: str, group: str, key: int | None, outdated: int = 0) -> None:
        done = 0 if key is None else len(done_rows(root, group, key)) - outdated
        counts.append((name, done, pictures - done))

    if recipe.scale.enabled:
        key = scale_key(recipe)
        rows("scale", "scale", key, outdated=len(rows_beside_another_text(root, key)))
    rows("pixels", "pixels", pixels_key(recipe))
    for settings in recipe.networks:
        made = row_key(root, recipe, settings)
        wanted = wanted_rows(root, recipe, settings, representatives(root))
        done = 0 if made is None else len(np.intersect1d(done_rows(root, group_of(settings), made), wanted))
        counts.append((f"{stage_of(settings)} {settings.name}", done, len(wanted) - done))
    return counts + _counts_of_vectors(root, recipe)


def _counts_of_vectors(root: zarr.Group, recipe: Recipe) -> list[tuple[str, int, int]]:
    """The stages on whole sets of vectors: a set is done or missing as one."""
    counts = []
    ready = vector_sets(root, recipe)
    sets = label_sets(root, recipe)

    def whole(name: str, rows: int, current: bool) -> None:
        counts.append((name, rows if current else 0, 0 if current else rows))

    for vectors in ready:
        complete = read_neighbours(root, recipe, vectors) is not None
        whole(f"neighbours {vectors.name}", len(vectors.rows), complete)
    measured = stored_keys(root, "dimension", "keys")
    for vectors in ready:
        current = measured.get(vectors.name) == dimension_key(recipe, vectors, sets)
        whole(f"dimension {vectors.name}", len(vectors.rows), current)
    for vectors in ready:
        for method in recipe.cluster.methods:
            if method.takes(vectors.name):
                current = is_clustered(root, recipe, vectors, method)
                whole(f"cluster {vectors.name}-{method.label}", len(vectors.rows), current)
    assessed = stored_keys(root, TABLE, PARTS)
    for part, key in assessment_parts(root, recipe).items():
        whole(f"assess {part}", table_length(root, group_of_clusters(part)), assessed.get(part) == key)
    grown = stored_keys(root, NODES, KEYS)
    for tree in wanted_trees(root, recipe):
        whole(f"subdivide {tree.name}", len(tree.vectors.rows), grown.get(tree.name) == tree.key)
    scored = stored_keys(root, "agreement", "parts")
    for part, key in agreement_parts(root, recipe, sets).items():
        whole(f"agree {part}", sum(len(found.of_image) for found in sets), scored.get(part) == key)
    return counts


def what_is_missing(index: Index, stage: str) -> str:
    """A sentence about what a stage could not do since earlier stages have not been run; empty if there is nothing."""
    rows = [found for found in index_status(index).stages if found.name.split()[0] == stage]
    missing = sum(found.missing for found in rows)
    if rows and not missing:
        return ""
    what = f"{missing:,} rows of {stage} are still missing" if rows else f"There is nothing for {stage} to work on yet"
    return f"{what}: the stages before it have not been run with these settings. `semcorpus run` runs them all."


def default_settings(stage: str) -> dict[str, Any]:
    """The default settings of a stage, as a commit records them."""
    field = Recipe.model_fields[stage]
    found: Any = field.get_default(call_default_factory=True)
    if isinstance(found, tuple):  # a stage that a recipe may hold several of, or none
        found = found[0] if found else next(iter(get_args(field.annotation)))()
    return json.loads(found.model_dump_json())  # type: ignore[no-any-return]
