"""Recipes: which stages run, with which settings. Frozen, typed and validated."""

from pipeline.config.loading import change_recipe, load_recipe, recipe_to_toml
from pipeline.config.recipe import (
    STAGE_NAMES,
    AgreeSettings,
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
    WalkSettings,
)

__all__ = [
    "STAGE_NAMES",
    "AgreeSettings",
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
    "WalkSettings",
    "change_recipe",
    "load_recipe",
    "recipe_to_toml",
]
