"""k-means of any number of rows: starts on a sample, then full sweeps over blocks, wherever the blocks are read.

One reading surveys the rows (finite? how wide a range?) and takes the sample; the best of several starts on it
(`seeding`) begins Lloyd's algorithm over all rows (`lloyd`). The driver holds the sample, the sums and 20 bytes a row;
a task holds a block. With the same seed the result is the same bits on one process and on many, for any block size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import InvalidDataError, Vectors, require_count, require_finite
from pipeline.kernels.clustering.lloyd import RowReader, Survey, lloyd
from pipeline.kernels.clustering.nearest_center import NearestCenters, nearest_centers
from pipeline.kernels.clustering.seeding import find_start, shorten
from pipeline.kernels.mapping import MapTasks

BLOCK_ROWS = 16_384
MAX_SWEEPS = 100

_SAMPLE_ROWS = 256  # a cluster
_FEWEST_SAMPLE_ROWS = 32_768
_SAMPLE_BYTES = 1 << 28
_LARGEST_DISTANCE = 3e38  # float32 products must hold them
_STRICT_WORK = 1 << 32
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class KMeansResult:
    """A k-means clustering.

    Attributes
    ----------
    labels : int32 [N]
        Nearest centre of each row, ties to the lowest; every cluster has at least one row.
    centers : float32 or float64 [k, D]
        Of the vectors' type.
    inertia : float
        Sum of squared distances of the rows to their centres, from ``(x - c)^2`` in float64.
    n_iterations : int
        Full sweeps that moved the centres.
    start_inertias : tuple of float
        Of the starts on the sample, the best first: their spread tells how much the start matters. Empty where centres
        were given.
    """

    labels: NDArray[np.int32]
    centers: Vectors
    inertia: float
    n_iterations: int
    start_inertias: tuple[float, ...] = ()


def k_means(
    read: RowReader,
    n_rows: int,
    ks: Sequence[int],
    *,
    seed: int,
    centers: Sequence[Vectors | None] = (),
    n_starts: int | None = None,
    sample_rows: int | None = None,
    max_sweeps: int = MAX_SWEEPS,
    tolerance: float | None = None,
    block_rows: int = BLOCK_ROWS,
    map_tasks: MapTasks = map,
    nearest: NearestCenters | None = None,
) -> list[KMeansResult]:
    """Cluster rows into each of some numbers of clusters, all over the same readings of the rows.

    Parameters
    ----------
    read : callable
        ``read(start, stop)`` gives rows, float32 or float64 [stop - start, D].
    n_rows : int
    ks : sequence of int
        1 to the number of distinct rows.
    seed : int
        0 to 2**32 - 1.
    centers : sequence of arrays [k, D] or None, optional
        One for each k: where given (yesterday's) it is begun from, without starts.
    n_starts : int, optional
        None: two to twenty, as many as are cheap (`pipeline.kernels.clustering.seeding.starts_that_are_cheap`).
    sample_rows : int, optional
        Of the starts; None: 256 a cluster and at least 32,768, but not more than 256 MiB (and k rows at least).
    max_sweeps : int
        The most full sweeps; 0 keeps the starts' centres.
    tolerance : float, optional
        It ends when at most this share of the rows changed their label. None: 0 where a sweep is at most 2^32
        multiply-adds, else 0.001.
    block_rows : int
        Rows that a task reads; changes no result.
    map_tasks : callable
        The builtin ``map``, or an engine's: ``map_tasks(function, tasks)``, results in the tasks' order.
    nearest : callable, optional
        Finds nearest centres in the sweeps over all rows, on a GPU perhaps
        (`pipeline.search_backends.torch_centers.TorchCenters`); changes no result.

    Returns
    -------
    list of KMeansResult

    Raises
    ------
    UsageError
        k larger than the number of rows, an option out of range, or centres that do not fit.
    InvalidDataError
        Fewer than k distinct rows (the number is given), a NaN or an infinity, or distances that do not fit into
        float32.

    Notes
    -----
    Time ``2 k D`` operations a row and sweep at most (bounds save most of the later ones); one reading of the rows for
    the survey, one a sweep and one for the inertias. Memory here: the sample, ``16 k D`` bytes, 20 bytes a row and k.
    """
    if n_rows < 1:
        raise UsageError("k-means needs at least one row; found none")
    for k in ks:
        require_count(k, n_rows, "k")
    for value, name in ((n_starts, "n_starts"), (sample_rows, "sample_rows"), (block_rows, "block_rows")):
        if value is not None:
            require_count(value, None, name)
    if max_sweeps < 0 or not (tolerance is None or 0 <= tolerance < 1):
        raise UsageError(f"max_sweeps is {max_sweeps} and tolerance {tolerance}; expected 0 or more, and 0 to 1")
    given = list(centers) or [None] * len(ks)
    picks = _sample_picks(read, n_rows, max(ks), sample_rows, seed)
    survey, sample = survey_rows(read, n_rows, picks, block_rows=block_rows, map_tasks=map_tasks)
    begun = _starts(ks, given, sample, survey, n_starts, seed)
    del sample
    if tolerance is None:
        tolerance = 0.0 if n_rows * max(ks) * len(survey.origin) <= _STRICT_WORK else _TOLERANCE
    ends = lloyd(
        read,
        survey,
        [start for start, _ in begun],
        block_rows=block_rows,
        max_sweeps=max_sweeps,
        tolerance=tolerance,
        map_tasks=map_tasks,
        nearest=nearest or nearest_centers,
    )
    return [
        KMeansResult(end.labels, end.centers, end.inertia, end.sweeps, inertias)
        for end, (_, inertias) in zip(ends, begun, strict=True)
    ]


def _starts(
    ks: Sequence[int],
    given: Sequence[Vectors | None],
    sample: Vectors,
    survey: Survey,
    n_starts: int | None,
    seed: int,
) -> list[tuple[Vectors, tuple[float, ...]]]:
    """Centres to begin from, and the inertias of the starts that they are the best of."""
    short, begun = None, []
    for k, centers in zip(ks, given, strict=True):
        if centers is not None:
            begun.append(_given_start(centers, k, survey))
            continue
        short = short or shorten(sample, survey)
        begun.append(find_start(sample, short, survey, k, n_starts, seed))
    return begun


def _given_start(centers: Vectors, k: int, survey: Survey) -> tuple[Vectors, tuple[float, ...]]:
    values = np.asarray(centers)
    if values.shape != (k, len(survey.origin)):
        raise UsageError(f"the centers given have the shape {values.shape}; expected {(k, len(survey.origin))}")
    require_finite(values, "centers")
    return values, ()


def _sample_picks(read: RowReader, n_rows: int, k: int, wanted: int | None, seed: int) -> NDArray[np.int64]:
    if wanted is None:
        first = read(0, 1)
        most = _SAMPLE_BYTES // (first.itemsize * first.shape[1])
        wanted = min(max(_SAMPLE_ROWS * k, _FEWEST_SAMPLE_ROWS), most)
    wanted = max(wanted, k)
    if n_rows <= wanted:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng([seed, n_rows]).choice(n_rows, size=wanted, replace=False))


def survey_rows(
    read: RowReader, n_rows: int, picks: NDArray[np.int64], *, block_rows: int, map_tasks: MapTasks = map
) -> tuple[Survey, Vectors]:
    """Read all rows once: their ranges, and the rows ``picks`` (ascending).

    Raises
    ------
    InvalidDataError
        A NaN or an infinity, or distances that do not fit into float32.
    """
    ranges = [(start, min(start + block_rows, n_rows)) for start in range(0, n_rows, block_rows)]
    cuts = np.searchsorted(picks, [start for start, _ in ranges] + [n_rows])
    tasks = [(*both, picks[cuts[i] : cuts[i + 1]]) for i, both in enumerate(ranges)]
    parts = list(map_tasks(partial(_survey, read), tasks))
    low = np.min([part[0] for part in parts], axis=0)
    high = np.max([part[1] for part in parts], axis=0)
    sample = np.concatenate([part[2] for part in parts])
    extent = float((high - low).max(initial=0.0))
    if not 2 * extent * np.sqrt(len(low)) < _LARGEST_DISTANCE:
        raise InvalidDataError(
            f"values spread over {extent:.3g}, so that distances do not fit into float32; rescale the vectors"
        )
    origin = np.clip(_mean(sample), low, high)
    return Survey(n_rows, low, high, origin, sample.dtype), sample


def _mean(rows: Vectors) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = rows.mean(axis=0, dtype=np.float64)
    return mean


def _survey(
    read: RowReader, task: tuple[int, int, NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.generic]]:
    start, stop, picks = task
    rows = read(start, stop)
    if rows.ndim != 2 or len(rows) != stop - start or rows.shape[1] == 0:
        raise UsageError(f"rows {start} to {stop} were read with the shape {rows.shape}; expected [{stop - start}, D]")
    with np.errstate(invalid="ignore"):
        low, high = rows.min(axis=0).astype(np.float64), rows.max(axis=0).astype(np.float64)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        require_finite(rows, f"vectors from row {start} on")
    return low, high, rows[picks - start]
