"""What the stage `assess` is to do: the clusterings of a set of vectors by a method are a part, with a key."""

import zarr

from pipeline.config import Recipe
from pipeline.index.tables import table_length
from pipeline.runtime.keys import stage_key
from pipeline.stages.clustering.stored import group_of, stored_clusterings

TABLE, PARTS = "quality", "parts"
"""The table, and its attribute that holds the keys of its parts."""


def assessment_parts(root: zarr.Group, recipe: Recipe) -> dict[str, int]:
    """Every part that the recipe asks for and the index has, with its key; none of more than ``max_points``."""
    parts = {}
    for stored in stored_clusterings(root, recipe):
        n = table_length(root, group_of(stored.part))
        if n <= recipe.assess.max_points:
            about = recipe.assess.model_dump(mode="json", include={"share", "seed"})
            about["resamples"] = resamples_of(recipe, n)
            parts[stored.part] = stage_key("assess", about, stored.vectors, stored.label, stored.key)
    return parts


def resamples_of(recipe: Recipe, n_points: int) -> int:
    """Random shares of so many points that are clustered again."""
    settings = recipe.assess
    asked = settings.stability == "always" or (settings.stability == "unlabelled" and not recipe.labels.sets)
    return settings.resamples if asked and n_points <= settings.stability_max_points else 0
