"""How far an index is: what each stage has done and what is missing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pipeline.config import Recipe
from pipeline.index.history import Commit
from pipeline.index.past_runs import read_runs
from pipeline.index.store import Index
from pipeline.operations.remembered import stored_corpus, stored_recipe
from pipeline.runtime.plan import Done
from pipeline.stages.registry import STAGES
from pipeline.stages.report.write import is_current


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
    advice : str
        What should be done though nothing is missing; mostly empty.
    """

    name: str
    done: int
    missing: int
    commit: str
    seconds: float
    settings: Mapping[str, object]
    advice: str = ""


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
        _status(stage.name, found, newest)
        for stage in STAGES
        if stage.name in recipe.run.stages
        for found in stage.status(root, recipe)
    )
    return IndexStatus(index.url, stored_corpus(index), recipe.name, index.commit, is_current(index, recipe), stages)


def _status(stage: str, found: Done, newest: Mapping[tuple[str, str], Commit]) -> StageStatus:
    commits = (newest.get((stage, step)) for step in dict.fromkeys((found.what, found.step, "")))
    commit = next((known for known in commits if known), None)
    about: Any = commit.metadata if commit else {}
    commit_id = commit.id if commit else ""
    name = f"{stage} {found.what}".rstrip()
    return StageStatus(
        name,
        found.done,
        found.missing,
        commit_id,
        float(about.get("seconds", 0.0)),
        about.get("settings", {}),
        found.advice,
    )


def what_is_missing(index: Index, stage: str) -> str:
    """A sentence about what a stage could not do since earlier stages have not been run; empty if there is nothing."""
    rows = [found for found in index_status(index).stages if found.name.split()[0] == stage]
    missing = sum(found.missing for found in rows)
    if rows and not missing:
        return ""
    what = f"{missing:,} rows of {stage} are still missing" if rows else f"There is nothing for {stage} to work on yet"
    return f"{what}: the stages before it have not been run with these settings. `semcorpus run` runs them all."


def default_settings(stage: str) -> dict[str, object]:
    """The default settings of a stage, as a commit records them."""
    field = Recipe.model_fields[stage]
    found: Any = field.get_default(call_default_factory=True)
    if isinstance(found, tuple):  # a stage that a recipe may hold several of, or none
        found = found[0] if found else next(iter(get_args(field.annotation)))()
    return json.loads(found.model_dump_json())  # type: ignore[no-any-return]
