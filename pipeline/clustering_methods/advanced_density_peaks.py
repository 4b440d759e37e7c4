"""Advanced Density Peaks (d'Errico et al. 2021, doi 10.1016/j.ins.2021.01.010)."""

import time
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from pipeline.clustering_methods.base import ClusteringMethod, Clusterings, MethodSettings, Points
from pipeline.clustering_methods.density_peaks import dimension_of
from pipeline.clustering_methods.fitting import ranks_of


class AdvancedDensityPeaksSettings(MethodSettings):
    """Peaks of density that stand some errors above the saddles between them; finds their number."""

    method: Literal["advanced_density_peaks"] = "advanced_density_peaks"
    z: Annotated[float, Field(ge=0)] = Field(1.6, description="errors that a peak must stand above its saddles")
    density_neighbours: Annotated[int, Field(ge=4)] = Field(100, description="the most that a density rests on")
    halo: bool = Field(False, description="points below the highest saddle of their cluster are in none")

    @property
    def neighbours_needed(self) -> int:
        """Those of the density."""
        return self.density_neighbours


def fit(points: Points, settings: AdvancedDensityPeaksSettings, ks: Sequence[int]) -> Clusterings:
    """Fit once."""
    from pipeline.kernels.clustering.advanced_density_peaks import advanced_density_peaks

    began = time.perf_counter()
    table = points.table()
    columns = slice(None, settings.density_neighbours)
    found = advanced_density_peaks(
        table.indices[:, columns], table.distances[:, columns], dimension=dimension_of(table), z=settings.z
    )
    labels = np.where(found.halo, -1, found.labels) if settings.halo else found.labels
    return Clusterings(
        labels=labels.astype(np.int32)[:, None],
        k=(None,),
        seconds=(time.perf_counter() - began,),
        columns={
            "density": found.density.log_density,
            "density_error": found.density.error,
            "peak_rank": ranks_of(found.centers, len(labels)),
        },
        arrays={"saddles": found.saddles},
    )


METHOD = ClusteringMethod(AdvancedDensityPeaksSettings, fit, version=1, seconds_per_vector=0.0005)
