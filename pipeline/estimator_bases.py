"""What our estimators share with those of scikit-learn, which has no types: the one place that says so."""

from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin


class Estimator(BaseEstimator):  # type: ignore[misc]
    """Anything with `fit` and settings."""


class Clusterer(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Leaves ``labels_``."""


class Transformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Makes rows out of rows."""
