"""What a clustering method is: settings, what it needs, and a function from points to clusterings.

A method's file defines a subclass of `MethodSettings`, a function ``fit`` and ``METHOD = ClusteringMethod(...)``; one
line in `registry` makes it known to recipes, the stage, the reports and the documentation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from pipeline.kernels.arrays import Vectors
from pipeline.kernels.mapping import MapTasks
from pipeline.settings import Name, Settings

if TYPE_CHECKING:
    from pipeline.kernels.clustering.nearest_center import NearestCenters

TRANSFORM = r"^(l2|pca:(0?\.\d+|[1-9]\d*)|whiten(:(0?\.\d+|[1-9]\d*))?)$"
"""What `pipeline.kernels.transforms.parse_transform` reads."""

ClusterCount = Annotated[int, Field(ge=2)]


class MethodSettings(Settings):
    """One line of ``cluster.methods``; every method adds its own settings."""

    method: str
    name: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.]*)?$", max_length=64)] = Field(
        "", description="what its clusterings are called, where a recipe has a method twice; empty: the method's name"
    )
    vectors: tuple[Name, ...] = Field((), description="sets of vectors, or maps, to cluster; none named: all sets")
    transform: tuple[Annotated[str, Field(pattern=TRANSFORM)], ...] = Field(
        (), description="steps before: `l2`, `pca:50` (components), `pca:0.95` (share of the variance), `whiten`"
    )
    max_points: PositiveInt = Field(10_000_000, description="left out, in words, above so many vectors")

    @property
    def label(self) -> str:
        """What its clusterings are called."""
        return self.name or self.method

    @property
    def neighbours_needed(self) -> int:
        """Euclidean nearest neighbours of a point that it needs; 0: none."""
        return 0

    @property
    def table_neighbours(self) -> int:
        """Those that it takes from the shared table; none of transformed vectors, whose neighbours are others."""
        return 0 if self.transform else self.neighbours_needed

    @property
    def products_on(self) -> Literal["auto", "cpu", "cuda"]:
        """The device that multiplies."""
        return "cpu"

    @property
    def starts_from_stored(self) -> bool:
        """Whether it begins from the centres ``centers_K`` that the index holds of this line."""
        return False

    def counts(self, shared: Sequence[int]) -> tuple[int, ...]:
        """Numbers of clusters it is asked for, ascending; ``shared`` is ``cluster.k``. Empty: it finds its own."""
        return ()

    def relevant(self) -> dict[str, object]:
        """Settings that decide a result, for its key and the reports."""
        return self.model_dump(mode="json", exclude={"method", "name", "vectors", "max_points"})


class CountedMethodSettings(MethodSettings):
    """A method that is told how many clusters to find."""

    k: tuple[ClusterCount, ...] = Field((), description="numbers of clusters; none named: those of `cluster.k`")

    def counts(self, shared: Sequence[int]) -> tuple[int, ...]:
        """Numbers of clusters it is asked for, ascending."""
        return tuple(sorted({*(self.k or shared)}))


class CenterMethodSettings(CountedMethodSettings):
    """A method around centres, whose products may be made on a GPU."""

    device: Literal["auto", "cpu", "cuda"] = Field(
        "cpu",
        description="cuda: products on a GPU, one an actor of Ray; auto: so where the driver sees a GPU; no result "
        "depends on it",
    )

    @model_validator(mode="after")
    def _device_has_blocks(self) -> "CenterMethodSettings":
        if self.device != "cpu" and self.transform:
            raise ValueError(f'device = "{self.device}" needs vectors that no transform changes: leave one of them out')
        return self

    @property
    def products_on(self) -> Literal["auto", "cpu", "cuda"]:
        """As the settings say."""
        return self.device

    def relevant(self) -> dict[str, object]:
        """Settings that decide a result; where products are made is not among them."""
        found = super().relevant()
        return {name: found[name] for name in found if name != "device"}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The table of nearest neighbours of N points.

    Attributes
    ----------
    indices : int64 [N, K]
        Positions among the points, nearest first, the point itself left out.
    distances : float32 [N, K]
        Euclidean.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Points:
    """What a method is given.

    Attributes
    ----------
    vectors : float32 [N, D]
    neighbours : Neighbours or None
        There where the settings' `neighbours_needed` is not 0.
    seed : callable
        A 32-bit seed for a number of clusters (0 where there is none), the same in every run.
    """

    vectors: NDArray[np.float32]
    neighbours: Neighbours | None
    seed: Callable[[int], int]

    def table(self) -> Neighbours:
        """The neighbours, for a method that asked for them."""
        assert self.neighbours is not None, "the stage gives neighbours to a method that needs them"
        return self.neighbours


class RowReader(Protocol):
    """Reads rows of a set of vectors."""

    def __call__(self, start: int, stop: int) -> Vectors:
        """Rows ``start`` to ``stop`` (exclusive), float32 or float64 [stop - start, D]."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """What a method that never holds all vectors is given.

    Attributes
    ----------
    read : callable
        ``read(start, stop)`` gives rows, float32 [stop - start, D], in the driver and in a task.
    n_rows : int
    block_rows : int
        Rows that a task should read; no result may depend on it.
    map_tasks : callable
        Like `map`, over the workers.
    starts : mapping of int to array
        Centres [k, D] to begin from, by k, there where the settings say `starts_from_stored`; it may lack some.
    nearest : callable, optional
        Finds nearest centres on the settings' device; None: on the CPU.
    """

    read: RowReader
    n_rows: int
    block_rows: int
    map_tasks: MapTasks
    starts: Mapping[int, Vectors] = field(default_factory=dict)
    nearest: "NearestCenters | None" = None


@dataclass(frozen=True, slots=True)
class Clusterings:
    """What a method found: one clustering, or one for each number of clusters.

    Attributes
    ----------
    labels : int32 [N, C]
        A column a clustering; -1 where a point is in no cluster (noise).
    k : tuple of int or None, C
        The number of clusters that was asked for; None where the method finds its own.
    seconds : tuple of float, C
        Time of each; what several share counts for each of them.
    inertia : tuple of float, C, or None
        Sum of squared distances to the centres, for methods with centres.
    columns : mapping
        Further values of each point, [N] or [N, ...]: ``density``, ``delta``, ``peak_rank``.
    positions : mapping
        Columns int64 [N] that hold positions of other points (-1: none); they are stored as rows of images.
    arrays : mapping
        What is no value a point: centres, a linkage matrix.
    left_out : mapping
        Numbers of clusters that the method could not find here, with the reason.
    """

    labels: NDArray[np.int32]
    k: tuple[int | None, ...]
    seconds: tuple[float, ...]
    inertia: tuple[float, ...] | None = None
    columns: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    positions: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    left_out: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClusteringMethod:
    """An entry of the table of methods.

    Attributes
    ----------
    settings : type of MethodSettings
        Its field ``method`` has the method's name as the only value and default.
    fit : callable
        (points, settings, numbers of clusters) to clusterings. It imports its kernel itself: every command loads the
        recipe's model, and with it this table. A `SemcorpusError` that it raises is kept with the reason; the run goes
        on without these clusterings.
    version : int
        Raised when the method changes so that its results do.
    seconds_per_vector : float
        Rough cost on one core; decides only whether opening an engine is worth it.
    fit_blocks : callable, optional
        (blocks, settings, numbers of clusters, seed) to clusterings: of a method that never holds all vectors. The
        stage calls it, and never ``fit``, where there is one.
    """

    settings: type[MethodSettings]
    fit: Callable[[Points, Any, Sequence[int]], Clusterings]
    version: int
    seconds_per_vector: float
    fit_blocks: Callable[[Blocks, Any, Sequence[int], int], Clusterings] | None = None

    @property
    def name(self) -> str:
        """What recipes call it."""
        return str(self.settings.model_fields["method"].default)
