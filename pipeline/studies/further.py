"""Beyond the findings on a corpus: the worked example of 100 elements, and the tree of sub-categories."""

import math
from typing import Final

import numpy as np

from pipeline.kernels.agreement.reference_labels import refined_labels, uniform_nmi
from pipeline.kernels.agreement.scores import normalized_mutual_information
from pipeline.studies.base import Figure
from pipeline.studies.results import Results

ELEMENTS, CATEGORIES = 100, 10
NEAR: Final = 0.05
"""Difference of NMI that is called none: the baseline is an expectation."""


def worked_example() -> list[Figure]:
    """100 elements, C_k deals the labels 0 to k - 1 in turn: NMI(C_10, C_k) beside the two reference curves."""
    places = np.arange(ELEMENTS)
    truth = places % CATEGORIES
    found = {k: normalized_mutual_information(truth, places % k) for k in range(1, ELEMENTS + 1)}
    refined = [abs(found[k] - normalized_mutual_information(truth, refined_labels(truth, k))) for k in _multiples()]
    prime = [k for k in found if k > 1 and math.gcd(k, CATEGORIES) == 1]
    uniform = [abs(found[k] - uniform_nmi(truth, k)) for k in prime]
    near = [k for k, difference in zip(prime, uniform, strict=True) if difference < NEAR]
    return [
        Figure(
            "worked example: NMI(C_10, C_k) is that of refinements where k is a multiple of 10",
            answer="yes" if max(refined) < 1e-9 else "no",
            why=f"largest difference {max(refined):.3f}",
        ),
        Figure(
            "worked example: NMI(C_10, C_k) is the uniform baseline where k is prime to 10",
            answer="yes" if max(uniform) < NEAR else "no",
            why=f"largest difference {max(uniform):.3f}; within {NEAR} at {len(near)} of {len(prime)} k, "
            f"from {min(near)} to {max(near)}",
        ),
    ]


def _multiples() -> range:
    return range(CATEGORIES, ELEMENTS + 1, CATEGORIES)


def sub_categories(results: Results) -> list[Figure]:
    """How many categories have parts that come again, if the index has a tree of them."""
    parts = [row for row in results.table("category_tree") if row["level"] == 0]
    if not parts:
        return []
    divided = sum(row["n_children"] > 0 for row in parts)
    stable = [row["stability"] for row in parts if row["n_children"] and row["stability"] == row["stability"]]
    why = f"of {len(parts)} categories" + (f"; mean stability {np.mean(stable):.2f}" if stable else "")
    return [Figure("categories that have sub-categories", None, float(divided), why=why)]
