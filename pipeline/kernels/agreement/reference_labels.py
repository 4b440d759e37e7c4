"""Reference curves for the agreement with known labels: what made-up clusterings into k clusters would score.

They are references and not bounds. With a ground truth given, ``refined`` splits its categories and never
mixes them, ``orthogonal`` mixes them as evenly as can be, ``uniform`` throws dice.
"""

import heapq
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from pipeline.errors import UsageError
from pipeline.kernels.arrays import as_codes, require_count

_TAIL_PROBABILITY = 1e-18


def refined_labels(labels: ArrayLike, k: int) -> NDArray[np.int32]:
    """Refine labels to ``k`` clusters: the largest cluster is split evenly, again and again.

    At every step the category that owns the largest cluster (of equals the first in sorted order) is dealt
    into one part more, all its parts as even as possible: three parts of ten points are 4, 3, 3 and not the
    5, 3, 2 of repeated halving.

    Parameters
    ----------
    labels : array_like, [N]
        Integers or text; a negative integer is a category like any other here.
    k : int
        From the number of categories to N.

    Returns
    -------
    int32 [N]
        Every cluster lies within one category; the clusters of a category have neighbouring numbers.

    Raises
    ------
    UsageError
        ``k`` smaller than the number of categories or larger than N.
    """
    codes, categories = as_codes(labels)
    if not len(categories) <= k <= len(codes):
        raise UsageError(
            f"k is {k}; a refinement of {len(categories)} categories of {len(codes)} points has "
            f"{len(categories)} to {len(codes)} clusters"
        )
    sizes = np.bincount(codes)
    parts = _parts_by_category(sizes, k)
    first_part = np.cumsum(parts) - parts
    return (first_part[codes] + _place_in_category(codes, sizes) % parts[codes]).astype(np.int32)


def orthogonal_labels(labels: ArrayLike, k: int) -> NDArray[np.int32]:
    """Deal the labels 0..k-1 in turn to the points of the first category, on to the second, and so on.

    Every category meets every cluster as evenly as whole points allow, and the clusters' sizes differ by one
    at most.

    Parameters
    ----------
    labels : array_like, [N]
    k : int
        1 to N.

    Returns
    -------
    int32 [N]

    Raises
    ------
    UsageError
        ``k`` out of range.
    """
    codes, _ = as_codes(labels)
    require_count(k, len(codes), "k")
    dealt = np.empty(len(codes), dtype=np.int32)
    dealt[np.argsort(codes, kind="stable")] = np.arange(len(codes)) % k
    return dealt


def uniform_nmi(labels: ArrayLike, k: int) -> float:
    """Give the normalised mutual information to expect if every point drew one of ``k`` labels at random.

    The expected mutual information over the geometric mean of the labels' entropy and the expected entropy of
    the draw. Both expectations are exact (sums over binomial distributions); that their ratio stands for the
    expectation of the ratio is an approximation of relative order 1 / N (under 1% from 30 points on).

    Parameters
    ----------
    labels : array_like, [N]
        Integers or text.
    k : int
        At least 1.

    Returns
    -------
    float
        1 where both are constant (``k = 1`` and one category), 0 where one of them is.

    Raises
    ------
    UsageError
        ``k < 1`` or no labels.

    Notes
    -----
    Not 0: with few points for each pair of labels chance alone agrees, by about
    ``(categories - 1) (k - 1) / (2 N)`` nats. Time: one sum for each distinct size of category.
    """
    codes, categories = as_codes(labels)
    require_count(k, None, "k")
    if len(codes) == 0:
        raise UsageError("there are no labels; expected at least one")
    if k == 1 or len(categories) == 1:
        return float(k == 1 and len(categories) == 1)
    n_points = len(codes)
    sizes, times = np.unique(np.bincount(codes), return_counts=True)
    in_cells = k * sum(int(t) * _expected_n_log_n(int(s), k) for s, t in zip(sizes, times, strict=True))
    in_clusters = k * _expected_n_log_n(n_points, k)
    in_labels = float(np.sum(times * sizes * np.log(sizes)))
    information = (in_cells - in_clusters - in_labels) / n_points + math.log(n_points)
    label_entropy = math.log(n_points) - in_labels / n_points
    cluster_entropy = math.log(n_points) - in_clusters / n_points
    return max(information, 0.0) / math.sqrt(label_entropy * cluster_entropy)


def _expected_n_log_n(n_draws: int, k: int) -> float:
    low, high = binom.ppf([_TAIL_PROBABILITY, 1 - 1e-16], n_draws, 1 / k)
    n = np.arange(max(int(low), 1), min(int(high) + 1, n_draws) + 1)
    return float(np.sum(binom.pmf(n, n_draws, 1 / k) * n * np.log(n)))


def _parts_by_category(sizes: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    parts = np.ones(len(sizes), dtype=np.int64)
    largest = [(-int(size), category) for category, size in enumerate(sizes)]
    heapq.heapify(largest)
    for _ in range(k - len(sizes)):
        _, category = largest[0]
        parts[category] += 1
        heapq.heapreplace(largest, (-math.ceil(sizes[category] / parts[category]), category))
    return parts


def _place_in_category(codes: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    place = np.empty(len(codes), dtype=np.int64)
    order = np.argsort(codes, kind="stable")
    place[order] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return place
