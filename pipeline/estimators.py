"""scikit-learn style estimators over the kernels.

They follow scikit-learn's conventions (``fit``, ``labels_``, ``get_params``) and accept NumPy arrays, memory
maps and Dask arrays (which are computed). Where a table of nearest neighbours is at hand, `TwoNN` and
`DensityPeaks` take it: ``fit(X, neighbours=(indices, distances))``. Trained networks are not here: they are
`pipeline.models`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from pipeline.errors import UsageError
from pipeline.kernels.clustering.density_peaks import K_DENSITY, density_peaks
from pipeline.kernels.clustering.kmeans import assign_to_centers, minibatch_kmeans
from pipeline.kernels.clustering.linkage import LinkageMethod, cut_tree, linkage_matrix
from pipeline.kernels.dimension.two_nn import COLUMNS, TwoNNEstimate, distinct_distances, two_nn
from pipeline.kernels.neighbours.nearest import nearest_neighbours

NeighbourTable = tuple[ArrayLike, ArrayLike]
"""Indices [N, K] and distances [N, K] as `pipeline.kernels.neighbours.nearest.nearest_neighbours` gives them."""


class TwoNN(BaseEstimator):  # type: ignore[misc]
    """Intrinsic dimension from the two nearest neighbours (doi 10.1038/s41598-017-11873-y).

    Parameters
    ----------
    fraction : float, default=0.9
        Share of the lowest ratios r2 / r1 that the line is fitted to, in (0, 1].

    Attributes
    ----------
    dimension_ : float
    error_ : float
        Standard error of ``dimension_``.
    n_dropped_ : int
        Duplicates left out.
    estimate_ : TwoNNEstimate
        All of the fit, the maximum-likelihood estimate included.
    n_features_in_ : int

    Examples
    --------
    >>> square = np.random.default_rng(0).random((2000, 2))
    >>> bool(abs(TwoNN().fit(square).dimension_ - 2) < 0.1)
    True
    """

    def __init__(self, fraction: float = 0.9) -> None:
        self.fraction = fraction

    def fit(self, X: ArrayLike, y: None = None, *, neighbours: NeighbourTable | None = None) -> "TwoNN":
        """Estimate the dimension of ``X`` [N, D]; ``neighbours`` spares the search (8 columns will do)."""
        rows = _validated(self, X, least=3)
        table = nearest_neighbours(rows, COLUMNS) if neighbours is None else _checked_table(neighbours, rows, 2)
        self.estimate_: TwoNNEstimate = two_nn(*distinct_distances(*table), fraction=self.fraction)
        self.dimension_ = self.estimate_.dimension
        self.error_ = self.estimate_.error
        self.n_dropped_ = self.estimate_.n_dropped
        return self


class DensityPeaks(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Clustering by density peaks (doi 10.1126/science.1242072).

    Parameters
    ----------
    n_clusters : int, default=8
        Centres to take, most prominent first.
    n_neighbors : int, default=100
        Neighbours to search where no table is given; clipped to N - 1. More of them leave fewer exact
        searches for denser points; the result does not depend on it.
    k_density : int, default=20
        Neighbours that the density is estimated from.
    dimension : float or None, default=None
        Intrinsic dimension for the density; None estimates it (2-NN, 90%).

    Attributes
    ----------
    labels_ : int32 [N]
    density_ : float64 [N]
        Logarithm of the density.
    delta_ : float64 [N]
        Distance to the nearest denser point.
    nearest_denser_ : int64 [N]
        That point; -1 for the densest.
    centers_ : int64 [n_clusters]
        The centres' rows; cluster c is that of ``centers_[c]``.
    dimension_ : float
    n_features_in_ : int
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        n_neighbors: int = 100,
        k_density: int = K_DENSITY,
        dimension: float | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_neighbors = n_neighbors
        self.k_density = k_density
        self.dimension = dimension

    def fit(self, X: ArrayLike, y: None = None, *, neighbours: NeighbourTable | None = None) -> "DensityPeaks":
        """Cluster ``X`` [N, D]; ``neighbours`` spares the search."""
        rows = _validated(self, X, least=2)
        if neighbours is None:
            wanted = max(self.n_neighbors, self.k_density, 2)
            indices, distances = nearest_neighbours(rows, wanted)
        else:
            indices, distances = _checked_table(neighbours, rows, 1)
        if self.dimension is None:
            _require_columns(distances, 2)
            self.dimension_ = two_nn(*distinct_distances(indices, distances)).dimension
        else:
            self.dimension_ = float(self.dimension)
        result = density_peaks(
            rows,
            indices,
            distances,
            n_clusters=self.n_clusters,
            dimension=self.dimension_,
            k_density=self.k_density,
        )
        self.labels_ = result.labels
        self.density_ = result.density
        self.delta_ = result.delta
        self.nearest_denser_ = result.nearest_denser
        self.centers_ = result.centers
        return self


class Agglomerative(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Hierarchical clustering that keeps the whole tree.

    Parameters
    ----------
    n_clusters : int, default=2
        Where ``labels_`` cuts the tree.
    linkage : {"ward", "single", "complete", "average", "centroid"}, default="ward"
        Ward takes memory linear in N; the others hold all distances (at most 23,170 rows).

    Attributes
    ----------
    linkage_matrix_ : float64 [N - 1, 4]
        SciPy's format.
    labels_ : int32 [N]
        ``cut(n_clusters)``.
    n_features_in_ : int
    """

    def __init__(self, n_clusters: int = 2, *, linkage: LinkageMethod = "ward") -> None:
        self.n_clusters = n_clusters
        self.linkage = linkage

    def fit(self, X: ArrayLike, y: None = None) -> "Agglomerative":
        """Build the tree of ``X`` [N, D]."""
        rows = _validated(self, X, least=2)
        self.linkage_matrix_ = linkage_matrix(rows, self.linkage)
        self.labels_ = cut_tree(self.linkage_matrix_, self.n_clusters)
        return self

    def cut(self, k: int) -> NDArray[np.int32]:
        """Give the labels of ``k`` clusters, numbered in the order of their first rows."""
        check_is_fitted(self)
        return cut_tree(self.linkage_matrix_, k)


class MiniBatchKMeans(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Minibatch k-means with no empty clusters and exact assignments.

    Parameters
    ----------
    n_clusters : int, default=8
        At most the number of distinct rows.
    batch_size : int, default=1024
    max_epochs : int, default=100
    n_init : int, default=3
    random_state : int, default=0
        A seed; results are the same for the same seed.

    Attributes
    ----------
    labels_ : int32 [N]
    cluster_centers_ : float32 or float64 [n_clusters, D]
    inertia_ : float
        Sum of squared distances to the centres.
    n_iter_ : int
        Minibatches.
    n_features_in_ : int
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        batch_size: int = 1024,
        max_epochs: int = 100,
        n_init: int = 3,
        random_state: int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.n_init = n_init
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: None = None) -> "MiniBatchKMeans":
        """Cluster ``X`` [N, D]."""
        result = minibatch_kmeans(
            _validated(self, X, least=1),
            self.n_clusters,
            seed=self.random_state,
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            n_init=self.n_init,
        )
        self.labels_ = result.labels
        self.cluster_centers_ = result.centers
        self.inertia_ = result.inertia
        self.n_iter_ = result.n_iterations
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:
        """Give the nearest centre of every row, int32 [N]."""
        check_is_fitted(self)
        return assign_to_centers(_validated(self, X, reset=False), self.cluster_centers_)[0]


def _validated(
    estimator: BaseEstimator, X: ArrayLike, *, least: int = 1, reset: bool = True
) -> NDArray[np.float32] | NDArray[np.float64]:
    checked: NDArray[Any] = validate_data(
        estimator, X, dtype=(np.float64, np.float32), ensure_min_samples=least, reset=reset
    )
    return checked


def _checked_table(
    neighbours: NeighbourTable, rows: NDArray[Any], least: int
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    indices, distances = np.asarray(neighbours[0]), np.asarray(neighbours[1])
    if indices.shape != distances.shape or indices.ndim != 2 or len(indices) != len(rows):
        raise UsageError(
            f"neighbours have the shapes {indices.shape} and {distances.shape}; expected [{len(rows)}, K] twice"
        )
    _require_columns(distances, least)
    return indices, distances


def _require_columns(distances: NDArray[Any], least: int) -> None:
    if distances.shape[1] < least:
        raise UsageError(
            f"there are {distances.shape[1]} neighbours a row; expected at least {least}: "
            "give a wider table, or more rows"
        )
