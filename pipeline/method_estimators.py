"""Every method of the recipes as a scikit-learn estimator, from its entry in the table of methods."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ValidationError
from sklearn.utils.validation import validate_data

from pipeline.clustering_methods.base import MethodSettings
from pipeline.clustering_methods.points import make_points
from pipeline.clustering_methods.registry import METHODS, method_of
from pipeline.errors import UsageError
from pipeline.estimator_bases import Clusterer
from pipeline.runtime.keys import random_seed


class ClusteringByMethod(Clusterer):
    """Clustering by a method of the recipes, with the results that the stage stores for the same vectors and seeds.

    Parameters
    ----------
    method : str, default="ward"
        One of `cluster.methods` (docs/clustering.md).
    n_clusters : int, default=8
        At most the number of distinct rows. Of no meaning to a method that finds its own number.
    settings : mapping or None, default=None
        The method's settings, as a recipe's line has them, but for ``k``.
    random_state : int, default=0

    Attributes
    ----------
    labels_ : int32 [N]
        -1 where a point is in no cluster.
    columns_, arrays_ : dict of str to ndarray
        What the method adds: values of each point, and the rest (centres, a linkage matrix).
    n_features_in_ : int

    Examples
    --------
    >>> ClusteringByMethod("single", n_clusters=2).fit([[0.0], [1.0], [9.0]]).labels_.tolist()
    [0, 0, 1]
    """

    def __init__(
        self,
        method: str = "ward",
        n_clusters: int = 8,
        *,
        settings: Mapping[str, object] | None = None,
        random_state: int = 0,
    ) -> None:
        self.method = method
        self.n_clusters = n_clusters
        self.settings = settings
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: None = None) -> "ClusteringByMethod":
        """Cluster ``X`` [N, D]; it is held in memory."""
        chosen = self._settings()
        rows: NDArray[Any] = validate_data(self, X, dtype=(np.float64, np.float32), ensure_min_samples=2)
        if len(rows) > chosen.max_points:
            raise UsageError(f"{len(rows):,} rows are more than max_points = {chosen.max_points:,} of {self.method}")
        points = make_points(rows, chosen, partial(random_seed, self.random_state))
        found = method_of(chosen).fit(points, chosen, chosen.counts((self.n_clusters,)))
        self.labels_ = found.labels[:, 0]
        self.columns_, self.arrays_ = {**found.columns, **found.positions}, dict(found.arrays)
        return self

    def _settings(self) -> MethodSettings:
        entry = next((entry for entry in METHODS if entry.name == self.method), None)
        if entry is None:
            raise UsageError(f"there is no method {self.method!r}; there are {', '.join(e.name for e in METHODS)}")
        try:
            return entry.settings.model_validate({**(self.settings or {}), "method": self.method})
        except ValidationError as error:
            raise UsageError(f"the settings of {self.method} do not validate: {error}") from error
