"""Scattering: how strongly a picture answers to wavelets, and these answers to wavelets once more.

Angles are averaged, so that a turned texture has the same description: at first order over all of them, at second
order over the first wavelet's, with the angle between the two kept.

References
----------
Bruna and Mallat 2013, doi:10.1109/TPAMI.2012.230; Sifre and Mallat 2013, doi:10.1109/CVPR.2013.163.
"""

from functools import cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

SCALES, ANGLES = 5, 6
BETWEEN = ANGLES // 2 + 1
"""Angles between two wavelets of `ANGLES` that are told apart: mirror images have the same."""

WIDTH = SCALES + SCALES * (SCALES - 1) // 2 * BETWEEN


def scattering(picture: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logarithms of mean answers.

    Parameters
    ----------
    picture : float32 [S, S]
        S at least 32.

    Returns
    -------
    float64 [45]
        Five of first order, by scale; then of second order, by the two scales and the angle between: the share that it
        is of the first order's answer.
    """
    size = picture.shape[0]
    waves = _wavelets(size)
    spectrum = scipy.fft.fft2(picture)
    first = [np.abs(scipy.fft.ifft2(spectrum * waves[scale])) for scale in range(SCALES)]  # [angles, S, S] each
    strengths = np.array([answers.mean() for answers in first]) + _FLOOR
    found = [np.log(strengths)]
    for scale in range(SCALES - 1):
        spectra = scipy.fft.fft2(first[scale])
        for coarser in range(scale + 1, SCALES):
            sums = np.zeros(BETWEEN)
            for angle in range(ANGLES):
                # The coarser wavelet is narrow in frequency: only the corner of the spectrum where it lives is needed.
                part = _corner(size, coarser)
                pieces = spectra[angle][np.ix_(part, part)] * waves[coarser][:, part[:, None], part]
                answers = np.abs(scipy.fft.ifft2(pieces)).mean(axis=(1, 2)) * (len(part) / size) ** 2
                for other in range(ANGLES):
                    turn = abs(angle - other)
                    sums[min(turn, ANGLES - turn)] += answers[other]
            found.append(np.log(sums / _COUNTS / strengths[scale] + _FLOOR))
    return np.concatenate(found)


_FLOOR = 1e-4
_COUNTS = np.bincount(
    [min(abs(a - b), ANGLES - abs(a - b)) for a in range(ANGLES) for b in range(ANGLES)], minlength=BETWEEN
).astype(np.float64)


def _corner(size: int, scale: int) -> NDArray[np.int64]:
    """Frequencies that a wavelet of this scale lets through, in the order of the FFT."""
    half = max(8, size >> max(0, scale - 1)) // 2
    half = min(half, size // 2)
    return np.concatenate([np.arange(half), np.arange(size - half, size)])


@cache
def _wavelets(size: int) -> NDArray[np.float32]:
    """Morlet wavelets in the frequency domain, real, [scales, angles, size, size]; without answer to a constant."""
    frequency = 2 * np.pi * np.fft.fftfreq(size)
    y, x = np.meshgrid(frequency, frequency, indexing="ij")
    waves = np.empty((SCALES, ANGLES, size, size), np.float32)
    for scale in range(SCALES):
        center, spread = 0.75 * np.pi / 2**scale, 0.8 * 2**scale
        for number in range(ANGLES):
            turn = np.pi * number / ANGLES
            along = x * np.cos(turn) + y * np.sin(turn)
            across = (-x * np.sin(turn) + y * np.cos(turn)) / 0.67
            wave = np.exp(-(spread**2) * ((along - center) ** 2 + across**2) / 2)
            envelope = np.exp(-(spread**2) * (along**2 + across**2) / 2)
            waves[scale, number] = wave - envelope * wave[0, 0]
    return waves
