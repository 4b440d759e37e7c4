"""scikit-learn style estimators over the kernels.

They follow scikit-learn's conventions (``fit``, ``labels_``, ``get_params``) and accept NumPy arrays, memory
maps and Dask arrays (which are computed, but for `MiniBatchKMeans`, which reads them block by block). Where a table of
nearest neighbours is at hand, `TwoNN`, `DensityPeaks` and `AdvancedDensityPeaks` take it:
``fit(X, neighbours=(indices, distances))``. Torch is imported when a network is fitted.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from pipeline.errors import UsageError
from pipeline.estimator_bases import Clusterer, Estimator
from pipeline.kernels.arrays import Vectors
from pipeline.kernels.clustering.advanced_density_peaks import Z, advanced_density_peaks
from pipeline.kernels.clustering.assignment import assign_to_centers
from pipeline.kernels.clustering.blockwise_kmeans import BLOCK_ROWS, MAX_SWEEPS, k_means
from pipeline.kernels.clustering.density_peaks import (
    K_DENSITY,
    cut_at_peaks,
    decision_graph_of,
    knn_log_density,
    label_by_centers,
)
from pipeline.kernels.clustering.linkage import LinkageMethod, count_inversions, cut_tree, linkage_matrix
from pipeline.kernels.clustering.lloyd import ArrayReader
from pipeline.kernels.clustering.minibatch import StreamState, minibatch_step
from pipeline.kernels.clustering.peak_hierarchy import PeakHierarchy, peak_hierarchy
from pipeline.kernels.clustering.point_adaptive_density import FEWEST_NEIGHBOURS
from pipeline.kernels.clustering.radius_density import radius_log_density, radius_of_mean_neighbours
from pipeline.kernels.dimension.two_nn import COLUMNS, TwoNNEstimate, distinct_distances, two_nn
from pipeline.kernels.neighbours.nearest import nearest_neighbours
from pipeline.network_estimators import (
    ContrastiveEmbedding,
    DeepEmbeddedClustering,
    StackedAutoencoder,
    VectorAutoencoder,
)
from pipeline.search_backends.devices import Device, device_here, nearest_on

__all__ = [
    "AdvancedDensityPeaks",
    "Agglomerative",
    "ContrastiveEmbedding",
    "DeepEmbeddedClustering",
    "DensityPeaks",
    "MiniBatchKMeans",
    "NeighbourTable",
    "StackedAutoencoder",
    "TwoNN",
    "VectorAutoencoder",
]

NeighbourTable = tuple[ArrayLike, ArrayLike]
"""Indices [N, K] and distances [N, K] as `pipeline.kernels.neighbours.nearest.nearest_neighbours` gives them."""


class TwoNN(Estimator):
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


class DensityPeaks(Clusterer):
    """Clustering by density peaks (doi 10.1126/science.1242072).

    Parameters
    ----------
    n_clusters : int, default=8
        Centres to take, most prominent first.
    kernel : {"neighbours", "cutoff", "gaussian"}, default="neighbours"
        What the density is estimated from: the distance to the k-th neighbour, the points within a radius, or all
        points with Gaussian weights.
    n_neighbors : int, default=100
        Neighbours to search where no table is given; clipped to N - 1. More of them leave fewer exact
        searches for denser points; the result does not depend on it.
    k_density : int, default=20
        Neighbours that the density is estimated from.
    radius : float or None, default=None
        Of the cut-off and the Gaussian kernel; None: half of ``n_neighbors`` lie within it on average, at most 2% of N.
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
        kernel: Literal["neighbours", "cutoff", "gaussian"] = "neighbours",
        n_neighbors: int = 100,
        k_density: int = K_DENSITY,
        radius: float | None = None,
        dimension: float | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.kernel = kernel
        self.n_neighbors = n_neighbors
        self.k_density = k_density
        self.radius = radius
        self.dimension = dimension

    def fit(
        self,
        X: ArrayLike,
        y: None = None,
        *,
        neighbours: NeighbourTable | None = None,
        centers: ArrayLike | None = None,
    ) -> "DensityPeaks":
        """Cluster ``X`` [N, D]; ``neighbours`` spares the search, ``centers`` are rows picked by hand."""
        rows = _validated(self, X, least=2)
        indices, distances = _table_for(rows, neighbours, max(self.n_neighbors, self.k_density, 2))
        self.dimension_ = _dimension_for(self.dimension, indices, distances)
        self._graph = decision_graph_of(self._density(rows, indices, distances), rows, indices, distances)
        if centers is None:
            self.labels_, self.centers_ = cut_at_peaks(self._graph, self.n_clusters)
        else:
            self.centers_ = np.asarray(centers)
            self.labels_ = label_by_centers(self._graph, self.centers_)
        self.density_ = self._graph.density
        self.delta_ = self._graph.delta
        self.nearest_denser_ = self._graph.nearest_denser
        return self

    def _density(self, rows: Vectors, indices: ArrayLike, distances: NDArray[np.generic]) -> NDArray[np.float64]:
        if self.kernel == "neighbours":
            return knn_log_density(distances, dimension=self.dimension_, k_density=self.k_density)
        radius = self.radius
        if radius is None:
            radius = radius_of_mean_neighbours(distances, min(distances.shape[1] / 2, max(0.02 * len(rows), 1)))
        return radius_log_density(
            rows, indices, distances, radius=radius, kernel=self.kernel, dimension=self.dimension_
        )

    def hierarchy(self, k_max: int) -> PeakHierarchy:
        """All cuts into 1 to ``k_max`` clusters, from the decision graph that was fitted."""
        check_is_fitted(self)
        return peak_hierarchy(self._graph, k_max)


class AdvancedDensityPeaks(Clusterer):
    """Density peaks that the density's error cannot explain (doi 10.1016/j.ins.2021.01.010); finds their number.

    Parameters
    ----------
    z : float, default=1.6
        Errors that a peak must stand above its saddles.
    n_neighbors : int or None, default=None
        Neighbours to search where no table is given, the most that a density is estimated from. None: 100, but at most
        a quarter of the rows: a density of half the set tells nothing of its peaks.
    dimension : float or None, default=None
        Intrinsic dimension for the density; None estimates it (2-NN, 90%).
    halo : bool, default=False
        Whether points that are less dense than the highest saddle of their cluster get the label -1.

    Attributes
    ----------
    labels_ : int32 [N]
    density_, density_error_ : float64 [N]
        Logarithm of the density, and its standard error.
    centers_ : int64 [n_clusters]
        The centres' rows; cluster c is that of ``centers_[c]``.
    halo_ : bool [N]
    saddles_ : int64 [n_clusters, n_clusters]
        Row of the saddle between two clusters; -1 where they do not touch.
    tree_ : PeakTree
        How clusters merge at this confidence and would at higher ones.
    dimension_ : float
    n_features_in_ : int
    """

    def __init__(
        self, z: float = Z, *, n_neighbors: int | None = None, dimension: float | None = None, halo: bool = False
    ) -> None:
        self.z = z
        self.n_neighbors = n_neighbors
        self.dimension = dimension
        self.halo = halo

    def fit(self, X: ArrayLike, y: None = None, *, neighbours: NeighbourTable | None = None) -> "AdvancedDensityPeaks":
        """Cluster ``X`` [N, D], 5 rows at least; ``neighbours`` spares the search."""
        rows = _validated(self, X, least=FEWEST_NEIGHBOURS + 2)
        wanted = min(100, len(rows) // 4) if self.n_neighbors is None else self.n_neighbors
        indices, distances = _table_for(rows, neighbours, max(wanted, FEWEST_NEIGHBOURS + 1))
        self.dimension_ = _dimension_for(self.dimension, indices, distances)
        found = advanced_density_peaks(indices, distances, dimension=self.dimension_, z=self.z)
        self.labels_ = np.where(found.halo, np.int32(-1), found.labels) if self.halo else found.labels
        self.density_ = found.density.log_density
        self.density_error_ = found.density.error
        self.centers_, self.halo_ = found.centers, found.halo
        self.saddles_, self.tree_ = found.saddles, found.tree
        return self


class Agglomerative(Clusterer):
    """Hierarchical clustering that keeps the whole tree.

    Parameters
    ----------
    n_clusters : int, default=2
        Where ``labels_`` cuts the tree; at most the number of distinct rows.
    linkage : {"ward", "single", "complete", "average", "centroid"}, default="ward"
        Ward and single take memory linear in N; the others hold all distances (up to 56,755 distinct rows in 6 GiB).

    Attributes
    ----------
    linkage_matrix_ : float64 [N - 1, 4]
        SciPy's format.
    labels_ : int32 [N]
        ``cut(n_clusters)``.
    n_inversions_ : int
        Merges lower than one of their parts; 0 but for centroid linkage.
    n_features_in_ : int
    """

    def __init__(self, n_clusters: int = 2, *, linkage: LinkageMethod = "ward") -> None:
        self.n_clusters = n_clusters
        self.linkage = linkage

    def fit(self, X: ArrayLike, y: None = None) -> "Agglomerative":
        """Build the tree of ``X`` [N, D]."""
        rows = _validated(self, X, least=2)
        self.linkage_matrix_ = linkage_matrix(rows, self.linkage)
        self.n_inversions_ = count_inversions(self.linkage_matrix_)
        self.labels_ = cut_tree(self.linkage_matrix_, self.n_clusters)
        return self

    def cut(self, k: int) -> NDArray[np.int32]:
        """Give the labels of ``k`` clusters, numbered in the order of their first rows."""
        check_is_fitted(self)
        return cut_tree(self.linkage_matrix_, k)


class MiniBatchKMeans(Clusterer):
    """k-means from starts on one large batch, then full sweeps; no empty clusters and exact assignments.

    ``fit`` reads Dask arrays block by block, several times, and never holds more than a block and the batch.

    Parameters
    ----------
    n_clusters : int, default=8
        At most the number of distinct rows.
    batch_size : int or None, default=None
        Rows that starts are tried on; None: 256 a cluster and at least 32,768, at most 256 MiB.
    max_epochs : int, default=100
        At most so many sweeps over all rows move the centres.
    n_init : int or None, default=None
        Starts; None: two to twenty, as many as are cheap.
    tolerance : float or None, default=None
        It ends when at most this share of the rows changed their label; None: 0 for small sets, else 0.001.
    random_state : int, default=0
        A seed; results are the same for the same seed.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the products of sweeps are made; ``auto``: on a GPU where there is one. It changes no result.

    Attributes
    ----------
    labels_ : int32 [N]
        Of the last batch after ``partial_fit``.
    cluster_centers_ : float32 or float64 [n_clusters, D]
    inertia_ : float
        Sum of squared distances to the centres; of the last batch after ``partial_fit``, before they moved.
    counts_ : int64 [n_clusters]
        Rows that each centre is the mean of.
    n_iter_ : int
        Sweeps, or batches.
    start_inertias_ : tuple of float
        Of the starts on their batch, best first.
    n_features_in_ : int
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        batch_size: int | None = None,
        max_epochs: int = MAX_SWEEPS,
        n_init: int | None = None,
        tolerance: float | None = None,
        random_state: int = 0,
        device: Device = "cpu",
    ) -> None:
        self.n_clusters = n_clusters
        self.device = device
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.n_init = n_init
        self.tolerance = tolerance
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: None = None) -> "MiniBatchKMeans":
        """Cluster ``X`` [N, D]."""
        rows = _rows_to_read(self, X)
        result = k_means(
            ArrayReader(rows),
            rows.shape[0],
            [self.n_clusters],
            seed=self.random_state,
            n_starts=self.n_init,
            sample_rows=self.batch_size,
            max_sweeps=self.max_epochs,
            tolerance=self.tolerance,
            nearest=nearest_on(device_here(self.device)),
        )[0]
        self.labels_ = result.labels
        self.cluster_centers_ = result.centers
        self.inertia_ = result.inertia
        self.n_iter_ = result.n_iterations
        self.start_inertias_ = result.start_inertias
        self.counts_ = np.bincount(result.labels, minlength=self.n_clusters)
        return self

    def partial_fit(self, X: ArrayLike, y: None = None) -> "MiniBatchKMeans":
        """Move the centres by one more batch [n, D]; the first one, of n_clusters distinct rows at least, is clustered.

        After ``fit`` it goes on from there: a centre is the mean of all rows that were ever given to it.
        """
        if not hasattr(self, "cluster_centers_"):
            return self.fit(_validated(self, X))
        rows = _validated(self, X, reset=False)
        state, labels, distances_sq = minibatch_step(StreamState(self.cluster_centers_, self.counts_), rows)
        self.labels_, self.inertia_ = labels, float(distances_sq.sum())
        self.cluster_centers_, self.counts_ = state.centers, state.counts
        self.n_iter_ += 1
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:
        """Give the nearest centre of every row, int32 [N]."""
        check_is_fitted(self)
        rows = _rows_to_read(self, X, reset=False)
        read = ArrayReader(rows)
        blocks = [read(start, start + BLOCK_ROWS) for start in range(0, rows.shape[0], BLOCK_ROWS)]
        return np.concatenate([assign_to_centers(block, self.cluster_centers_)[0] for block in blocks])


def _rows_to_read(estimator: BaseEstimator, X: Any, *, reset: bool = True) -> Any:
    """A Dask array as it is, its shape checked; anything else validated."""
    if not hasattr(X, "__dask_graph__") or not hasattr(X, "shape"):
        return _validated(estimator, X, reset=reset)
    if len(X.shape) != 2 or not all(np.isfinite(X.shape)) or min(X.shape) < 1:
        raise UsageError(f"the Dask array has the shape {X.shape}; expected known numbers of rows and features")
    if reset:
        estimator.n_features_in_ = int(X.shape[1])
    elif X.shape[1] != estimator.n_features_in_:
        raise UsageError(f"X has {X.shape[1]} features; expected {estimator.n_features_in_} as in fit")
    return X


def _table_for(
    rows: Vectors, neighbours: NeighbourTable | None, wanted: int
) -> tuple[NDArray[np.int64], NDArray[np.generic]]:
    return nearest_neighbours(rows, wanted) if neighbours is None else _checked_table(neighbours, rows, 1)


def _dimension_for(given: float | None, indices: NDArray[np.int64], distances: NDArray[np.generic]) -> float:
    if given is not None:
        return float(given)
    _require_columns(distances, 2)
    return two_nn(*distinct_distances(indices, distances)).dimension


def _validated(
    estimator: BaseEstimator, X: ArrayLike, *, least: int = 1, reset: bool = True
) -> NDArray[np.float32] | NDArray[np.float64]:
    checked: NDArray[Any] = validate_data(
        estimator, X, dtype=(np.float64, np.float32), ensure_min_samples=least, reset=reset
    )
    return checked


def _checked_table(
    neighbours: NeighbourTable, rows: NDArray[np.generic], least: int
) -> tuple[NDArray[np.int64], NDArray[np.generic]]:
    indices, distances = np.asarray(neighbours[0]), np.asarray(neighbours[1])
    if indices.shape != distances.shape or indices.ndim != 2 or len(indices) != len(rows):
        raise UsageError(
            f"neighbours have the shapes {indices.shape} and {distances.shape}; expected [{len(rows)}, K] twice"
        )
    _require_columns(distances, least)
    return indices, distances


def _require_columns(distances: NDArray[np.generic], least: int) -> None:
    if distances.shape[1] < least:
        raise UsageError(
            f"there are {distances.shape[1]} neighbours a row; expected at least {least}: "
            "give a wider table, or more rows"
        )
