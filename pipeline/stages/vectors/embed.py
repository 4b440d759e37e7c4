"""embed: a vector for every picture, by networks that see pictures."""

from pipeline.runtime.plan import Context, Plan, Stage
from pipeline.stages.vectors.making import next_plan

NAME = "embed"


def plan(context: Context) -> Plan | None:
    """Train what has to be trained, then embed the pictures that have no vector of these settings."""
    return next((found for settings in context.recipe.embed if (found := next_plan(context, settings))), None)


STAGE = Stage(NAME, plan)
