"""Reading the neighbours that the stage of that name has stored."""

from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.stages.keys import stage_key
from pipeline.stages.vectors import VectorSet
from pipeline.storage.rows import read_keys


@dataclass(frozen=True, slots=True)
class NeighbourTable:
    """Nearest neighbours of n points.

    Attributes
    ----------
    indices : ndarray of int64, [n, k]
        Positions among the n points (not image rows), nearest first, the point itself left out.
    distances : ndarray of float32, [n, k]
        Euclidean.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float32]


def neighbours_group(vectors: str) -> str:
    """Group of the neighbours of a set of vectors."""
    return f"neighbours/{vectors}"


def neighbours_key(recipe: Recipe, vectors: VectorSet) -> int:
    """Key of the neighbours of exactly these vectors."""
    return stage_key("neighbours", recipe.neighbours.model_dump(), vectors.content)


def read_neighbours(root: zarr.Group, recipe: Recipe, vectors: VectorSet) -> NeighbourTable | None:
    """The neighbours of these vectors; None while they are not complete."""
    group = root.get(neighbours_group(vectors.name))
    n = len(vectors.rows)
    if not isinstance(group, zarr.Group) or group["key"].shape != (n,):  # type: ignore[union-attr]
        return None
    if np.any(read_keys(root, neighbours_group(vectors.name), n) != np.uint64(neighbours_key(recipe, vectors))):
        return None
    images = np.asarray(group["indices"][:])  # type: ignore[index]
    positions = np.searchsorted(vectors.rows, images).astype(np.int64)
    return NeighbourTable(positions, np.asarray(group["distances"][:]))  # type: ignore[index]
