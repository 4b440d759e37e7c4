"""Density Peaks (Rodriguez and Laio 2014, doi 10.1126/science.1242072)."""

import time
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field, PositiveInt

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, CountedMethodSettings, Neighbours, Points
from pipeline.clustering_methods.fitting import ranks_of
from pipeline.errors import SemcorpusError


class DensityPeaksSettings(CountedMethodSettings):
    """Clusters around points of high density that are far from any denser point."""

    method: Literal["density_peaks"] = "density_peaks"
    density_neighbours: PositiveInt = Field(20, description="neighbours that the density of a point rests on")

    @property
    def neighbours_needed(self) -> int:
        """Those of the density."""
        return self.density_neighbours


def fit(points: Points, settings: DensityPeaksSettings, ks: Sequence[int]) -> Clusterings:
    """Make the decision graph once and cut it for each k."""
    from pipeline.kernels.clustering.density_peaks import cut_at_peaks, decision_graph

    began = time.perf_counter()
    table = points.table()
    graph = decision_graph(
        points.vectors,
        table.indices,
        table.distances,
        dimension=dimension_of(table),
        k_density=settings.density_neighbours,
    )
    shared = time.perf_counter() - began
    labels, seconds = [], []
    centers = np.empty(0, np.int64)
    for k in ks:
        began = time.perf_counter()
        found, centers = cut_at_peaks(graph, k)
        seconds.append(shared + time.perf_counter() - began)
        labels.append(found)
    return Clusterings(
        labels=np.stack(labels, axis=1),
        k=tuple(ks),
        seconds=tuple(seconds),
        columns={"density": graph.density, "delta": graph.delta, "peak_rank": ranks_of(centers, len(points.vectors))},
        positions={"nearest_denser": graph.nearest_denser},
    )


def dimension_of(table: Neighbours) -> float:
    """The 2-NN dimension; 1 where there is none: it only scales the logarithm of the density, and no peak moves."""
    from pipeline.kernels.dimension.two_nn import distinct_distances, two_nn

    try:
        found = two_nn(*distinct_distances(table.indices, table.distances)).dimension
    except SemcorpusError:
        return 1.0
    return found if np.isfinite(found) and found > 0 else 1.0


METHOD = ClusteringMethod(DensityPeaksSettings, fit, version=1, seconds_per_vector=0.0005)
