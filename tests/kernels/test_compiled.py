"""Compiled kernels are functions like others: called from Python and from each other, and pickled by name."""

import pickle

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled
from pipeline.kernels.union_find import find_root


@compiled
def _roots(parents: NDArray[np.int64]) -> int:
    total = 0
    for member in range(len(parents)):
        total += find_root(parents, member)
    return total


def test_one_kernel_calls_another() -> None:
    assert _roots(np.array([0, 0, 2, 2])) == 0 + 0 + 2 + 2


def test_a_kernel_is_pickled_by_name() -> None:
    again = pickle.loads(pickle.dumps(find_root))
    assert again is find_root
    assert again(np.array([0, 0, 1]), 2) == 0
    assert find_root.__doc__ is not None
