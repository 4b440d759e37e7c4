"""How good a picture is, by cheap measures: constant parts, saturation, contrast, noise, focus."""

from dataclasses import dataclass, fields
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.canonical import upper_part

SUSPECT_SHARE: Final = 0.05
"""A picture with so many rows filled up is suspect; of 165 real pictures the most was 0.001."""

# Immerkaer's mask: the difference of two Laplacians, which answers to noise and hardly to structure.
_NOISE_MASK: Final = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_NOISE_GAIN: Final = float(np.sqrt(np.pi / 2) / 6)


@dataclass(frozen=True, slots=True)
class Quality:
    """Measures of one canonical picture; all but the first are of its upper part, where the data bar is not.

    Attributes
    ----------
    filled_share : float
        See `filled_share`.
    saturated_share : float
        Share of pixels that are black (0) or white (255).
    contrast_levels : float
        Gray levels between the 1st and the 99th of 100 pixels.
    noise_levels : float
        Standard deviation of the noise in gray levels (Immerkaer 1996, doi 10.1006/cviu.1996.0060).
    focus : float
        Standard deviation of the Laplacian beside that of the picture, both of means over 2 x 2 pixels: small where
        nothing is sharp.
    """

    filled_share: float
    saturated_share: float
    contrast_levels: float
    noise_levels: float
    focus: float


MEASURES: Final = tuple(field.name for field in fields(Quality))
"""Names of the measures."""


def measure_quality(gray: NDArray[np.uint8]) -> Quality:
    """Measure one picture.

    Parameters
    ----------
    gray : uint8 [rows, columns], not empty
        Canonical.
    """
    part = np.ascontiguousarray(upper_part(gray))
    low, high = np.percentile(part, (1, 99))
    return Quality(
        filled_share=filled_share(gray),
        saturated_share=float(np.mean((part == 0) | (part == 255))),
        contrast_levels=float(high - low),
        noise_levels=_noise(part),
        focus=_focus(part),
    )


def filled_share(gray: NDArray[np.uint8]) -> float:
    """Share of rows at the lower end that are of one value throughout, as broken uploads and decoders leave them.

    0 where the first row is of that value as well: that is a margin. 1 for a picture of one value.

    Examples
    --------
    >>> filled_share(np.array([[1, 2], [7, 7], [0, 0], [0, 0]], np.uint8))
    0.5
    """
    differing = np.flatnonzero((gray != gray[-1, 0]).any(axis=1))
    if not differing.size:
        return 1.0
    return float(len(gray) - 1 - differing[-1]) / len(gray) if differing[0] == 0 else 0.0


def _noise(part: NDArray[np.uint8]) -> float:
    if min(part.shape) < 3:
        return 0.0
    answer = cv2.filter2D(part.astype(np.float32), -1, _NOISE_MASK)[1:-1, 1:-1]
    return float(np.mean(np.abs(answer), dtype=np.float64)) * _NOISE_GAIN


def _focus(part: NDArray[np.uint8]) -> float:
    height, width = (length // 2 for length in part.shape)
    if min(height, width) < 3:
        return 0.0
    means = cv2.resize(part[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA).astype(
        np.float32
    )
    spread = float(means.std(dtype=np.float64))
    return float(cv2.Laplacian(means, cv2.CV_32F)[1:-1, 1:-1].std(dtype=np.float64)) / spread if spread else 0.0
