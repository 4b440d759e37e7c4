"""Hierarchical k-means (Vo et al. 2024, arXiv:2405.15613)."""

import time
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from pipeline.clustering_methods.base import Blocks, CenterMethodSettings, ClusteringMethod, Clusterings, Points
from pipeline.settings import Share


class HierarchicalKMeansSettings(CenterMethodSettings):
    """k-means of the vectors into the largest k, of these centres into the next smaller k, and so on; nested."""

    method: Literal["hierarchical_kmeans"] = "hierarchical_kmeans"
    resamples: Annotated[int, Field(ge=0)] = Field(
        0, description="times that each level's centres are found anew from the members nearest to them"
    )
    share: Share = Field(
        0.5, description="of the mean cluster's size: so many members of each cluster does a resample take"
    )


def fit(points: Points, settings: HierarchicalKMeansSettings, ks: Sequence[int]) -> Clusterings:
    """Cluster vectors in memory."""
    from pipeline.kernels.clustering.lloyd import ArrayReader

    n = len(points.vectors)
    return fit_blocks(Blocks(ArrayReader(points.vectors), n, max(n, 1), map), settings, ks, points.seed(0))


def fit_blocks(blocks: Blocks, settings: HierarchicalKMeansSettings, ks: Sequence[int], seed: int) -> Clusterings:
    """Cluster the vectors once and their centres again and again: each k is a level."""
    from pipeline.kernels.clustering.hierarchical_kmeans import hierarchical_k_means

    began = time.perf_counter()
    levels = hierarchical_k_means(
        blocks.read,
        blocks.n_rows,
        sorted(ks, reverse=True),
        seed=seed,
        resamples=settings.resamples,
        share=settings.share,
        block_rows=blocks.block_rows,
        map_tasks=blocks.map_tasks,
        nearest=blocks.nearest,
    )[::-1]
    seconds = time.perf_counter() - began
    return Clusterings(
        labels=np.stack([level.labels for level in levels], axis=1),
        k=tuple(ks),
        seconds=(seconds,) * len(ks),
        arrays={f"centers_{k}": level.centers for k, level in zip(ks, levels, strict=True)}
        | {f"parents_{k}": level.parents for k, level in zip(ks[1:], levels[1:], strict=True)},
    )


METHOD = ClusteringMethod(HierarchicalKMeansSettings, fit, version=2, seconds_per_vector=0.0005, fit_blocks=fit_blocks)
