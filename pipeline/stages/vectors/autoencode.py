"""autoencode: shorter codes of embeddings, by networks that are trained once and then kept."""

from collections.abc import Iterator

import numpy as np
import zarr

from pipeline.config import Recipe
from pipeline.index.tables import read_table
from pipeline.networks.base import CodeNetworkSettings
from pipeline.reporting.code_quality import CodeQuality, code_quality
from pipeline.runtime.plan import Context, Done, Plan, Stage
from pipeline.stages.selection import once_paired
from pipeline.stages.vectors.making import next_plan
from pipeline.stages.vectors.refits import rows_made
from pipeline.stages.vectors.sets import row_key
from pipeline.stages.vectors.tables import CODES, NETWORKS, TRAINING, TRIALS, UNFINISHED

NAME = "autoencode"


def plan(context: Context) -> Plan | None:
    """Train the networks that are not there, then encode the rows that have no code of these settings."""
    for settings in context.recipe.autoencode:
        found = next_plan(context, settings)
        if found is not None:
            _say_quality(context, settings)
            return found
    return None


def _say_quality(context: Context, settings: CodeNetworkSettings) -> None:
    """Say that a network which has just been trained is worse than principal components."""
    if row_key(context.root, context.recipe, settings) is not None:
        quality = _quality(context.root, settings.name)
        if quality is not None and quality.is_worse:
            context.notes.append(quality.statement)


def _quality(root: zarr.Group, codes: str) -> CodeQuality | None:
    table = read_table(root, "training")
    rows = np.flatnonzero(table["codes"] == codes)
    columns = ("phase", "epoch", "train_loss", "test_loss", "kept")
    return code_quality(codes, *(table[name][rows].tolist() for name in columns)) if len(rows) else None


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    return rows_made(root, recipe, recipe.autoencode)


STAGE = Stage(NAME, plan, (CODES, NETWORKS, UNFINISHED, TRAINING, TRIALS), once_paired(_status))
