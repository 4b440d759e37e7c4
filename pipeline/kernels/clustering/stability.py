"""How much of a clustering comes again when a part of the rows is clustered alone.

References
----------
C. Hennig, "Cluster-wise assessment of cluster stability", Computational Statistics & Data Analysis 52, 258 (2007),
doi 10.1016/j.csda.2006.11.025.
T. Lange et al., "Stability-based validation of clustering solutions", Neural Computation 16, 1299 (2004),
doi 10.1162/089976604773717621.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.kernels.agreement.scores import adjusted_rand_index, contingency


@dataclass(frozen=True, slots=True)
class Resampled:
    """A part of the rows, and how it was clustered alone.

    Attributes
    ----------
    rows : int64 [m]
        Ascending.
    labels : int32 [m]
        Negative is noise.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Stability:
    """What comes again.

    Attributes
    ----------
    partition : float
        Mean adjusted Rand index of the clustering with those of the parts, on the rows of each part; NaN without any.
    clusters : float64 [k]
        Of each cluster the mean, over the parts that have a row of it, of the largest Jaccard index with a cluster of
        the part; NaN where no part has any. Above 0.75 a cluster is usually called stable, below 0.5 dissolved.
    """

    partition: float
    clusters: NDArray[np.float64]


def draw_resamples(n_rows: int, count: int, *, share: float, seed: int) -> list[NDArray[np.int64]]:
    """Draw parts of the rows without replacement: ``count`` times int64 [round(share * n_rows)], each ascending."""
    if not 0 < share < 1:
        raise UsageError(f"the share of the rows that is drawn is {share}; expected more than 0 and less than 1")
    size = round(share * n_rows)
    generators = [np.random.default_rng([seed, n_rows, number]) for number in range(count)]
    return [np.sort(generator.choice(n_rows, size=size, replace=False)) for generator in generators]


def stability(labels: NDArray[np.int32], resampled: Sequence[Resampled]) -> Stability:
    """Compare a clustering with those of parts of its rows; points in no cluster count as one cluster more.

    Parameters
    ----------
    labels : int32 [N]
        Clusters 0 to k - 1; negative is noise.
    resampled : sequence of Resampled

    Examples
    --------
    >>> labels = np.array([0, 0, 1, 1], np.int32)
    >>> stability(labels, [Resampled(np.array([0, 2, 3]), np.array([5, 7, 7], np.int32))])
    Stability(partition=1.0, clusters=array([1., 1.]))
    """
    k = int(labels.max(initial=-1)) + 1
    agreement, jaccards = [], np.full((len(resampled), k), np.nan)
    for number, part in enumerate(resampled):
        own = labels[part.rows]
        agreement.append(adjusted_rand_index(own, part.labels, noise="cluster"))
        found, values = _best_jaccards(own, part.labels)
        jaccards[number, found] = values
    known = np.isfinite(jaccards).sum(axis=0)
    means = np.divide(np.nansum(jaccards, axis=0), known, out=np.full(k, np.nan), where=known > 0)
    return Stability(float(np.mean(agreement)) if agreement else float("nan"), means)


def _best_jaccards(
    labels: NDArray[np.int32], others: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The clusters of ``labels`` that have rows, and the largest Jaccard index of each with a cluster of ``others``."""
    table = contingency(labels, others, noise="cluster")
    union = table.row_totals[table.rows] + table.column_totals[table.columns] - table.counts
    index = table.counts / union
    index[table.column_labels.astype(np.int64)[table.columns] < 0] = 0
    best = np.zeros(len(table.row_labels))
    np.maximum.at(best, table.rows, index)
    clusters = table.row_labels.astype(np.int64)
    real = clusters >= 0
    return clusters[real], best[real]
