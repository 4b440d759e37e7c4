"""The table of neighbours of a set of vectors: how it is stored, when it is complete, and reading it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.index.arrays import attributes_of, open_array, read_array
from pipeline.index.schema import Column, Reported, Sources, Table, made_anew
from pipeline.index.tables import read_table
from pipeline.runtime.keys import stage_key
from pipeline.stages.vectors.sets import VectorSet, vector_sets

COMPLETE = "complete"
"""Attribute of a finished table: the key of the neighbours of exactly the vectors that it was made for."""


_SHOWN_NEIGHBOURS = 5


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


def _method(recipe: Recipe, n: int) -> Mapping[str, object]:
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
    stored = attributes_of(root, neighbours_group(vectors.name)).get(COMPLETE)
    return stored is not None and stored == neighbours_key(recipe, vectors)


def read_neighbours(root: zarr.Group, recipe: Recipe, vectors: VectorSet) -> NeighbourTable | None:
    """The neighbours of these vectors; None while they are not complete."""
    if not is_complete(root, recipe, vectors):
        return None
    group = neighbours_group(vectors.name)
    images = read_array(root, f"{group}/indices", np.int64)
    positions = np.searchsorted(vectors.rows, images).astype(np.int64)
    return NeighbourTable(positions, read_array(root, f"{group}/distances", np.float32), recipe.neighbours.metric)


def _neighbours(table: Table, sources: Sources) -> Reported:
    """How the neighbours of each set of vectors were found, as their stage has noted it."""
    rows: list[Mapping[str, object]] = []
    for name in sources.recipe.vector_sets:
        about = attributes_of(sources.root, neighbours_group(name))
        if about.get(COMPLETE):
            n, k = open_array(sources.root, f"{neighbours_group(name)}/indices", np.int64).shape
            rows.append({**about, "vectors": name, "n_points": n, "k": k})
    return {column.name: [row[column.name] for row in rows] for column in table.reported}


def _shown(table: Table, sources: Sources, picture: int) -> dict[str, list[dict[str, str | float]]]:
    """The MD5s of the picture's nearest neighbours in each set of vectors, and their distances."""
    root, recipe, found = sources.root, sources.recipe, {}
    md5 = read_table(root, "images", "md5")["md5"]
    for vectors in vector_sets(root, recipe):
        table_of = read_neighbours(root, recipe, vectors)
        at = np.flatnonzero(vectors.rows == picture)
        if table_of is not None and len(at):
            near = zip(table_of.indices[at[0]], table_of.distances[at[0]], strict=True)
            found[vectors.name] = [
                {"md5": md5[vectors.rows[position]].tobytes().hex(), "distance": float(distance)}
                for position, distance in list(near)[:_SHOWN_NEIGHBOURS]
            ]
    return found


SEARCHES = Table(
    "neighbours",
    "A row is a set of vectors: how the neighbours of its points were found.",
    (
        Column("vectors", "text", "Name of the set of vectors."),
        Column("n_points", "int64", "Points searched."),
        Column("k", "int64", "Neighbours a point."),
        Column("metric", "text", "`euclidean` or `cosine`."),
        Column("method", "text", "`exact`, or the library, its version and parameters."),
        Column("recall", "float64", "Share of the true neighbours that were found; 1 where exact."),
        Column("recall_rows", "int64", "Points that the recall was measured on; 0 where exact."),
    ),
    layout="computed",
    report=_neighbours,
    show=_shown,
)

STORED = Table(
    "stored_neighbours",
    "A row is a picture with a vector: its nearest neighbours.",
    (
        Column("images", "int64", "image row of the point", fill=-1, of="image"),
        Column("indices", "int64", "image rows, nearest first", shape=None, fill=-1, of="image"),
        Column("distances", "float32", "in the metric", shape=None, fill=float("nan")),
        Column(
            "distances_sq",
            "float64",
            "squared distances (cosine: of vectors of length 1), by which later rows are merged",
            shape=None,
            fill=float("inf"),
        ),
    ),
    layout="points",
    group="neighbours/*",
    report=None,
    forget=made_anew,
)

TABLES = (SEARCHES, STORED)
