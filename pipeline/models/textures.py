"""Three descriptions of a texture as one vector. No Torch: NumPy and compiled loops."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.textures import cooccurrence, local_binary_patterns, scattering

WIDTHS = (local_binary_patterns.WIDTH, cooccurrence.WIDTH, scattering.WIDTH)

# In gray levels: what varies less is noise of the detector and is not blown up to full contrast.
_CONTRAST_FLOOR = 4.0
_LEVELS_A_DEVIATION = 6.0


def describe(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """All three descriptions of a gray picture, uint8 [S, S], side by side.

    Brightness and contrast are normalised away; the roots of the patterns' shares are taken.
    """
    values = picture.astype(np.float64)
    normal = (values - values.mean()) / (values.std() + _CONTRAST_FLOOR)
    half = cooccurrence.LEVELS // 2
    levels = np.clip(np.floor(normal * _LEVELS_A_DEVIATION + half), 0, cooccurrence.LEVELS - 1).astype(np.int64)
    return np.concatenate(
        [
            np.sqrt(local_binary_patterns.local_binary_patterns(values)),
            cooccurrence.cooccurrence_statistics(levels),
            scattering.scattering(normal.astype(np.float32)),
        ]
    )


def fit_scaling(pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """What brings all descriptions to equal weight.

    Parameters
    ----------
    pictures : uint8 [N, S, S]
        N at least 1.

    Returns
    -------
    dict
        ``mean`` and ``scale``, float64 [width]: (value - mean) / scale has mean 0, and the variances of each
        description add up to 1. The patterns' shares are of one kind and keep their own variances; the other values
        have deviation 1 first. What does not vary becomes 0.
    """
    found = np.array([describe(picture) for picture in pictures])
    mean, spread = found.mean(axis=0), found.std(axis=0)
    scale = np.empty_like(spread)
    start = 0
    for number, width in enumerate(WIDTHS):
        part = slice(start, start + width)
        varied = spread[part] > 1e-9
        if number == 0:
            total = float(np.sqrt(np.square(spread[part]).sum()))
            scale[part] = total if total > 0 else 1.0
        else:
            scale[part] = np.where(varied, spread[part] * np.sqrt(max(1, varied.sum())), np.inf)
        start += width
    return {"mean": mean, "scale": scale}


class TextureEncoder:
    """Describes pictures.

    Parameters
    ----------
    scaling : mapping
        From `fit_scaling`.
    image_size : int
        Side of the pictures.
    """

    def __init__(self, scaling: Mapping[str, NDArray[np.float64]], *, image_size: int) -> None:
        self.dimension = sum(WIDTHS)
        self.image_size = image_size
        self._mean, self._scale = scaling["mean"], scaling["scale"]

    def encode(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Vectors, float32 [n, 123], of gray pictures, uint8 [n, S, S]; n may be 0."""
        found = np.array([describe(picture) for picture in images]).reshape(len(images), self.dimension)
        return ((found - self._mean) / self._scale).astype(np.float32)
