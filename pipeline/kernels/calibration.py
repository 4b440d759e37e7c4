"""How far a classifier's probabilities can be believed, and the temperature that mends them.

References
----------
Guo et al. 2017, On calibration of modern neural networks, arXiv:1706.04599.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

_BINS = 15
_LOG_TEMPERATURES = (np.log(0.05), np.log(20.0))


def probabilities(scores: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Probabilities of the classes from a network's scores divided by the temperature, float64 [n, C]."""
    return np.asarray(np.exp(log_softmax(scores.astype(np.float64) / temperature, axis=1)), np.float64)


def fit_temperature(scores: NDArray[np.floating], classes: NDArray[np.int64]) -> float:
    """The temperature under which the true classes are likeliest, from 0.05 to 20; 1 without any picture.

    Parameters
    ----------
    scores : float [n, C]
        Before the softmax.
    classes : int64 [n]
    """
    if not len(scores):
        return 1.0
    values, rows = scores.astype(np.float64), np.arange(len(scores))

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(values / np.exp(log_temperature), axis=1)[rows, classes].mean())

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded").x))


def expected_calibration_error(chances: NDArray[np.float64], classes: NDArray[np.int64]) -> float:
    """Mean distance of confidence and accuracy over 15 equal bins of confidence, each by its pictures; NaN without any.

    Parameters
    ----------
    chances : float64 [n, C]
    classes : int64 [n]

    Examples
    --------
    >>> expected_calibration_error(np.array([[0.8, 0.2], [0.8, 0.2]]), np.array([0, 1]))  # 0.8 sure, half are right
    0.30000000000000004
    """
    if not len(chances):
        return float("nan")
    confidence, right = chances.max(axis=1), chances.argmax(axis=1) == classes
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.bincount(bins, confidence - right, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(chances))


def calibrated_error(scores: NDArray[np.floating], classes: NDArray[np.int64]) -> float:
    """Calibration error of pictures whose temperature others gave: every second one is judged by that of the rest."""
    parts = np.arange(len(scores)) % 2
    chances = np.empty(scores.shape, np.float64)
    for part in (0, 1):
        chances[parts == part] = probabilities(
            scores[parts == part], fit_temperature(scores[parts != part], classes[parts != part])
        )
    return expected_calibration_error(chances, classes)
