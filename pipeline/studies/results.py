"""What a study reads of its finished index: vectors, labels, clusterings and scores, in plain arrays."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.errors import StageError
from pipeline.index.tables import column_of, read_table
from pipeline.stages.clustering.stored import cluster_labels, find_clustering, stored_clusterings
from pipeline.stages.files.ledger import read_files
from pipeline.stages.labels.sets import label_sets
from pipeline.stages.maps.stored import find_clustered


@dataclass(frozen=True)
class Results:
    """A finished index under its recipe, read-only.

    Attributes
    ----------
    root : zarr.Group
    recipe : Recipe
    """

    root: zarr.Group
    recipe: Recipe

    def vectors(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Image rows, int64 [n], and the vectors, float32 [n, D], of a set of vectors or a map.

        Raises
        ------
        StageError
            The index has none of that name.
        """
        try:
            found = find_clustered(self.root, self.recipe, name)
        except StageError:
            raise StageError(
                f"The study compares the vectors {name!r}, and the index has none: a stage that makes them was left "
                "out of run.stages, or no picture was there for it. Run the study with all stages of its recipe."
            ) from None
        return found.rows, found.read(self.root)

    def labels(self, name: str) -> dict[int, str]:
        """Image row to label, of a label set."""
        return next((dict(found.of_image) for found in label_sets(self.root, self.recipe) if found.name == name), {})

    def labelled(self, vectors: str, labels: str) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.str_]]:
        """Rows, vectors and labels of those that have both."""
        rows, values = self.vectors(vectors)
        of_image = self.labels(labels)
        has = np.array([row in of_image for row in rows.tolist()], bool)
        return rows[has], values[has], np.array([of_image[row] for row in rows[has].tolist()], np.str_)

    def clusters(self, name: str) -> dict[int, int]:
        """Image row to cluster, of the clustering of that name; empty where there is none."""
        found = find_clustering(self.root, self.recipe, name)
        return cluster_labels(found[0], self.root, found[1]) if found else {}

    def centers(self, name: str) -> NDArray[np.int64]:
        """Image rows of the centres of a clustering that has pictures for centres; none of others."""
        found = find_clustering(self.root, self.recipe, name)
        table = found[0].read(self.root) if found else {}
        if found is None or "peak_rank" not in table:
            return np.empty(0, np.int64)
        rank, k = column_of(table, "peak_rank", np.int64), found[1].k
        return column_of(table, "images", np.int64)[(rank >= 0) & (rank < (len(rank) if k is None else k))]

    @cached_property
    def scores(self) -> list[dict[str, Any]]:
        """The table ``agreement``, a dict a row."""
        return self.table("agreement")

    def inertia(self, part: str) -> dict[int, float]:
        """Sum of squared distances to the centres by k, of a method on a set of vectors, say ``spectra-kmeans``."""
        for stored in stored_clusterings(self.root, self.recipe):
            if stored.part == part and stored.inertia is not None:
                return {k: value for k, value in zip(stored.k, stored.inertia, strict=True) if k is not None}
        return {}

    @cached_property
    def seconds(self) -> dict[str, float]:
        """How long each clustering took, by name."""
        return {
            clustering.name: seconds
            for stored in stored_clusterings(self.root, self.recipe)
            for clustering, seconds in zip(stored.clusterings, stored.seconds, strict=True)
        }

    @cached_property
    def paths(self) -> dict[int, str]:
        """Image row to a path of it."""
        files = read_files(self.root)
        chosen = files.status.astype(str) != "gone"
        return dict(zip(files.image[chosen].tolist(), files.path[chosen].astype(str).tolist(), strict=True))

    def table(self, name: str) -> list[dict[str, Any]]:
        """A stored table, a dict a row."""
        columns = {key: values.tolist() for key, values in (read_table(self.root, name) or {}).items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def score(self, clustering: str, column: str = "nmi", *, labels: str = "") -> float | None:
        """A score of a clustering against a label set, or the only one."""
        rows = [r for r in self.scores if r["clustering"] == clustering and (not labels or r["set"] == labels)]
        return float(rows[0][column]) if rows else None
