"""What a method of laying out is: settings, and a function from vectors and their neighbours to coordinates.

A method's file defines a subclass of `MapSettings`, a function ``lay_out`` and ``METHOD = MapMethod(...)``; one line in
`registry` makes it known to recipes, the stage and the documentation. What comes later is placed into a layout in the
same way for all of them (`pipeline.kernels.dimension.placement`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.settings import Name, Settings


class MapSettings(Settings):
    """One map: a layout of a set of vectors; every method adds its own settings."""

    method: str
    name: Name
    vectors: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]*)?$", max_length=64)] = Field(
        "", description="set of vectors that is laid out; empty: the recipe's first"
    )
    max_points: Annotated[int, Field(ge=10)] = Field(
        50_000,
        description="at most so many vectors, chosen by their pictures' MD5, are laid out; the others are placed",
    )
    seed: Annotated[int, Field(ge=0)] = 0
    transform: tuple[
        Annotated[str, Field(pattern=r"^(l2|pca:(0?\.\d+|[1-9]\d*)|whiten(:(0?\.\d+|[1-9]\d*))?)$")], ...
    ] = Field(
        (),
        description="steps before the layout, as those of a clustering method; later vectors are placed without them",
    )

    @property
    def dimension(self) -> int:
        """Coordinates of a point."""
        return 2

    def neighbours_needed(self, n_points: int) -> int:
        """Nearest neighbours of each of so many points that the layout rests on."""
        raise NotImplementedError

    def relevant(self) -> dict[str, object]:
        """Settings that decide the layout, for its key and the reports."""
        about = self.model_dump(mode="json", exclude={"name", "vectors"})
        return about if self.transform else {key: value for key, value in about.items() if key != "transform"}


@dataclass(frozen=True, slots=True)
class MapPoints:
    """What a method is given.

    Attributes
    ----------
    vectors : float32 [N, D]
    indices : int64 [N, K]
        Positions of the nearest neighbours, nearest first, the point itself left out; K is
        `MapSettings.neighbours_needed`.
    distances : float32 [N, K]
        Euclidean.
    seed : int
        32 bits.
    """

    vectors: NDArray[np.float32]
    indices: NDArray[np.int64]
    distances: NDArray[np.float32]
    seed: int


@dataclass(frozen=True, slots=True)
class MapMethod:
    """An entry of the table of methods.

    Attributes
    ----------
    settings : type of MapSettings
        Its field ``method`` has the method's name as the only value and default.
    lay_out : callable
        (points, settings) to coordinates, float32 [N, dimension], the same bits in every run on one thread. It imports
        its library itself.
    version : int
        Raised when the method changes so that its results do.
    seconds_per_vector : float
        Rough cost on one core; decides only whether opening an engine is worth it.
    """

    settings: type[MapSettings]
    lay_out: Callable[[MapPoints, Any], NDArray[np.float32]]
    version: int
    seconds_per_vector: float

    @property
    def name(self) -> str:
        """What recipes call it."""
        return str(self.settings.model_fields["method"].default)


FEWEST_POINTS = 10
"""Of fewer vectors no map is made."""


def start_coordinates(points: MapPoints, dimension: int) -> NDArray[np.float64]:
    """The first principal components, float64 [N, dimension], with a standard deviation of 1 in the first.

    From where a descent starts decides how far groups lie to each other.
    """
    from pipeline.kernels.dimension.principal_components import fit_pca

    start = fit_pca(points.vectors, dimension).transform(points.vectors)
    return start / max(float(start[:, 0].std()), np.finfo(float).tiny)
