"""k-means."""

import time
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from pipeline.clustering_methods.base import Blocks, CenterMethodSettings, ClusteringMethod, Clusterings, Points


class KMeansSettings(CenterMethodSettings):
    """Clusters around means: the best of several starts, then sweeps over all vectors, block by block."""

    method: Literal["kmeans"] = "kmeans"
    start: Literal["new", "stored"] = Field(
        "new",
        description="where it begins when the vectors have changed; `stored`: at the centres that the index holds of "
        "the same k and the same kind of vectors, which become part of the key; `new`: afresh, whatever was there",
    )

    @model_validator(mode="after")
    def _stored_centers_fit(self) -> "KMeansSettings":
        if self.start == "stored" and self.transform:
            raise ValueError('start = "stored" needs vectors that no transform changes: leave one of them out')
        return self

    @property
    def starts_from_stored(self) -> bool:
        """As the settings say."""
        return self.start == "stored"

    def relevant(self) -> dict[str, object]:
        """Settings that decide a result; beginning afresh is not among them, as it always was so."""
        found = super().relevant()
        return found if self.starts_from_stored else {name: found[name] for name in found if name != "start"}


def fit(points: Points, settings: KMeansSettings, ks: Sequence[int]) -> Clusterings:
    """Cluster vectors in memory."""
    from pipeline.kernels.clustering.lloyd import ArrayReader

    n = len(points.vectors)
    return fit_blocks(Blocks(ArrayReader(points.vectors), n, max(n, 1), map), settings, ks, points.seed(0))


def fit_blocks(blocks: Blocks, settings: KMeansSettings, ks: Sequence[int], seed: int) -> Clusterings:
    """Cluster for all k over the same readings of the vectors."""
    from pipeline.kernels.clustering.blockwise_kmeans import k_means

    began = time.perf_counter()
    found = k_means(
        blocks.read,
        blocks.n_rows,
        ks,
        seed=seed,
        centers=[blocks.starts.get(k) for k in ks],
        block_rows=blocks.block_rows,
        map_tasks=blocks.map_tasks,
        nearest=blocks.nearest,
    )
    seconds = time.perf_counter() - began
    return Clusterings(
        labels=np.stack([one.labels for one in found], axis=1),
        k=tuple(ks),
        seconds=(seconds,) * len(ks),
        inertia=tuple(one.inertia for one in found),
        arrays={f"centers_{k}": one.centers for k, one in zip(ks, found, strict=True)}
        | {f"start_centers_{k}": blocks.starts[k] for k in ks if k in blocks.starts}
        | {f"start_inertias_{k}": np.array(one.start_inertias) for k, one in zip(ks, found, strict=True)},
    )


METHOD = ClusteringMethod(KMeansSettings, fit, version=3, seconds_per_vector=0.0005, fit_blocks=fit_blocks)
