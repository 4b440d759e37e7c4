"""The path of the likeliest classes through the output of a network trained with CTC (doi:10.1145/1143844.1143891)."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import compiled


@compiled
def greedy_path(probabilities: NDArray[np.float32], at_peak: bool) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The likeliest class of each step, repeats merged.

    Parameters
    ----------
    probabilities : float32 ndarray, [steps, classes]
    at_peak : bool
        Whether a class that several steps show is as probable as in its surest step, or as in its first.

    Returns
    -------
    int64 ndarray [runs], float32 ndarray [runs]
        The classes, the blank included, and how probable each is. The first of equally likely classes counts.
    """
    classes = np.empty(len(probabilities), np.int64)
    sure = np.empty(len(probabilities), np.float32)
    count = 0
    for step in range(len(probabilities)):
        best = 0
        for one in range(1, probabilities.shape[1]):
            if probabilities[step, one] > probabilities[step, best]:
                best = one
        value = probabilities[step, best]
        if count == 0 or classes[count - 1] != best:
            classes[count], sure[count] = best, value
            count += 1
        elif at_peak and value > sure[count - 1]:
            sure[count - 1] = value
    return classes[:count], sure[:count]
