"""The stored clusterings: where they are, whether they are current, and reading them.

A group ``clusters/VECTORS-LABEL`` holds what one line of ``cluster.methods`` made of one set of vectors: a column of
``labels`` for each number of clusters, or one column where the method finds its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.clustering_methods.base import MethodSettings
from pipeline.clustering_methods.registry import method_of
from pipeline.config import Recipe
from pipeline.index.arrays import attributes_of, read_floats, texts_by_name, whole_number
from pipeline.index.tables import read_table
from pipeline.kernels.arrays import Vectors
from pipeline.runtime.keys import content_key, stage_key
from pipeline.stages.vectors.sets import VectorSet

REFUSED = "refused"
"""Attribute: why a method could not cluster these vectors at all."""

LEFT_OUT = "left_out"
"""Attribute: the numbers of clusters that a method could not find, with the reasons."""

START, AFRESH = "start", 0
"""Attribute: the key of the centres that a clustering began from; the value where it began from none."""

MADE_BY = "vectors_key"
"""Attribute: what made the vectors, of a clustering whose centres another may begin from."""

NO_COUNT = -1
"""Stands for k in a column of integers where the method finds its own number of clusters."""


@dataclass(frozen=True, slots=True)
class Clustering:
    """One clustering of one set of vectors.

    Attributes
    ----------
    part : str
        ``VECTORS-LABEL``, shared by the clusterings of all k.
    k : int or None
        The number of clusters that was asked for; None where the method finds its own.
    column : int
        Its column in the group's ``labels``.
    """

    part: str
    vectors: str
    label: str
    k: int | None
    column: int

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.part if self.k is None else f"{self.part}-k{self.k}"


@dataclass(frozen=True, slots=True)
class StoredClusterings:
    """What one method made of one set of vectors.

    Attributes
    ----------
    vectors, label : str
        The set of vectors, and what the recipe calls the method.
    settings : mapping
        Those that decided the result.
    key : int
    k : tuple of int or None
    seconds : tuple of float
    inertia : tuple of float or None
    """

    vectors: str
    label: str
    settings: Mapping[str, Any]
    key: int
    k: tuple[int | None, ...]
    seconds: tuple[float, ...]
    inertia: tuple[float, ...] | None

    @property
    def part(self) -> str:
        """``VECTORS-LABEL``."""
        return f"{self.vectors}-{self.label}"

    @property
    def clusterings(self) -> tuple[Clustering, ...]:
        """One for each column of the labels."""
        return tuple(Clustering(self.part, self.vectors, self.label, k, column) for column, k in enumerate(self.k))

    def read(self, root: zarr.Group, *columns: str) -> dict[str, NDArray[np.generic]]:
        """Columns of the table, all of them when none is named: ``images`` int64 [n], ``labels`` int32 [n, C], ..."""
        return read_table(root, group_of(self.part), *columns)


def group_of(part: str) -> str:
    """Group of the clusterings of a set of vectors by a method."""
    return f"clusters/{part}"


def cluster_key(recipe: Recipe, vectors: VectorSet, settings: MethodSettings, start: int = AFRESH) -> int:
    """Key of the clusterings of a set of vectors by a method; ``start`` is that of the centres it began from."""
    about = settings.relevant() | {"k": settings.counts(recipe.cluster.k), "seed": recipe.cluster.seed}
    begun = () if start == AFRESH else (start,)
    return stage_key("cluster", about, settings.method, method_of(settings).version, vectors.content, *begun)


@dataclass(frozen=True, slots=True)
class StoredStart:
    """Centres that a clustering may begin from.

    Attributes
    ----------
    key : int
        Of their contents; `AFRESH` without any.
    centers : mapping of int to array
        By k: [k, D].
    """

    key: int
    centers: Mapping[int, Vectors]


def stored_start(root: zarr.Group, recipe: Recipe, vectors: VectorSet, settings: MethodSettings) -> StoredStart:
    """The centres of this line that the index holds, of vectors made in the same way; none where it begins afresh."""
    part = f"{vectors.name}-{settings.label}"
    if not settings.starts_from_stored or attributes_of(root, group_of(part)).get(MADE_BY) != vectors.key:
        return StoredStart(AFRESH, {})
    models = f"cluster_models/{part}"
    names = {k: f"centers_{k}" for k in settings.counts(recipe.cluster.k)}
    found = {k: read_floats(root, f"{models}/{name}") for k, name in names.items() if f"{models}/{name}" in root}
    return StoredStart(content_key(*found.values()) if found else AFRESH, found)


def is_current(root: zarr.Group, recipe: Recipe, vectors: VectorSet, settings: MethodSettings) -> bool:
    """Whether the stored clusterings are those of exactly these vectors and settings."""
    about = attributes_of(root, group_of(f"{vectors.name}-{settings.label}"))
    if not about:
        return False
    return about.get("key") == cluster_key(recipe, vectors, settings, whole_number(about, START, AFRESH))


def refusals(root: zarr.Group, vectors: VectorSet, settings: MethodSettings) -> Iterator[str]:
    """Sentences on what the method of these settings could not do with these vectors."""
    attributes = attributes_of(root, group_of(f"{vectors.name}-{settings.label}"))
    if REFUSED in attributes:
        yield f"{settings.label} could not cluster {vectors.name}: {attributes[REFUSED]}"
    for k, reason in texts_by_name(attributes, LEFT_OUT).items():
        yield f"{settings.label} could not find {k} clusters in {vectors.name}: {reason}"


def stored_clusterings(root: zarr.Group, recipe: Recipe) -> Iterator[StoredClusterings]:
    """All clusterings that the recipe asks for and the index holds, by set of vectors, then by method."""
    for vectors in (*recipe.vector_sets, *(settings.name for settings in recipe.map)):
        for settings in recipe.cluster.methods:
            group = root.get(group_of(f"{vectors}-{settings.label}"))
            if vectors in recipe.clustered_vectors(settings) and isinstance(group, zarr.Group) and group.attrs["k"]:
                yield _stored(vectors, settings, dict(group.attrs))


def find_clustering(root: zarr.Group, recipe: Recipe, name: str) -> tuple[StoredClusterings, Clustering] | None:
    """The clustering of this name; None where there is none."""
    for stored in stored_clusterings(root, recipe):
        for clustering in stored.clusterings:
            if clustering.name == name:
                return stored, clustering
    return None


def cluster_labels(stored: StoredClusterings, root: zarr.Group, clustering: Clustering) -> dict[int, int]:
    """Image row to cluster, for one of the clusterings."""
    table = stored.read(root, "images", "labels")
    return dict(zip(table["images"].tolist(), table["labels"][:, clustering.column].tolist(), strict=True))


def _stored(vectors: str, settings: MethodSettings, attributes: Mapping[str, Any]) -> StoredClusterings:
    inertia = attributes.get("inertia")
    return StoredClusterings(
        vectors=vectors,
        label=settings.label,
        # Indexes of format 1 keep no settings beside the labels.
        settings=attributes.get("settings", settings.relevant()),
        key=int(attributes["key"]),
        k=tuple(None if k is None else int(k) for k in attributes["k"]),
        seconds=tuple(map(float, attributes["seconds"])),
        inertia=None if inertia is None else tuple(np.asarray(inertia, np.float64).tolist()),
    )
