"""Which number of clusters the clusterings themselves recommend, by what criterion, and which clustering."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.index.schema import Row
from pipeline.stages.clustering.stored import NO_COUNT

CRITERIA = {"silhouette": 1, "stability": 1, "decision_gap": 1, "calinski_harabasz": 1, "davies_bouldin": -1}
"""Columns of the table of quality, and whether the largest or the smallest value is best."""


def recommendations(quality: Mapping[str, NDArray[np.generic]]) -> Iterator[Row]:
    """Of each set of vectors, method and criterion the number of clusters with the best value (of equals the smallest).

    One row a set of vectors is marked: that of the largest silhouette over all methods. The others stand beside it, so
    that people see whether they agree. Methods that find their own number have one clustering, and no other row than by
    silhouette.
    """
    if not quality:
        return
    for vectors in dict.fromkeys(quality["vectors"].tolist()):
        of_set = quality["vectors"] == vectors
        rows = []
        for method in dict.fromkeys(quality["method"][of_set].tolist()):
            mine = np.flatnonzero(of_set & (quality["method"] == method))
            rows += list(_of_method(quality, mine))
        by_silhouette = [row for row in rows if row["criterion"] == "silhouette"]
        best = max(by_silhouette, key=lambda row: (row["value"], -row["k"]), default=None)
        for row in rows:
            yield row | {"recommended": row is best}


def _of_method(quality: Mapping[str, NDArray[np.generic]], mine: NDArray[np.int64]) -> Iterator[Row]:
    counted = bool((quality["k"][mine] != NO_COUNT).all())
    for criterion, sign in CRITERIA.items():
        values = sign * quality[criterion][mine]
        known = mine[~np.isnan(values)]
        if not len(known) or not (counted or criterion == "silhouette"):
            continue
        order = np.lexsort((quality["n_clusters"][known], -sign * quality[criterion][known]))
        row = known[order[0]]
        names = ("vectors", "method", "clustering")
        yield {name: str(quality[name][row]) for name in names} | {
            "criterion": criterion,
            "k": int(quality["n_clusters"][row]),
            "value": float(quality[criterion][row]),
        }
