"""Short rows whose distances never exceed those of the rows themselves, errors of rounding included.

The bound
    For a matrix ``W`` of p columns that stretches nothing (``|W^T x| <= |x|``), let
    ``y(x) = (W^T x, sqrt(|x|^2 - |W^T x|^2))``. The last feature is ``|R x|`` with ``R = (I - W W^T)^(1/2)``, a norm,
    and norms of two vectors differ by at most the norm of their difference, so that
    ``|y(a) - y(b)|^2 <= |W^T (a - b)|^2 + |R (a - b)|^2 = |a - b|^2``: the principal components with the length of the
    remainder bound a distance from below. `full_rows` keeps all features, where the bound is the distance itself;
    `shortened_rows` keeps some of them. Any columns of ``W`` may be left out.

What rounding does to it
    Let ``u = 2**-24``, ``v = 2**-53``, rows ``x`` centred and scaled into [-1, 1] (a common move changes no
    difference), ``M`` the largest of their norms and ``Y`` the float32 rows.

    1. Centring in float64 moves x by at most ``v |x|``. Each of the p sums of ``W^T x`` errs by at most ``D v |x|``,
       all of them together by ``D sqrt(p) v |x|``; rounding to float32 adds ``u |x|``.
    2. The square of the remainder errs by at most ``e |x|^2``, ``e = v ((2 sqrt(p) + 1) D + p + 8)``: D and p
       roundings in the two sums of squares, and twice the first error of ``W^T x``. The code takes
       ``e = v (D + 8) (2.1 sqrt(p) + 3)``, which is more for p up to 128. As ``|sqrt(s) - sqrt(t)| <= sqrt(|s - t|)``,
       the remainder errs by at most ``sqrt(e) |x|``, and replacing a negative square by 0 only brings it nearer.
    3. So ``|Y - y| <= eta |x|`` with ``eta = 2 u + 1.1 sqrt(e)`` (all features: ``2 u``), with room for the smaller
       terms, for M being taken from Y, and for features that underflow; hence ``|a - b| >= |Y_a - Y_b| - 2 eta M``:
       the `slack`.
    4. A float32 product of rows of w features errs by at most ``g |Y_a| |Y_b|``, ``g = w u / (1 - w u)``, in whatever
       order and with or without fused operations; times -2 that is at most ``g n``, n the sum of both squared norms.
       Rounding the lowered norms, their sum and the sum with the product costs less than ``6 u n``. `lowered_norms`
       takes off ``(1.01 g + 16 u) n``, so that what is computed never exceeds ``|Y_a - Y_b|^2`` but for underflow,
       which is less than ``w 2**-118`` even where subnormal numbers are flushed to zero.

Hence a distance times ``frame.scale`` is at least ``sqrt(bound - underflow) - slack``, bound as float32 computed it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.arrays import Vectors
from pipeline.kernels.neighbours.exact_search import Frame

MOST_COMPONENTS = 128

_UNIT_ROUNDOFF = 2.0**-24
_FLOAT64_ROUNDOFF = 2.0**-53
_SHRINK = 1 - 4e-6  # far more than float64 can stretch 128 orthonormal columns by
_FIT_ROWS = 4096
_FEWEST_FIT_ROWS = 1024
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


def shortened_rows(vectors: Vectors, frame: Frame, basis: NDArray[np.float64]) -> LowerBounds:
    """Coordinates along the columns of a `contracting_basis`, and the length of the remainder.

    Any basis that stretches nothing is right, a good one bounds tightly. Time ``2 N D p`` float64 operations.
    """
    width = vectors.shape[1]
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


def lowered_norms(norms: NDArray[np.float64], width: int) -> NDArray[np.float32]:
    """Take from squared norms what a float32 product of this width, and adding the norms, can err by.

    A product of rows a and b errs by at most ``g |a| |b|`` with ``g = width u / (1 - width u)``, rounding the norms
    and the two sums by less than ``8 u`` of the sum of both squared norms.
    """
    product_error = width * _UNIT_ROUNDOFF / (1 - width * _UNIT_ROUNDOFF)
    return (norms * (1 - 1.01 * product_error - 16 * _UNIT_ROUNDOFF)).astype(np.float32)


def contracting_basis(vectors: Vectors, frame: Frame, components: int) -> NDArray[np.float64]:
    """About the first principal components of a sample, shrunk so that no vector grows: float64 [D, p].

    Randomised subspace iteration on an eighth of the rows, 1,024 to 4,096 of them, evenly spaced, from a fixed seed:
    at most ``12 * 4096 D p`` float32 operations. The first columns alone are a basis for fewer components.
    """
    chosen = np.unique(np.linspace(0, len(vectors) - 1, _fit_rows(len(vectors))).astype(np.int64))
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


def _fit_rows(n_rows: int) -> int:
    return min(max(n_rows // 8, _FEWEST_FIT_ROWS), _FIT_ROWS, n_rows)


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
