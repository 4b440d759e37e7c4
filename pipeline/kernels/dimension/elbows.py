"""Elbows of a scree plot: after which components the variance falls less steeply."""

import numpy as np
from numpy.typing import NDArray

_FIRST, _LAST = 3, 20


def scree_elbows(variances: NDArray[np.float64], count: int = 2) -> list[int]:
    """The components, from the 3rd to the 20th, after which the logarithm of the variance bends most.

    Parameters
    ----------
    variances : float [n]
        Of the components, in falling order, in any unit.
    count : int
        How many elbows.

    Returns
    -------
    list of int
        Components from 1, sorted; none where there are fewer than 20.

    Examples
    --------
    >>> scree_elbows(np.concatenate([np.geomspace(1, 1e-2, 5), np.geomspace(8e-3, 4e-3, 20)]), count=1)
    [5]
    """
    if len(variances) < _LAST:
        return []
    bend = np.diff(np.log(np.maximum(variances, 1e-12)), 2)  # at i: of component i + 2
    return sorted((np.argsort(-bend[_FIRST - 2 : _LAST - 1])[:count] + _FIRST).tolist())
