"""Dividing a set of points by any method, into as many parts as its silhouette is best with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pipeline.clustering_methods.base import MethodSettings
from pipeline.clustering_methods.points import fit_points, make_points
from pipeline.errors import SemcorpusError
from pipeline.kernels.clustering.category_tree import Split
from pipeline.kernels.clustering.silhouette import silhouettes_of_all
from pipeline.kernels.clustering.stability import Resampled, draw_resamples, stability

MOST_SCORED = 10_000
"""Points that silhouettes are calculated from; of more, so many are drawn."""

Seed = Callable[..., int]
"""A 32-bit seed for whatever it is called with, the same in every run."""


@dataclass(frozen=True, slots=True)
class Dividing:
    """How points are divided.

    Attributes
    ----------
    settings : MethodSettings
        Of the method.
    counts : sequence of int
        Numbers of parts to choose from; empty where the method finds its own.
    resamples : int
        Random parts that are divided again, for the stability.
    share : float
        Of the points, in such a part.
    """

    settings: MethodSettings
    counts: Sequence[int]
    resamples: int
    share: float


def divide(vectors: NDArray[np.float32], how: Dividing, seed: Seed) -> Split | str:
    """Divide points by the number of parts with the largest mean silhouette (of equal ones the smallest).

    Parameters
    ----------
    vectors : float32 [m, D]
    how : Dividing
    seed : callable

    Returns
    -------
    Split or str
        Why there is none: the method refuses these points, or finds fewer than two parts, or no fewer than points.

    Notes
    -----
    Silhouettes are those of the points as the method sees them, transformed. Time: one fit, the silhouettes of at most
    `MOST_SCORED` points, and a fit for each resample with the number of parts that was chosen.
    """
    try:
        points = make_points(vectors, how.settings, seed)
        labels = fit_points(points, how.settings, how.counts).labels
    except SemcorpusError as error:
        return str(error)
    best, silhouette = _best_by_silhouette(points.vectors, labels, seed)
    if best is None:
        return f"{how.settings.label} finds no two parts"
    parts = _numbered(labels[:, best])
    counts = [int(parts.max()) + 1] if how.counts else []
    return Split(parts, silhouette, stability(parts, resampled(vectors, how, counts, seed)[0]).clusters)


def _best_by_silhouette(
    vectors: NDArray[np.float32], labels: NDArray[np.int32], seed: Seed
) -> tuple[int | None, float]:
    if len(labels) > MOST_SCORED:
        chosen = np.sort(np.random.default_rng(seed("silhouette")).choice(len(labels), MOST_SCORED, replace=False))
        vectors, labels = vectors[chosen], labels[chosen]
    columns = [column for column in range(labels.shape[1]) if can_be_scored(labels[:, column])]
    if not columns:
        return None, float("nan")
    scores = [one.mean for one in silhouettes_of_all(vectors, [labels[:, column] for column in columns])]
    best = int(np.argmax(scores))
    return columns[best], scores[best]


def can_be_scored(labels: NDArray[np.int32]) -> bool:
    """Whether silhouettes are defined: 2 clusters at least, and fewer than points that are in one."""
    inside = labels[labels >= 0]
    return 2 <= len(np.unique(inside)) < len(inside)


def _numbered(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Clusters numbered from 0 without gaps; negative stays -1."""
    clusters = np.unique(labels[labels >= 0])
    return np.where(labels >= 0, np.searchsorted(clusters, labels), -1).astype(np.int32)


def resampled(vectors: NDArray[np.float32], how: Dividing, counts: Sequence[int], seed: Seed) -> list[list[Resampled]]:
    """Divide random parts of the points alone: for each number of parts, the resamples in which it exists.

    One list where the method finds its own number. What the method refuses in a resample is not in the list.
    """
    wanted: Sequence[int | None] = list(counts) or [None]
    found: list[list[Resampled]] = [[] for _ in wanted]
    for number, rows in enumerate(draw_resamples(len(vectors), how.resamples, share=how.share, seed=seed("resamples"))):
        try:
            points = make_points(vectors[rows], how.settings, partial(seed, "resample", number))
            one = fit_points(points, how.settings, counts)
        except SemcorpusError:
            continue
        for place, k in enumerate(wanted):
            if k in one.k:
                found[place].append(Resampled(rows, one.labels[:, one.k.index(k)]))
    return found
