"""Recipes: which stages run, with which settings. Frozen, typed and validated."""

from pipeline.config.loading import change_recipe, load_recipe, recipe_to_toml
from pipeline.config.recipe import (
    AgreeSettings,
    AssessSettings,
    ClusterSettings,
    CorpusSettings,
    DimensionSettings,
    IndexSettings,
    LabelsSettings,
    NeighboursSettings,
    PairSettings,
    PixelsSettings,
    Recipe,
    ReportSettings,
    RunSettings,
    ScaleSettings,
    StageName,
    SubdivideSettings,
    WalkSettings,
)
from pipeline.stage_list import STAGE_NAMES

__all__ = [
    "STAGE_NAMES",
    "AgreeSettings",
    "AssessSettings",
    "ClusterSettings",
    "CorpusSettings",
    "DimensionSettings",
    "IndexSettings",
    "LabelsSettings",
    "NeighboursSettings",
    "PairSettings",
    "PixelsSettings",
    "Recipe",
    "ReportSettings",
    "RunSettings",
    "ScaleSettings",
    "StageName",
    "SubdivideSettings",
    "WalkSettings",
    "change_recipe",
    "load_recipe",
    "recipe_to_toml",
]
