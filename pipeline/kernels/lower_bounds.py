"""Short rows whose distances never exceed those of the rows themselves, errors of rounding included.

For a matrix ``W`` of p columns that stretches nothing (``|W^T x| <= |x|``), let
``y(x) = (W^T x, sqrt(|x|^2 - |W^T x|^2))``. The last feature is ``|(I - W W^T)^(1/2) x|``, a norm, so that
``|y(a) - y(b)|^2 <= |W^T (a - b)|^2 + |(I - W W^T)^(1/2) (a - b)|^2 = |a - b|^2``: the principal components with
the length of the remainder bound a distance from below. `full_rows` keeps all features, where the bound is the
distance itself; `shortened_rows` keeps some of them.

Rounding, with ``u = 2**-24``, rows centred and scaled into [-1, 1] and ``M`` the largest of their norms: the short
rows are computed in float64 and rounded once, which moves each by at most ``eta |x|``; hence
``|a - b| >= |Y_a - Y_b| - 2 eta M``. The matrix product of the rounded rows is float32: `lowered_norms` takes its
error off the norms, so that ``norm_a + norm_b - 2 Y_a.Y_b`` as computed never exceeds ``|Y_a - Y_b|^2`` but for
underflow (less than ``D 2**-118``).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import Vectors
from pipeline.kernels.exact_search import Frame

MOST_COMPONENTS = 128

_UNIT_ROUNDOFF = 2.0**-24
_FLOAT64_ROUNDOFF = 2.0**-53
_SHRINK = 1 - 4e-6  # more than float32 can stretch 128 orthonormal columns by
_FIT_ROWS = 4096
_BLOCK_ROWS = 2048
_SPARE_COMPONENTS = 16


@dataclass(frozen=True, slots=True)
class LowerBounds:
    """Rows whose float32 products bound all distances of a set from below.

    Attributes
    ----------
    rows : float32 [N, p + 1] or [N, D]
        In units of ``1 / frame.scale``.
    norms : float32 [N]
        Squared norms of ``rows``, lowered by the error of the products.
    slack : float
        A distance times ``frame.scale`` is at least ``sqrt(bound - underflow) - slack``.
    underflow : float
    scale : float
        Of the frame.
    """

    rows: NDArray[np.float32]
    norms: NDArray[np.float32]
    slack: float
    underflow: float
    scale: float

    def reordered(self, order: NDArray[np.int64]) -> "LowerBounds":
        """The same bounds with row ``order[i]`` in place i."""
        return LowerBounds(self.rows[order], self.norms[order], self.slack, self.underflow, self.scale)


def full_rows(vectors: Vectors, frame: Frame) -> LowerBounds:
    """All features, centred and rounded to float32: ``4 N D`` bytes."""
    rows = np.empty(vectors.shape, dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK_ROWS):
        rows[start : start + _BLOCK_ROWS] = centred(vectors[start : start + _BLOCK_ROWS], frame)
    return _bounds(rows, 2 * _UNIT_ROUNDOFF, frame)


def shortened_rows(vectors: Vectors, frame: Frame, components: int) -> LowerBounds:
    """Principal components and the length of the remainder; any basis is right, a good one bounds tightly.

    Time ``2 N D p`` float64 operations and ``20 min(N, 4096) D p`` to find the basis.
    """
    width = vectors.shape[1]
    basis = contracting_basis(vectors, frame, components)
    rows = np.empty((len(vectors), basis.shape[1] + 1), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = centred(vectors[start : start + _BLOCK_ROWS], frame)
        part = rows[start : start + _BLOCK_ROWS]
        projected = block @ basis
        part[:, :-1] = projected
        rest = np.einsum("ij,ij->i", block, block) - np.einsum("ij,ij->i", projected, projected)
        part[:, -1] = np.sqrt(np.maximum(rest, 0))
    rest_error = _FLOAT64_ROUNDOFF * (width + 8) * (2.1 * math.sqrt(basis.shape[1]) + 3)
    return _bounds(rows, 2 * _UNIT_ROUNDOFF + 1.1 * math.sqrt(rest_error), frame)


def fewer_components(bounds: LowerBounds, components: int) -> LowerBounds:
    """Keep the first components of `shortened_rows` and fold the others into the remainder.

    The remainder's length is a norm of the features folded, so no error grows but by one rounding.
    """
    tail = bounds.rows[:, components:].astype(np.float64)
    rest = np.sqrt(np.einsum("ij,ij->i", tail, tail))[:, None]
    rows = np.concatenate([bounds.rows[:, :components], rest.astype(np.float32)], axis=1)
    norms = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    largest = math.sqrt(float(norms.max(initial=0.0)))
    slack = bounds.slack + 4 * _UNIT_ROUNDOFF * largest
    return LowerBounds(rows, lowered_norms(norms, rows.shape[1]), slack, bounds.underflow, bounds.scale)


def lowered_norms(norms: NDArray[np.float64], width: int) -> NDArray[np.float32]:
    """Take from squared norms what a float32 product of this width, and adding the norms, can err by.

    A product of rows a and b errs by at most ``g |a| |b|`` with ``g = width u / (1 - width u)``, rounding the norms
    and the two sums by less than ``8 u`` of the sum of both squared norms.
    """
    product_error = width * _UNIT_ROUNDOFF / (1 - width * _UNIT_ROUNDOFF)
    return (norms * (1 - 1.01 * product_error - 16 * _UNIT_ROUNDOFF)).astype(np.float32)


def contracting_basis(vectors: Vectors, frame: Frame, components: int) -> NDArray[np.float64]:
    """About the first principal components of a sample, shrunk so that no vector grows: float64 [D, p].

    Randomised subspace iteration on at most 4,096 evenly spaced rows, from a fixed seed.
    """
    chosen = np.unique(np.linspace(0, len(vectors) - 1, min(_FIT_ROWS, len(vectors))).astype(np.int64))
    sample = centred(vectors[chosen], frame).astype(np.float32)
    sought = min(components + _SPARE_COMPONENTS, sample.shape[1])
    start = np.random.default_rng(0).standard_normal((sample.shape[1], sought)).astype(np.float32)
    space = np.linalg.qr(start)[0]
    for _ in range(2):
        space = np.linalg.qr(sample.T @ (sample @ space))[0]
    scores = (sample @ space).astype(np.float64)
    _, turn = np.linalg.eigh(scores.T @ scores)
    basis = np.linalg.qr(space.astype(np.float64) @ turn[:, ::-1][:, :components])[0] * _SHRINK
    stretch = float(np.linalg.eigvalsh(basis.T @ basis)[-1])
    assert stretch < 1, f"the basis stretches by {stretch}"
    return basis


def centred(vectors: Vectors, frame: Frame) -> NDArray[np.float64]:
    """Rows about the frame's origin, in its units: float64."""
    moved: NDArray[np.float64] = np.subtract(vectors, frame.origin, dtype=np.float64)
    moved *= frame.scale
    return moved


def _bounds(rows: NDArray[np.float32], eta: float, frame: Frame) -> LowerBounds:
    norms = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    largest = math.sqrt(float(norms.max(initial=0.0))) * (1 + 1e-5)
    return LowerBounds(
        rows=rows,
        norms=lowered_norms(norms, rows.shape[1]),
        slack=2 * eta * largest,
        underflow=rows.shape[1] * 2.0**-118,
        scale=frame.scale,
    )
