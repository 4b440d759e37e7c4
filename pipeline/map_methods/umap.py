"""UMAP, by umap-learn (BSD-3-Clause)."""

import warnings
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.map_methods.base import MapMethod, MapPoints, MapSettings, start_coordinates
from pipeline.settings import Name

_NOISE = 1e-4


class UMAPSettings(MapSettings):
    """UMAP: neighbours stay together; in any number of dimensions, so that it serves clustering too."""

    method: Literal["umap"] = "umap"
    name: Name = "umap"
    components: Annotated[int, Field(ge=2, le=256)] = Field(2, description="coordinates of a point")
    neighbours: Annotated[int, Field(ge=2)] = Field(15, description="of a point, itself counted")
    min_dist: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="how near points may come; 0 packs clusters tightly"
    )
    epochs: Annotated[int, Field(ge=0)] = Field(0, description="of the descent; 0: by the number of vectors")

    @property
    def dimension(self) -> int:
        """Coordinates of a point."""
        return self.components

    def neighbours_needed(self, n_points: int) -> int:
        """One fewer than ``neighbours``, as far as there are so many."""
        return min(n_points - 1, self.neighbours - 1)


def lay_out(points: MapPoints, settings: UMAPSettings) -> NDArray[np.float32]:
    """Descend from the principal components.

    The library's own start, the eigenvectors of the neighbourhood graph, has other bits in every run where the graph
    falls into parts; components keep the large parts' places as well.

    References
    ----------
    McInnes, Healy and Melville 2018, arXiv:1802.03426; Kobak and Linderman 2021, doi:10.1038/s41587-020-00809-z (on
    starts).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # Tensorflow, which is not used here, is missing
        from umap.umap_ import find_ab_params, fuzzy_simplicial_set, simplicial_set_embedding

        n = len(points.vectors)
        random = np.random.RandomState(points.seed)
        indices = np.hstack((np.arange(n)[:, None], points.indices))
        distances = np.hstack((np.zeros((n, 1), np.float32), points.distances))
        graph, _, _ = fuzzy_simplicial_set(
            points.vectors, indices.shape[1], random, "euclidean", knn_indices=indices, knn_dists=distances
        )
        a, b = find_ab_params(1.0, settings.min_dist)
        found, _ = simplicial_set_embedding(
            points.vectors,
            graph,
            n_components=settings.components,
            initial_alpha=1.0,
            a=a,
            b=b,
            gamma=1.0,
            negative_sample_rate=5,
            n_epochs=settings.epochs or None,
            init=_start(points, settings.components, random),
            random_state=random,
            metric="euclidean",
            metric_kwds={},
            densmap=False,
            densmap_kwds={},
            output_dens=False,
            parallel=False,
        )
    return np.asarray(found, np.float32)


def _start(points: MapPoints, dimension: int, random: np.random.RandomState) -> NDArray[np.float32]:
    """Components with a little noise, since the library divides by the extent of every coordinate."""
    start = start_coordinates(points, dimension)
    return (start + random.normal(scale=_NOISE, size=start.shape)).astype(np.float32)


METHOD = MapMethod(UMAPSettings, lay_out, version=1, seconds_per_vector=0.002)
