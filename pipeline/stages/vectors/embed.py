"""embed: a vector for every picture, by networks that see pictures."""

from collections.abc import Iterator

import zarr

from pipeline.config import Recipe
from pipeline.runtime.plan import Context, Done, Plan, Stage
from pipeline.stages.selection import once_paired
from pipeline.stages.vectors.making import next_plan
from pipeline.stages.vectors.refits import rows_made
from pipeline.stages.vectors.tables import EMBEDDINGS

NAME = "embed"


def plan(context: Context) -> Plan | None:
    """Train what has to be trained, then embed the pictures that have no vector of these settings."""
    only = context.options.networks
    wanted = (settings for settings in context.recipe.embed if not only or settings.name in only)
    return next((found for settings in wanted if (found := next_plan(context, settings))), None)


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    return rows_made(root, recipe, recipe.embed)


STAGE = Stage(NAME, plan, (EMBEDDINGS,), once_paired(_status))
