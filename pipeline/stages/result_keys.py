"""Keys of results on whole sets of vectors: for the stages that make them, and to ask whether they are current."""

from collections.abc import Sequence

import zarr

from pipeline.config import Recipe
from pipeline.index.arrays import attributes_of, numbers_by_name
from pipeline.runtime.keys import stage_key
from pipeline.stages.clustering.stored import stored_clusterings
from pipeline.stages.labels.sets import LabelSet
from pipeline.stages.neighbours.tables import neighbours_key
from pipeline.stages.vectors.sets import VectorSet

REFERENCES = "reference curves of "


def dimension_key(recipe: Recipe, vectors: VectorSet, sets: Sequence[LabelSet]) -> int:
    """Key of what is measured on a set of vectors."""
    labels = [found.key for found in sets]
    return stage_key("dimension", recipe.dimension.model_dump(), neighbours_key(recipe, vectors), *labels)


def agreement_parts(root: zarr.Group, recipe: Recipe, sets: Sequence[LabelSet]) -> dict[str, int]:
    """Every part of the agreement that the recipe asks for and the index can give, with its key.

    A part is the clusterings of one set of vectors by one method, or the reference curves of one label set.
    """
    sets = [found for found in sets if found.of_image]
    if not sets:
        return {}
    settings, keys = recipe.agree.model_dump(), [found.key for found in sets]
    parts = {}
    for stored in stored_clusterings(root, recipe):
        parts[stored.part] = stage_key("agree", settings, stored.vectors, stored.label, stored.key, *keys)
    if recipe.agree.reference_curves and parts:
        for found in sets:
            parts[REFERENCES + found.name] = stage_key("agree", settings, *recipe.cluster.k, found.key)
    return parts


def stored_keys(root: zarr.Group, table: str, attribute: str) -> dict[str, int]:
    """The keys that a table's attribute holds, by name; empty where there is no such table."""
    return numbers_by_name(attributes_of(root, table), attribute)
