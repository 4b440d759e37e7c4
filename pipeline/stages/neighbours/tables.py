"""The table of neighbours of a set of vectors: how it is stored, when it is complete, and reading it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.runtime.keys import stage_key
from pipeline.stages.vectors.sets import VectorSet

COMPLETE = "complete"
"""Attribute of a finished table: the key of the neighbours of exactly the vectors that it was made for."""


@dataclass(frozen=True, slots=True)
class NeighbourTable:
    """Nearest neighbours of n points.

    Attributes
    ----------
    indices : ndarray of int64, [n, k]
        Positions among the n points (not image rows), nearest first, the point itself left out.
    distances : ndarray of float32, [n, k]
        In the table's metric.
    metric : str
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float32]
    metric: str = "euclidean"

    def chords(self) -> NDArray[np.float64]:
        """Euclidean distances: for the cosine metric those of the vectors scaled to length 1."""
        distances = self.distances.astype(np.float64)
        return np.sqrt(2 * distances) if self.metric == "cosine" else distances


def neighbours_group(vectors: str) -> str:
    """Group of the neighbours of a set of vectors."""
    return f"neighbours/{vectors}"


def searched_approximately(recipe: Recipe, n: int) -> bool:
    """Whether a set of so many vectors is searched approximately."""
    most = recipe.neighbours.approximate_above
    return 0 < most < n


def _method(recipe: Recipe, n: int) -> Mapping[str, Any]:
    """The settings that decide the neighbours of n vectors; where and how fast they are found is none."""
    chosen = {"k", "metric"}
    if searched_approximately(recipe, n):
        chosen |= {"approximate_above", "approximate_links", "approximate_breadth"}
    return recipe.neighbours.model_dump(include=chosen)


def neighbours_key(recipe: Recipe, vectors: VectorSet) -> int:
    """Key of the neighbours of exactly these vectors: of all that rests on them."""
    return stage_key("neighbours", _method(recipe, len(vectors.rows)), vectors.content)


def neighbours_row_key(recipe: Recipe, vectors: VectorSet) -> int:
    """Key of a row of the table: the same while vectors are only added."""
    return stage_key("neighbours", _method(recipe, len(vectors.rows)), vectors.key)


def is_complete(root: zarr.Group, recipe: Recipe, vectors: VectorSet) -> bool:
    """Whether the stored table is that of exactly these vectors."""
    group = root.get(neighbours_group(vectors.name))
    return isinstance(group, zarr.Group) and group.attrs.get(COMPLETE) == neighbours_key(recipe, vectors)


def read_neighbours(root: zarr.Group, recipe: Recipe, vectors: VectorSet) -> NeighbourTable | None:
    """The neighbours of these vectors; None while they are not complete."""
    if not is_complete(root, recipe, vectors):
        return None
    group: Any = root[neighbours_group(vectors.name)]
    images = np.asarray(group["indices"][:])
    positions = np.searchsorted(vectors.rows, images).astype(np.int64)
    return NeighbourTable(positions, np.asarray(group["distances"][:]), recipe.neighbours.metric)
