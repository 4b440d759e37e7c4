"""Hierarchical k-means: k-means of the rows, then of the centres, then of their centres, as many levels as asked.

A level takes the centres of the one below as points of equal weight, so that large clusters do not draw the next
level's centres to them: towards the top the centres spread over what there is rather than over what is frequent.
Resampling goes further: of each cluster at most so many members, the nearest to its centre, are clustered anew, which
forgets how many there are (Vo et al. 2024). Levels are nested. Rows are read in blocks, as in `blockwise_kmeans`, and
no bit depends on blocks and workers.

References
----------
H. V. Vo et al., "Automatic data curation for self-supervised learning: a clustering-based approach", 2024,
arXiv:2405.15613.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import Vectors
from pipeline.kernels.clustering.blockwise_kmeans import BLOCK_ROWS, MAX_SWEEPS, KMeansResult, k_means
from pipeline.kernels.clustering.lloyd import ArrayReader, RowReader
from pipeline.kernels.clustering.nearest_center import NearestCenters, own_distances_sq
from pipeline.kernels.mapping import MapTasks

_SAMPLE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Level:
    """One level.

    Attributes
    ----------
    labels : int32 [N]
        Of the rows. At the lowest level the nearest centre; above, the cluster of their cluster.
    centers : float32 or float64 [k, D]
    parents : int32 [k]
        Each cluster's cluster in the next level; empty at the top.
    inertia : float
        Of what the level was made of: the rows, or the centres of the level below.
    """

    labels: NDArray[np.int32]
    centers: Vectors
    parents: NDArray[np.int32]
    inertia: float


def hierarchical_k_means(
    read: RowReader,
    n_rows: int,
    ks: Sequence[int],
    *,
    seed: int,
    resamples: int = 0,
    share: float = 0.5,
    block_rows: int = BLOCK_ROWS,
    map_tasks: MapTasks = map,
    nearest: NearestCenters | None = None,
) -> list[Level]:
    """Cluster rows into the largest of some numbers of clusters, these into the next smaller one, and so on.

    Parameters
    ----------
    read : callable
        ``read(start, stop)`` gives rows, float32 or float64 [stop - start, D].
    n_rows : int
    ks : sequence of int
        Descending, all different; the first one at most the number of distinct rows.
    seed : int
        0 to 2**32 - 1.
    resamples : int
        Times that each level's centres are found anew from the members nearest to them; 0: never.
    share : float
        Of the mean cluster's size: so many members of each cluster are taken, the nearest to its centre; at least 2,
        and no more than make 1 GiB of all clusters. More than 0, at most 1.
    block_rows, map_tasks, nearest
        As for `blockwise_kmeans.k_means`; change no result.

    Returns
    -------
    list of Level
        As ``ks``.

    Raises
    ------
    UsageError
        Numbers that do not descend, or an option out of range.
    InvalidDataError
        As `blockwise_kmeans.k_means`.

    Notes
    -----
    Time: k-means of the rows; what is above costs ``k_1 k_2 D`` a sweep. With resampling the lowest level reads all
    rows three times more each time. Memory here: as k-means, ``4 k D`` bytes a level, and with resampling 20 bytes a
    row and the sample: ``share`` of the rows at most.
    """
    if not ks or any(above >= below for below, above in pairwise(ks)):
        raise UsageError(f"the numbers of clusters are {list(ks)}; expected one at least, each smaller than the last")
    if resamples < 0 or not 0 < share <= 1:
        raise UsageError(f"resamples is {resamples} and share {share}; expected 0 or more, and more than 0 to 1")
    levels: list[KMeansResult] = []
    below = _Rows(read, n_rows, block_rows, map_tasks, nearest)
    for k in ks:
        levels.append(_cluster(below, k, seed, resamples, share))
        below = _Rows(ArrayReader(levels[-1].centers), k, block_rows)
    return _nested(levels)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a level clusters, and how."""

    read: RowReader
    n_rows: int
    block_rows: int
    map_tasks: MapTasks = map
    nearest: NearestCenters | None = None

    def cluster(self, k: int, seed: int, begin: Vectors | None = None) -> KMeansResult:
        """k-means of them; with centres given these are kept."""
        return k_means(
            self.read,
            self.n_rows,
            [k],
            seed=seed,
            centers=[begin],
            max_sweeps=MAX_SWEEPS if begin is None else 0,
            block_rows=self.block_rows,
            map_tasks=self.map_tasks,
            nearest=self.nearest,
        )[0]


def _cluster(rows: _Rows, k: int, seed: int, resamples: int, share: float) -> KMeansResult:
    """One level: k-means, and again from the members nearest to the centres."""
    found = rows.cluster(k, seed)
    most = _SAMPLE_BYTES // found.centers.nbytes
    nearest = max(min(round(share * rows.n_rows / k), most), 2)
    for turn in range(resamples):
        members = _nearest_members(rows, found, nearest)
        again = k_means(ArrayReader(members), len(members), [k], seed=(seed + turn + 1) % 2**32)[0]
        found = rows.cluster(k, seed, again.centers)
    return found


def _nearest_members(source: _Rows, found: KMeansResult, nearest: int) -> Vectors:
    """Of each cluster the rows nearest to its centre (of equal ones the first): at most ``nearest * k``, by row."""
    read, n_rows, block_rows, map_tasks = source.read, source.n_rows, source.block_rows, source.map_tasks
    ranges = [(start, min(start + block_rows, n_rows)) for start in range(0, n_rows, block_rows)]
    tasks = [(start, stop, found.labels[start:stop]) for start, stop in ranges]
    distances_sq = np.concatenate(list(map_tasks(partial(_distances_sq, read, found.centers), tasks)))
    order = np.lexsort((distances_sq, found.labels))
    first = np.searchsorted(found.labels[order], np.arange(len(found.centers)))
    place = np.arange(n_rows) - first[found.labels[order]]
    chosen = np.sort(order[place < nearest])
    cuts = np.searchsorted(chosen, [start for start, _ in ranges] + [n_rows])
    picks = [(*both, chosen[a:b] - both[0]) for both, (a, b) in zip(ranges, pairwise(cuts), strict=True) if b > a]
    return np.concatenate(list(map_tasks(partial(_pick, read), picks)))


def _distances_sq(read: RowReader, centers: Vectors, task: tuple[int, int, NDArray[np.int32]]) -> NDArray[np.float64]:
    start, stop, labels = task
    return own_distances_sq(read(start, stop), centers, labels, np.arange(stop - start))


def _pick(read: RowReader, task: tuple[int, int, NDArray[np.int64]]) -> Vectors:
    start, stop, chosen = task
    return read(start, stop)[chosen]


def _nested(levels: Sequence[KMeansResult]) -> list[Level]:
    nothing = np.empty(0, np.int32)
    parents = [*(above.labels for above in levels[1:]), nothing]
    labels, found = levels[0].labels, []
    for level, up in zip(levels, parents, strict=True):
        found.append(Level(labels, level.centers, up, level.inertia))
        labels = up[labels] if len(up) else labels
    return found
