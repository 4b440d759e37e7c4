"""Fitting a method for each number of clusters, or once, with the time that it takes."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.clustering_methods.base import Clusterings
from pipeline.errors import SemcorpusError

if TYPE_CHECKING:
    from pipeline.kernels.clustering.result import Clustering


def fit_each(ks: Sequence[int], fit: "Callable[[int], Clustering]") -> Clusterings:
    """Fit for each k by itself; a k that the method refuses is left out with its reason.

    Raises
    ------
    SemcorpusError
        The method refuses every k.
    """
    found: dict[int, Clustering] = {}
    refused: dict[int, SemcorpusError] = {}
    seconds = []
    for k in ks:
        began = time.perf_counter()
        try:
            found[k] = fit(k)
        except SemcorpusError as error:
            refused[k] = error
        else:
            seconds.append(time.perf_counter() - began)
    if not found:
        raise next(iter(refused.values()))
    return Clusterings(
        labels=np.stack([one.labels for one in found.values()], axis=1),
        k=tuple(found),
        seconds=tuple(seconds),
        arrays={f"{name}_{k}": values for k, one in found.items() for name, values in one.arrays.items()},
        left_out={k: str(error) for k, error in refused.items()},
    )


def fit_once(fit: "Callable[[], Clustering]") -> Clusterings:
    """Fit a method that finds its own number of clusters; what it adds a point becomes a column."""
    began = time.perf_counter()
    found = fit()
    seconds = time.perf_counter() - began
    n = len(found.labels)
    columns = {name: values for name, values in found.arrays.items() if _is_a_value_a_point(values, n)}
    arrays = {name: values for name, values in found.arrays.items() if name not in columns}
    return Clusterings(found.labels[:, None], (None,), (seconds,), columns=columns, arrays=arrays)


def _is_a_value_a_point(values: NDArray[np.generic], n: int) -> bool:
    return values.ndim == 1 and len(values) == n


def ranks_of(centers: NDArray[np.int64], n_points: int) -> NDArray[np.int64]:
    """The place of each point among the centres, which are in order: int64 [n_points]; -1 for any other point."""
    rank = np.full(n_points, -1, np.int64)
    rank[centers] = np.arange(len(centers))
    return rank


def cut_for_each(grow: Callable[[], NDArray[np.float64]], ks: Sequence[int]) -> Clusterings:
    """Grow a tree in SciPy's format once and cut it for each k."""
    from pipeline.kernels.clustering.cuts import cut_tree_at

    began = time.perf_counter()
    tree = grow()
    labels = cut_tree_at(tree, ks)
    seconds = time.perf_counter() - began
    return Clusterings(labels, tuple(ks), (seconds,) * len(ks), arrays={"linkage_matrix": tree})
