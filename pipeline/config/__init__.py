"""Recipes: which stages run, with which settings. Frozen, typed and validated."""

from pipeline.config.loading import change_recipe, load_recipe, recipe_to_toml
from pipeline.config.recipe import (
    AgreeSettings,
    AutoencodeSettings,
    ClusterSettings,
    CorpusSettings,
    DimensionSettings,
    EmbedSettings,
    IndexSettings,
    LabelsSettings,
    NeighboursSettings,
    PairSettings,
    PixelsSettings,
    Recipe,
    ReportSettings,
    RunSettings,
    ScaleSettings,
    WalkSettings,
)

__all__ = [
    "AgreeSettings",
    "AutoencodeSettings",
    "ClusterSettings",
    "CorpusSettings",
    "DimensionSettings",
    "EmbedSettings",
    "IndexSettings",
    "LabelsSettings",
    "NeighboursSettings",
    "PairSettings",
    "PixelsSettings",
    "Recipe",
    "ReportSettings",
    "RunSettings",
    "ScaleSettings",
    "WalkSettings",
    "change_recipe",
    "load_recipe",
    "recipe_to_toml",
]
