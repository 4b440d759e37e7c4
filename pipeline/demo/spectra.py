"""Made-up reflectance spectra: mixtures of a few minerals, each a slope with absorption bands."""

import numpy as np
from numpy.typing import NDArray


def mineral_spectra(rng: np.random.Generator, minerals: int, bands: int) -> NDArray[np.float64]:
    """Reflectances of some minerals, float64 [minerals, bands]: a rising slope with three absorption bands each."""
    place = np.linspace(0, 1, bands)
    slope = 0.45 + rng.uniform(0, 0.4, (minerals, 1)) * place
    each = (minerals, 3, 1)
    depth, centre, width = rng.uniform(0.1, 0.3, each), rng.uniform(0, 1, each), rng.uniform(0.05, 0.25, each)
    bands_of = depth * np.exp(-(((place - centre) / width) ** 2))
    return np.asarray(slope - bands_of.sum(axis=1), np.float64)


def mixed_spectra(
    rng: np.random.Generator,
    minerals: NDArray[np.float64],
    mean: NDArray[np.float64],
    count: int,
    *,
    shade: float = 0.08,
    noise: float = 0.01,
) -> NDArray[np.float32]:
    """Spectra of grains, float32 [count, bands]: mixtures around ``mean`` shares, each lit otherwise, with noise."""
    shares = rng.dirichlet(25 * mean / mean.sum(), count)
    lit = np.exp(rng.normal(0, shade, (count, 1)))
    return (shares @ minerals * lit + rng.normal(0, noise, (count, minerals.shape[1]))).astype(np.float32)
