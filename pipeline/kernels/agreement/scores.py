"""How well two labellings of the same points agree.

Labels are integers or text; how they are numbered does not matter. **Negative integers mean "no label"**
(noise of a density clustering, a picture nobody labelled). By default a point without a label on either side
is left out, and `AgreementScores.n_scored` says how many were scored: read a score beside that number. The
other rules of `NoiseRule` count such points as clusters of one, or as one cluster more.

Entropies are in nats. The mutual information is normalised by the geometric mean of both entropies.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import StageError, UsageError
from pipeline.kernels.arrays import InvalidDataError, as_codes

NoiseRule = Literal["exclude", "singletons", "cluster"]
"""What a negative label means: not scored; a cluster of its own; or a label like any other."""

_MOST_DENSE_CELLS = 1 << 27
_DENSE_CELLS_A_POINT = 4
_SMALL_TABLE_CELLS = 1 << 16


@dataclass(frozen=True, slots=True)
class AgreementScores:
    """Scores of a clustering against known labels.

    Attributes
    ----------
    n_scored : int
        Points that have a label on both sides (all points under the other noise rules).
    nmi : float
        Normalised mutual information (geometric mean), 0 to 1.
    ari : float
        Adjusted Rand index, at most 1; 0 expected by chance.
    homogeneity : float
        1 if every cluster holds one label only.
    completeness : float
        1 if every label lies in one cluster only.
    majority_accuracy : float
        Share of points whose label is the most frequent one of their cluster (purity).
    hungarian_accuracy : float
        Share of points right under the best one-to-one matching of clusters to labels.
    """

    n_scored: int
    nmi: float
    ari: float
    homogeneity: float
    completeness: float
    majority_accuracy: float
    hungarian_accuracy: float


@dataclass(frozen=True, slots=True)
class Contingency:
    """How many points each pair of labels has in common; only pairs that occur.

    Attributes
    ----------
    rows, columns, counts : int64 [n_pairs]
        Label of the first labelling, of the second, points; ordered by (row, column).
    row_totals, column_totals : int64
        Points of each label, all positive.
    row_labels, column_labels : ndarray
        The labels themselves, sorted.
    n_points : int
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    counts: NDArray[np.int64]
    row_totals: NDArray[np.int64]
    column_totals: NDArray[np.int64]
    row_labels: NDArray[np.generic]
    column_labels: NDArray[np.generic]
    n_points: int

    def dense(self) -> NDArray[np.int64]:
        """Give the whole table, [row labels, column labels].

        Raises
        ------
        StageError
            More than 2**27 cells (1 GiB).
        """
        shape = len(self.row_totals), len(self.column_totals)
        if shape[0] * shape[1] > _MOST_DENSE_CELLS:
            raise StageError(
                f"a table of {shape[0]:,} by {shape[1]:,} labels would need "
                f"{shape[0] * shape[1] * 8 / 2**30:.1f} GiB; one-to-one matching is meant for fewer"
            )
        table = np.zeros(shape, dtype=np.int64)
        table[self.rows, self.columns] = self.counts
        return table


def contingency(labels_a: ArrayLike, labels_b: ArrayLike, *, noise: NoiseRule = "exclude") -> Contingency:
    """Count the points of every pair of labels.

    Parameters
    ----------
    labels_a, labels_b : array_like, [N]
        Integers or text.
    noise : {"exclude", "singletons", "cluster"}
        What a negative integer means.

    Raises
    ------
    UsageError
        Lengths differ, floats, or an unknown rule.
    InvalidDataError
        No point is left to score.
    """
    if noise not in get_args(NoiseRule):
        raise UsageError(f"the noise rule is {noise!r}; expected one of {', '.join(get_args(NoiseRule))}")
    a, b = np.asarray(labels_a), np.asarray(labels_b)
    if a.ndim != 1 or a.shape != b.shape:
        raise UsageError(
            f"the labellings have the shapes {a.shape} and {b.shape}; expected one axis over the same points"
        )
    if noise == "exclude":
        scored = ~(_unlabelled(a) | _unlabelled(b))
        a, b = a[scored], b[scored]
    elif noise == "singletons":
        a, b = _own_clusters(a), _own_clusters(b)
    row_codes, row_labels = as_codes(a, "labels_a")
    column_codes, column_labels = as_codes(b, "labels_b")
    if len(row_codes) == 0:
        raise InvalidDataError("no point has a label on both sides: there is nothing to score")
    cells, counts = _count_cells(row_codes * len(column_labels) + column_codes, len(row_labels) * len(column_labels))
    return Contingency(
        rows=cells // len(column_labels),
        columns=cells % len(column_labels),
        counts=counts,
        row_totals=np.bincount(row_codes),
        column_totals=np.bincount(column_codes),
        row_labels=row_labels,
        column_labels=column_labels,
        n_points=len(row_codes),
    )


def normalized_mutual_information(labels_a: ArrayLike, labels_b: ArrayLike, *, noise: NoiseRule = "exclude") -> float:
    """Give the mutual information over the geometric mean of both entropies.

    1 for two constant labellings, 0 for a constant one against a varied one.

    Parameters
    ----------
    labels_a, labels_b : array_like, [N]
        Integers or text; negative integers by the rule ``noise``.

    Raises
    ------
    UsageError, InvalidDataError
        As `contingency`.

    Examples
    --------
    >>> normalized_mutual_information([0, 0, 1, 1], ["x", "x", "y", "y"])
    1.0
    """
    return _nmi(contingency(labels_a, labels_b, noise=noise))


def adjusted_rand_index(labels_a: ArrayLike, labels_b: ArrayLike, *, noise: NoiseRule = "exclude") -> float:
    """Give the Rand index adjusted for chance; 1 where both are one cluster, or both all singletons.

    Raises as `contingency`.

    References
    ----------
    L. Hubert, P. Arabie, "Comparing partitions", Journal of Classification 2, 193 (1985),
    doi 10.1007/BF01908075.
    """
    return _ari(contingency(labels_a, labels_b, noise=noise))


def homogeneity(truth: ArrayLike, clusters: ArrayLike, *, noise: NoiseRule = "exclude") -> float:
    """Give ``1 - H(truth | clusters) / H(truth)``; 1 for a constant truth. Raises as `contingency`."""
    table = contingency(truth, clusters, noise=noise)
    return _share_explained(table, table.row_totals)


def completeness(truth: ArrayLike, clusters: ArrayLike, *, noise: NoiseRule = "exclude") -> float:
    """Give ``1 - H(clusters | truth) / H(clusters)``; 1 for constant clusters. Raises as `contingency`."""
    table = contingency(truth, clusters, noise=noise)
    return _share_explained(table, table.column_totals)


def majority_accuracy(truth: ArrayLike, clusters: ArrayLike, *, noise: NoiseRule = "exclude") -> float:
    """Give the share of points whose label is their cluster's most frequent. Raises as `contingency`."""
    return _majority(contingency(truth, clusters, noise=noise))


def hungarian_accuracy(truth: ArrayLike, clusters: ArrayLike, *, noise: NoiseRule = "exclude") -> float:
    """Give the share of points right when each cluster stands for one label, and no two for the same.

    Raises as `contingency`, and StageError for more than 2**27 pairs of labels.

    References
    ----------
    H. W. Kuhn, "The Hungarian method for the assignment problem", Naval Research Logistics 2, 83 (1955),
    doi 10.1002/nav.3800020109.
    """
    return _matched(contingency(truth, clusters, noise=noise))


def agreement_scores(truth: ArrayLike, clusters: ArrayLike, *, noise: NoiseRule = "exclude") -> AgreementScores:
    """Give all scores from one table. Raises as `hungarian_accuracy`.

    Parameters
    ----------
    truth : array_like, [N]
        The known labels; negative integers (or, for text, nothing) mean unlabelled.
    clusters : array_like, [N]
    """
    table = contingency(truth, clusters, noise=noise)
    return AgreementScores(
        n_scored=table.n_points,
        nmi=_nmi(table),
        ari=_ari(table),
        homogeneity=_share_explained(table, table.row_totals),
        completeness=_share_explained(table, table.column_totals),
        majority_accuracy=_majority(table),
        hungarian_accuracy=_matched(table),
    )


def _unlabelled(labels: NDArray[np.generic]) -> NDArray[np.bool_]:
    if labels.dtype.kind == "i":
        negative: NDArray[np.bool_] = np.asarray(labels, dtype=np.int64) < 0
        return negative
    return np.zeros(labels.shape, dtype=np.bool_)


def _own_clusters(labels: NDArray[np.generic]) -> NDArray[np.generic]:
    alone = _unlabelled(labels)
    if not alone.any():
        return labels
    _, codes = np.unique(labels, return_inverse=True)
    own: NDArray[np.int64] = codes.astype(np.int64)
    own[alone] = len(labels) + np.flatnonzero(alone)
    return own


def _count_cells(cells: NDArray[np.int64], n_cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if n_cells <= max(_DENSE_CELLS_A_POINT * len(cells), _SMALL_TABLE_CELLS):
        counts = np.bincount(cells, minlength=n_cells)
        occupied = np.flatnonzero(counts)
        return occupied, counts[occupied]
    occupied, counts = np.unique(cells, return_counts=True)
    return occupied, counts


def _entropy(totals: NDArray[np.int64]) -> float:
    from scipy.special import xlogy

    share = totals / totals.sum()
    return 0.0 if len(totals) == 1 else float(-xlogy(share, share).sum())


def _mutual_information(table: Contingency) -> float:
    expected = table.row_totals[table.rows] * (table.column_totals[table.columns] / table.n_points)
    information = float(np.sum(table.counts * np.log(table.counts / expected))) / table.n_points
    return max(information, 0.0)


def _nmi(table: Contingency) -> float:
    n_rows, n_columns = len(table.row_totals), len(table.column_totals)
    if n_rows == 1 or n_columns == 1:
        return float(n_rows == n_columns)
    if len(table.counts) == n_rows == n_columns:  # the same partition: exactly 1, not 1 less rounding
        return 1.0
    scale = math.sqrt(_entropy(table.row_totals) * _entropy(table.column_totals))
    return min(_mutual_information(table) / scale, 1.0)


def _share_explained(table: Contingency, totals: NDArray[np.int64]) -> float:
    if len(totals) == 1:
        return 1.0
    return min(_mutual_information(table) / _entropy(totals), 1.0)


def _ari(table: Contingency) -> float:
    # Python integers: products of pair counts pass 2**63 from some ten thousand points on.
    n = table.n_points
    both, in_rows, in_columns = (
        int((counts * (counts - 1) // 2).sum()) for counts in (table.counts, table.row_totals, table.column_totals)
    )
    pairs = n * (n - 1) // 2
    if in_rows == in_columns == both:  # the same pairs: also where there are none at all
        return 1.0
    numerator = both * pairs - in_rows * in_columns
    return 2 * numerator / ((in_rows + in_columns) * pairs - 2 * in_rows * in_columns)


def _majority(table: Contingency) -> float:
    most = np.zeros(len(table.column_totals), dtype=np.int64)
    np.maximum.at(most, table.columns, table.counts)
    return int(most.sum()) / table.n_points


def _matched(table: Contingency) -> float:
    from scipy.optimize import linear_sum_assignment

    dense = table.dense()
    return int(dense[linear_sum_assignment(dense, maximize=True)].sum()) / table.n_points
