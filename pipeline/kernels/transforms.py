"""Vectors made fit for clustering: directions, principal components, whitened components."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.kernels.arrays import Vectors
from pipeline.kernels.dimension.principal_components import fit_pca
from pipeline.kernels.neighbours.directions import unit_rows

_LEAST_VARIANCE = 1e-10
"""Components of a smaller share of the largest variance are rounding, and are not whitened but dropped."""


@dataclass(frozen=True, slots=True)
class Transform:
    """One step.

    Attributes
    ----------
    kind : {"l2", "pca", "whiten"}
        Rows scaled to length 1; principal components; principal components scaled to variance 1.
    amount : float
        Of components: a number of at least 1, or the share of the variance that they keep, below 1; 0 for all.
    """

    kind: Literal["l2", "pca", "whiten"]
    amount: float = 0.0


def parse_transform(text: str) -> Transform:
    """Read ``l2``, ``pca:50``, ``pca:0.95``, ``whiten`` or ``whiten:50``.

    Raises
    ------
    UsageError
        It is none of these.

    Examples
    --------
    >>> parse_transform("pca:0.95")
    Transform(kind='pca', amount=0.95)
    """
    kind, colon, amount = text.partition(":")
    try:
        value = float(amount) if colon else 0.0
    except ValueError:
        value = -1.0
    whole = value < 1 or value == int(value)
    if kind == "l2" and not colon:
        return Transform("l2")
    if kind == "pca" and colon and value > 0 and whole:
        return Transform("pca", value)
    if kind == "whiten" and (not colon or value > 0) and whole:
        return Transform("whiten", value)
    raise UsageError(
        f"{text!r} is no transform of vectors; there are l2, pca:N (components), pca:0.95 (share of the variance), "
        "whiten and whiten:N"
    )


def transformed(vectors: Vectors, steps: Sequence[Transform]) -> NDArray[np.float32]:
    """Apply steps in turn.

    Parameters
    ----------
    vectors : float32 or float64 [N, D]
    steps : sequence of Transform
        A number of components larger than ``min(N, D)`` takes all of them.

    Returns
    -------
    float32 [N, d]

    Raises
    ------
    InvalidDataError
        A NaN or an infinity, a row of zeros that has no direction, or fewer than 2 rows.

    Notes
    -----
    Time ``2 N D^2`` and memory ``32 D^2 + 8 N D`` bytes beyond the input, for components.
    """
    found: Vectors = vectors
    for step in steps:
        found = unit_rows(found) if step.kind == "l2" else _components(found, step)
    return found.astype(np.float32)


def _components(vectors: Vectors, step: Transform) -> NDArray[np.float64]:
    most = min(vectors.shape)
    fitted = fit_pca(vectors, min(int(step.amount), most) if step.amount >= 1 else most)
    kept = len(fitted.components)
    if 0 < step.amount < 1:
        kept = min(kept, int(np.searchsorted(np.cumsum(fitted.explained_variance_ratio), step.amount)) + 1)
    coordinates = fitted.transform(vectors)[:, :kept]
    if step.kind == "whiten":
        variances = fitted.explained_variance[:kept]
        real = variances > _LEAST_VARIANCE * variances[0]
        coordinates = coordinates[:, real] / np.sqrt(variances[real])
    return coordinates
