"""The stored maps: where they are, their keys, and reading them as sets of vectors.

A group ``maps/NAME`` has a row an image: ``vectors`` (the coordinates) and ``fitted`` (whether the picture was laid out
or placed afterwards). Its attribute ``fits`` holds, by the key of a layout's settings, the fingerprint of what was laid
out; rows of an older layout are overwritten.
"""

from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.index.arrays import attributes_of, open_array, read_array, set_attributes, whole_number
from pipeline.index.rows import read_keys, read_rows, require_rows
from pipeline.index.schema import Column, Table
from pipeline.map_methods.base import MapSettings
from pipeline.map_methods.registry import method_of
from pipeline.runtime.keys import content_key, stage_key
from pipeline.stages.files.ledger import read_images
from pipeline.stages.selection import done_rows, image_count, shard_rows
from pipeline.stages.vectors.sets import VectorSet, named, vector_sets

STORED = Table(
    "map_coordinates",
    "A row is a picture's place in a map.",
    (
        Column("vectors", "float32", "Coordinates in the map.", shape=None, fill=float("nan"), finite=True),
        Column("fitted", "bool", "Laid out; else placed among those that are."),
    ),
    layout="images",
    group="maps/*",
    report=None,
)

_FIT = "fit"
_FITTED_UNDER = "fit_key"


@dataclass(frozen=True, slots=True)
class Layout:
    """The map that is stored under one recipe.

    Attributes
    ----------
    settings : MapSettings
    key : int
        Key of a row, of pictures that were laid out and of placed ones.
    fitted : int64 [n]
        Image rows that were laid out.
    """

    settings: MapSettings
    key: int
    fitted: NDArray[np.int64]


def group_of(name: str) -> str:
    """Group of a map."""
    return f"maps/{name}"


def source_of(root: zarr.Group, recipe: Recipe, settings: MapSettings) -> VectorSet | None:
    """The vectors that a map lays out, as far as they are done."""
    wanted = recipe.mapped_vectors(settings)
    return next((found for found in vector_sets(root, recipe) if found.name == wanted), None)


def layout_key(settings: MapSettings, source: VectorSet) -> int:
    """Key of a layout: settings and what the vectors are, not the images that happen to be there."""
    return stage_key("map", settings.relevant(), method_of(settings).version, source.key)


def read_layout(root: zarr.Group, settings: MapSettings, source: VectorSet) -> Layout | None:
    """The stored layout of these settings; None where there is none."""
    group = group_of(settings.name)
    about = attributes_of(root, group)
    if _FIT not in about or about.get(_FITTED_UNDER) != layout_key(settings, source):
        return None
    key = stage_key("map", {}, whole_number(about, _FIT))
    rows = read_array(root, f"{group}/fitted", np.bool_)
    return Layout(settings, key, np.flatnonzero(rows & (read_keys(root, group, len(rows)) == np.uint64(key))))


def remember_layout(
    root: zarr.Group, settings: MapSettings, source: VectorSet, images: NDArray[np.int64], found: NDArray[np.float32]
) -> int:
    """Make the arrays of a new layout and note what was laid out; returns the key of its rows."""
    require_map(root, settings)
    fingerprint = content_key(read_images(root).md5[images], found)
    set_attributes(root, group_of(settings.name), {_FITTED_UNDER: layout_key(settings, source), _FIT: fingerprint})
    return stage_key("map", {}, fingerprint)


def require_map(root: zarr.Group, settings: MapSettings) -> None:
    """Create or grow the arrays of a map."""
    arrays = STORED.row_arrays(vectors=(settings.dimension,))
    require_rows(root, group_of(settings.name), arrays, image_count(root), shard_rows(root))


@dataclass(frozen=True, slots=True)
class StoredMap:
    """A map as it is stored: image rows int64 [n], coordinates float32 [n, d], and whether each was laid out."""

    images: NDArray[np.int64]
    coordinates: NDArray[np.float32]
    fitted: NDArray[np.bool_]


def read_map(root: zarr.Group, recipe: Recipe, settings: MapSettings) -> StoredMap | None:
    """One of the recipe's maps; None where it has no rows."""
    found = next((one for one in map_sets(root, recipe) if one.name == settings.name), None)
    if found is None:
        return None
    fitted = open_array(root, f"{found.group}/fitted", np.bool_)
    return StoredMap(found.rows, found.read(root), read_rows(fitted, found.rows))


def clustered_sets(root: zarr.Group, recipe: Recipe) -> list[VectorSet]:
    """All that a clustering method may be given: the sets of vectors, and the maps."""
    return [*vector_sets(root, recipe), *map_sets(root, recipe)]


def find_clustered(root: zarr.Group, recipe: Recipe, name: str) -> VectorSet:
    """The set of vectors, or the map, of that name.

    Raises
    ------
    StageError
        The index has none that are up to date.
    """
    return named(clustered_sets(root, recipe), name)


def map_sets(root: zarr.Group, recipe: Recipe) -> list[VectorSet]:
    """The recipe's maps that have any rows done, as sets of vectors."""
    found = []
    for settings in recipe.map:
        source = source_of(root, recipe, settings)
        layout = None if source is None else read_layout(root, settings, source)
        if source is None or layout is None:
            continue
        rows = np.intersect1d(done_rows(root, group_of(settings.name), layout.key), source.rows)
        content = content_key(read_images(root).md5[rows], np.array([layout.key]))
        found.append(VectorSet(settings.name, group_of(settings.name), layout.key, rows, content))
    return found
