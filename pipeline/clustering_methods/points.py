"""From vectors to what a method is given, and to its clusterings: transforms, neighbours, numbers that exist."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.clustering_methods.base import Clusterings, MethodSettings, Neighbours, Points
from pipeline.clustering_methods.registry import method_of


def make_points(
    vectors: NDArray[np.float32],
    settings: MethodSettings,
    seed: Callable[[int], int],
    neighbours: Neighbours | None = None,
) -> Points:
    """Transform the vectors as the settings say, and find the neighbours that the method needs, exactly.

    Parameters
    ----------
    vectors : float32 [n, D]
    settings : MethodSettings
    seed : callable
        See `Points.seed`.
    neighbours : Neighbours, optional
        Of these vectors; taken where the settings transform nothing.
    """
    if settings.transform:
        from pipeline.kernels.transforms import parse_transform, transformed

        vectors = transformed(vectors, [parse_transform(text) for text in settings.transform])
        neighbours = None
    if settings.neighbours_needed and neighbours is None:
        from pipeline.kernels.neighbours import nearest_neighbours

        neighbours = Neighbours(*nearest_neighbours(vectors, min(settings.neighbours_needed, len(vectors) - 1)))
    return Points(vectors, neighbours, seed)


def fit_points(points: Points, settings: MethodSettings, counts: Sequence[int]) -> Clusterings:
    """Cluster by the method of these settings; no number of clusters is larger than that of the distinct points."""
    return method_of(settings).fit(points, settings, counts_that_exist(points.vectors, counts))


def counts_that_exist(vectors: NDArray[np.float32], counts: Sequence[int]) -> list[int]:
    """The numbers of clusters, none larger than the number of distinct rows."""
    if not counts:
        return []
    from pipeline.kernels.clustering.points import group_equal_rows

    distinct = len(group_equal_rows(vectors)[1])
    return sorted({min(k, distinct) for k in counts})
