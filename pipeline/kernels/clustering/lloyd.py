"""Lloyd's algorithm over blocks of rows: a task is a range of rows, partial states add exactly, any `map` will do.

A sweep finds every row's nearest centre and moves each centre to the mean of its rows. What makes the result the same
bits for any blocks, any order and any number of workers: labels are exact (`nearest_center`) and sums are free of
order (`order_free_sums`). What makes it cheap: bounds. The state of a row is its label, an upper bound of the distance
to its centre and a lower bound of the distance to any other; when centres move, the bounds give way by as much, and
rows whose bounds still part are not looked at (Hamerly 2010). Rows that kept their label change no sum. Neither
changes any result.

References
----------
S. P. Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28, 129 (1982), doi 10.1109/TIT.1982.1056489.
G. Hamerly, "Making k-means even faster", SIAM Data Mining 2010, doi 10.1137/1.9781611972801.12.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import InvalidDataError, Vectors, as_vectors
from pipeline.kernels.clustering.nearest_center import (
    TILE_ROWS,
    NearestCenters,
    PreparedCenters,
    ProductFrame,
    choose_frame,
    nearest_centers,
    own_distances_sq,
    prepare_centers,
)
from pipeline.kernels.clustering.order_free_sums import (
    ClusterSums,
    Grid,
    add_moved_rows,
    exact_total,
    make_grid,
    total_value,
)
from pipeline.kernels.mapping import MapTasks

_MOST_RELOCATED = 64
_LEAST_EXPONENT = -900
_ALLOWANCE = 1 + 2.0**-40  # for the rounding of bounds: far more than thousands of sweeps gather


class RowReader(Protocol):
    """Gives the rows of a range; picklable where tasks go to other processes."""

    def __call__(self, start: int, stop: int) -> Vectors:
        """Read rows ``start`` to ``stop``: float32 or float64 [stop - start, D]."""


@dataclass(frozen=True, slots=True)
class ArrayReader:
    """Rows of an array in memory, or of anything that is sliced and made an array: a memory map, a Dask array."""

    array: Any

    def __call__(self, start: int, stop: int) -> Vectors:
        """Slice."""
        return as_vectors(self.array[start:stop])


@dataclass(frozen=True, slots=True)
class Survey:
    """What one reading of all rows tells.

    Attributes
    ----------
    n_rows : int
    low, high : float64 [D]
        Of every column.
    origin : float64 [D]
        About the mean.
    dtype : dtype
        float32 or float64.
    """

    n_rows: int
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    origin: NDArray[np.float64]
    dtype: np.dtype[np.generic]

    def frame(self) -> ProductFrame:
        """For float32 products."""
        return choose_frame(self.origin, self.low, self.high, self.dtype)

    def grid(self) -> Grid:
        """For sums."""
        return make_grid(self.origin, self.low, self.high, self.n_rows)

    def exponent(self) -> int:
        """Two to this power is above every squared distance between points of the rows' box."""
        reach = self.high - self.low
        return max(math.frexp(float(reach @ reach))[1] + 1, _LEAST_EXPONENT)


@dataclass(frozen=True, slots=True)
class RowState:
    """What is known of some rows.

    Attributes
    ----------
    labels : int32 [n]
        -1 before the first sweep.
    upper, lower : float64 [n]
        Bounds of the distance to the own centre and to all others.
    """

    labels: NDArray[np.int32]
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]

    @classmethod
    def unknown(cls, n_rows: int) -> "RowState":
        """Before the first sweep."""
        return cls(np.full(n_rows, -1, np.int32), np.full(n_rows, np.inf), np.zeros(n_rows))

    def part(self, start: int, stop: int) -> "RowState":
        """Of a range of rows."""
        return RowState(self.labels[start:stop], self.upper[start:stop], self.lower[start:stop])


@dataclass(frozen=True, slots=True)
class Progress:
    """One k-means on its way.

    Attributes
    ----------
    centers : float32 or float64 [k, D]
    drift : float64 [k]
        How far each centre went since the states were made.
    state : RowState
        Of all rows.
    sums : ClusterSums
        Of all rows by their labels.
    sweeps : int
    done : bool
    """

    centers: Vectors
    drift: NDArray[np.float64]
    state: RowState
    sums: ClusterSums
    sweeps: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """Centres that Lloyd's algorithm ended with, every cluster with rows.

    Attributes
    ----------
    centers : float32 or float64 [k, D]
    labels : int32 [N]
        The nearest centre of each row, exactly; ties to the lowest.
    inertia : float
        Sum of ``(x - c)^2`` in float64, free of order.
    sweeps : int
    """

    centers: Vectors
    labels: NDArray[np.int32]
    inertia: float
    sweeps: int


@dataclass(frozen=True, slots=True)
class _Task:
    start: int
    stop: int
    states: tuple[RowState, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """What a task of a sweep found of one set of centres."""

    state: RowState
    moved: ClusterSums
    n_moved: int


@dataclass(frozen=True, slots=True)
class _Sweeper:
    """How all sweeps of a run are made."""

    read: RowReader
    survey: Survey
    ranges: list[tuple[int, int]]
    map_tasks: MapTasks
    max_sweeps: int
    tolerance: float
    allow_empty: bool
    nearest: NearestCenters


def lloyd(
    read: RowReader,
    survey: Survey,
    starts: Sequence[Vectors],
    *,
    block_rows: int,
    max_sweeps: int,
    tolerance: float,
    map_tasks: MapTasks = map,
    allow_empty: bool = False,
    nearest: NearestCenters = nearest_centers,
) -> list[Finished]:
    """Run Lloyd's algorithm from each of some sets of centres, all of them over the same readings of the rows.

    Parameters
    ----------
    read : RowReader
    survey : Survey
        Of these rows.
    starts : sequence of float32 or float64 [k, D]
        k may differ.
    block_rows : int
        Rows of a task; changes no result.
    max_sweeps : int
        Centres are moved at most so often; relocations of empty ones after that are not counted.
    tolerance : float
        It ends when at most this share of the rows changed their label; 0 means none did.
    map_tasks : callable
        See `MapTasks`.
    allow_empty : bool
        Whether clusters may stay empty where there are fewer distinct rows than centres.
    nearest : callable
        Finds nearest centres; which of them changes no result.

    Returns
    -------
    list of Finished

    Raises
    ------
    InvalidDataError
        A set has more centres than there are distinct rows.

    Notes
    -----
    An empty cluster's centre goes to the row that is farthest from its own centre (the lowest of equal ones; a row
    equal to one that was taken is passed over), the lowest cluster first.
    Time ``2 k D`` operations a row that its bounds leave open; memory 20 bytes a row and set where this runs, ``8 k D``
    for the sums; a task holds its block.
    """
    ranges = [(start, min(start + block_rows, survey.n_rows)) for start in range(0, survey.n_rows, block_rows)]
    sweeper = _Sweeper(read, survey, ranges, map_tasks, max_sweeps, tolerance, allow_empty, nearest)
    frame, grid = survey.frame(), survey.grid()
    runs = [_begin(start, survey) for start in starts]
    while active := [i for i, run in enumerate(runs) if not run.done]:
        prepared = tuple((prepare_centers(runs[i].centers, frame), runs[i].drift) for i in active)
        tasks = [_Task(a, b, tuple(runs[i].state.part(a, b) for i in active)) for a, b in ranges]
        results = list(map_tasks(partial(_sweep, read, prepared, grid, nearest), tasks))
        for place, i in enumerate(active):
            runs[i] = _advance(runs[i], [result[place] for result in results], sweeper, grid)
    return _finish(runs, sweeper)


def _begin(centers: Vectors, survey: Survey) -> Progress:
    values = np.ascontiguousarray(centers, dtype=survey.dtype)
    return Progress(values, np.zeros(len(values)), RowState.unknown(survey.n_rows), ClusterSums.empty(values.shape[1]))


def _sweep(
    read: RowReader,
    prepared: tuple[tuple[PreparedCenters, NDArray[np.float64]], ...],
    grid: Grid,
    nearest: NearestCenters,
    task: _Task,
) -> list[_Part]:
    """The task of a sweep: new states of a range of rows, and what changes in the sums."""
    rows = read(task.start, task.stop)
    return [_sweep_rows(rows, *one, state, grid, nearest) for one, state in zip(prepared, task.states, strict=True)]


def _sweep_rows(
    rows: Vectors,
    centers: PreparedCenters,
    drift: NDArray[np.float64],
    state: RowState,
    grid: Grid,
    nearest: NearestCenters,
) -> _Part:
    labels, upper, lower = state.labels.copy(), state.upper.copy(), state.lower.copy()
    left_open = _open_rows(rows, centers, drift, labels, upper, lower)
    if len(left_open) == len(rows):
        labels, upper, lower = nearest(rows, centers)
    else:
        for start in range(0, len(left_open), TILE_ROWS):
            part = left_open[start : start + TILE_ROWS]
            labels[part], upper[part], lower[part] = nearest(rows[part], centers)
    moved = add_moved_rows(rows, state.labels, labels, grid, len(centers.values))
    return _Part(RowState(labels, upper, lower), moved, int(np.count_nonzero(labels != state.labels)))


def _open_rows(
    rows: Vectors,
    centers: PreparedCenters,
    drift: NDArray[np.float64],
    labels: NDArray[np.int32],
    upper: NDArray[np.float64],
    lower: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Let the bounds give way, tighten the upper ones that no longer part, and list the rows that are left open."""
    if labels[0] < 0:
        return np.arange(len(labels))
    upper += drift[labels]
    lower -= _largest_other(drift)[labels]
    loose = np.flatnonzero(upper >= lower)
    tight = own_distances_sq(rows, centers.values, labels, loose)
    upper[loose] = np.sqrt(tight) * _ALLOWANCE
    return loose[upper[loose] >= lower[loose]]


def _largest_other(drift: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the farthest of all other centres went."""
    farthest = int(np.argmax(drift))
    others = np.full(len(drift), drift[farthest])
    others[farthest] = np.delete(drift, farthest).max(initial=0.0)
    return others


def _advance(run: Progress, parts: Sequence[_Part], sweeper: _Sweeper, grid: Grid) -> Progress:
    """Put a sweep's parts together, and move the centres unless it is the end."""
    sums = reduce(ClusterSums.merge, [part.moved for part in parts], run.sums)
    state = RowState(*(np.concatenate([getattr(part.state, name) for part in parts]) for name in RowState.__slots__))
    empty = np.flatnonzero(sums.counts_of(len(run.centers)) == 0)
    n_moved = sum(part.n_moved for part in parts)
    settled = run.sweeps >= sweeper.max_sweeps or n_moved <= sweeper.tolerance * sweeper.survey.n_rows
    far = _farthest_rows(run.centers, empty, state.labels, sweeper)
    if settled and not len(far):
        return Progress(run.centers, run.drift, state, sums, run.sweeps, done=True)
    centers = run.centers.copy() if settled else sums.means(grid, run.centers)
    centers[empty[: len(far)]] = far
    drift = np.sqrt(own_distances_sq(run.centers, centers, *_identity(len(centers)))) * _ALLOWANCE
    return Progress(centers, drift, state, sums, run.sweeps + (not settled))


def _identity(n: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    return np.arange(n, dtype=np.int32), np.arange(n)


@dataclass(frozen=True, slots=True)
class _Far:
    """The rows of a range that are farthest from their centres."""

    distances_sq: NDArray[np.float64]
    numbers: NDArray[np.int64]
    rows: Vectors


def _farthest_rows(centers: Vectors, empty: NDArray[np.int64], labels: NDArray[np.int32], sweeper: _Sweeper) -> Vectors:
    """A row for each empty centre, the farthest first; fewer where 64 do not hold as many that differ."""
    if not len(empty):
        return centers[:0]
    wanted = min(len(empty), _MOST_RELOCATED)
    tasks = [(start, stop, labels[start:stop]) for start, stop in sweeper.ranges]
    found: list[_Far] = list(sweeper.map_tasks(partial(_farthest, sweeper.read, centers, wanted), tasks))
    distances_sq = np.concatenate([part.distances_sq for part in found])
    numbers = np.concatenate([part.numbers for part in found])
    rows = np.concatenate([part.rows for part in found])
    taken: list[int] = []
    for i in np.lexsort((numbers, -distances_sq)):
        if len(taken) < wanted and distances_sq[i] > 0 and not any((rows[i] == rows[j]).all() for j in taken):
            taken.append(i)
    if not taken and not sweeper.allow_empty:
        k, distinct = len(centers), len(centers) - len(empty)
        raise InvalidDataError(
            f"{k} clusters were asked of {len(labels)} rows, of which only {distinct} are distinct; "
            f"ask for at most {distinct}"
        )
    return rows[taken]


def _farthest(read: RowReader, centers: Vectors, wanted: int, task: tuple[int, int, NDArray[np.int32]]) -> _Far:
    start, stop, labels = task
    rows = read(start, stop)
    distances_sq = own_distances_sq(rows, centers, labels, np.arange(len(rows)))
    order = np.lexsort((np.arange(len(rows)), -distances_sq))[:wanted]
    return _Far(distances_sq[order], start + order, rows[order])


def _finish(runs: Sequence[Progress], sweeper: _Sweeper) -> list[Finished]:
    """Inertias, from one more reading."""
    exponent = sweeper.survey.exponent()
    tasks = [(start, stop, [run.state.labels[start:stop] for run in runs]) for start, stop in sweeper.ranges]
    centers = [run.centers for run in runs]
    limbs = np.sum(list(sweeper.map_tasks(partial(_inertias, sweeper.read, centers, exponent), tasks)), axis=0)
    return [
        Finished(run.centers, run.state.labels, total_value(limbs[i], exponent), run.sweeps)
        for i, run in enumerate(runs)
    ]


def _inertias(
    read: RowReader, centers: Sequence[Vectors], exponent: int, task: tuple[int, int, Sequence[NDArray[np.int32]]]
) -> list[NDArray[np.int64]]:
    rows = read(task[0], task[1])
    every = np.arange(len(rows))
    return [
        exact_total(own_distances_sq(rows, one, labels, every), exponent)
        for one, labels in zip(centers, task[2], strict=True)
    ]
