"""t-SNE, by openTSNE (BSD-3-Clause)."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.map_methods.base import MapMethod, MapPoints, MapSettings, start_coordinates
from pipeline.settings import Name

_EARLY_STEPS, _EARLY_EXAGGERATION = 250, 12
_AFFINITY_REACH = 3
_SMALL = 1e-4


class TSNESettings(MapSettings):
    """t-SNE: neighbours stay together, far distances mean little; in two dimensions."""

    method: Literal["tsne"] = "tsne"
    name: Name = "tsne"
    perplexity: Annotated[float, Field(gt=1)] = Field(
        30.0, description="effective number of neighbours; of few vectors a third of their number is taken"
    )
    learning_rate: Annotated[float, Field(ge=0)] = Field(0.0, description="of the descent; 0: by the number of vectors")
    iterations: Annotated[int, Field(ge=1)] = Field(500, description="steps after 250 steps of early exaggeration")

    def neighbours_needed(self, n_points: int) -> int:
        """Three times the perplexity, as far as there are so many."""
        return min(n_points - 1, int(_AFFINITY_REACH * self.perplexity))


def lay_out(points: MapPoints, settings: TSNESettings) -> NDArray[np.float32]:
    """Descend from the first two principal components.

    References
    ----------
    van der Maaten and Hinton 2008, JMLR 9; Policar, Strazar and Zupan 2024, doi:10.18637/jss.v109.i03 (openTSNE).
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    n = len(points.vectors)
    perplexity = min(settings.perplexity, (n - 1) / _AFFINITY_REACH)
    known = PrecomputedNeighbors(points.indices, points.distances)
    affinities = PerplexityBasedNN(knn_index=known, perplexity=perplexity, n_jobs=1)
    rate = settings.learning_rate or "auto"
    embedding = TSNEEmbedding(
        _SMALL * start_coordinates(points, 2), affinities, n_jobs=1, random_state=points.seed, learning_rate=rate
    )
    embedding = embedding.optimize(_EARLY_STEPS, exaggeration=_EARLY_EXAGGERATION, momentum=0.5)
    embedding = embedding.optimize(settings.iterations, momentum=0.8)
    return np.array(embedding, np.float32)


METHOD = MapMethod(TSNESettings, lay_out, version=1, seconds_per_vector=0.004)
