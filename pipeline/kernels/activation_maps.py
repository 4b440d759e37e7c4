"""Where in a picture a network answers: its last maps summed with weights, and laid over the picture."""

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError


def loading_map(maps: NDArray[np.float32], loadings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Activations summed with the absolute weights of a principal component.

    Parameters
    ----------
    maps : float32 [C, h, w]
        The last convolution's, a map a feature.
    loadings : float64 [C]
        The component's weight of each feature, as in `fit_pca`'s ``components``.

    Returns
    -------
    float64 [h, w]
        High where those features answer that tell pictures apart along the component.

    Raises
    ------
    UsageError
        There are not as many weights as maps.

    Examples
    --------
    >>> loading_map(np.ones((2, 1, 1), np.float32), np.array([0.6, -0.8])).tolist()
    [[1.4]]
    """
    if maps.ndim != 3 or len(loadings) != len(maps):
        raise UsageError(f"There are {len(loadings)} weights of features, but maps of shape {list(maps.shape)}.")
    return np.asarray(np.tensordot(np.abs(loadings), maps.astype(np.float64), axes=1))


def gradient_map(maps: NDArray[np.float32], gradients: NDArray[np.float32]) -> NDArray[np.float64]:
    """Activations summed with the gradient of a score at each place; what speaks against is 0.

    Of the last maps of a network that ends in their mean and a linear layer this is Grad-CAM; of earlier maps, where
    a feature may speak for a class at one place and against it at another, it is HiResCAM.

    Parameters
    ----------
    maps, gradients : float32 [C, h, w]

    Returns
    -------
    float64 [h, w]

    References
    ----------
    Selvaraju et al. 2017, doi:10.1109/ICCV.2017.74; Draelos and Carin 2020, arXiv:2011.08891.
    """
    return np.asarray(np.maximum((gradients.astype(np.float64) * maps).sum(axis=0), 0.0))


def as_shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values from 0 (the lowest) to 1 (the highest); all 0 where they are equal."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
