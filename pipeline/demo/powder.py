"""Powder: angular grains of a crushed solid, heaped, with fines between them."""

import numpy as np

from pipeline.demo.relief import Shape, Signal, blur, occlusion, slope_yield, smooth_noise

_FACETS = (6, 11)


def draw_powder(rng: np.random.Generator, shape: Shape) -> Signal:
    """Return the signal, float32 [height, width], of a heap of grains with flat facets."""
    height, width = shape
    relief = smooth_noise(rng, shape, width / 4) * np.float32(4)
    tone = np.full(shape, 0.2, np.float32)
    largest = width * rng.uniform(0.05, 0.11)
    for share, size in ((0.5, 1.0), (0.5, 0.6), (0.4, 0.3), (0.15, 0.14)):
        radius = largest * size
        for _ in range(int(share * height * width / (3.1 * radius**2))):
            centre = (rng.uniform(0, width), rng.uniform(0, height))
            _add_grain(rng, relief, tone, centre, radius * rng.lognormal(0, 0.2))
    worn = relief + smooth_noise(rng, shape, largest / 3) * np.float32(largest * 0.03)
    lit = tone + slope_yield(worn, edge_gain=rng.uniform(0.12, 0.25))
    shade = 1 - np.float32(0.75) * occlusion(relief, largest * 0.6)
    return blur((lit * shade).astype(np.float32), 0.6)


def _add_grain(
    rng: np.random.Generator, relief: Signal, tone: Signal, centre: tuple[float, float], radius: float
) -> None:
    """Lay one grain on what is there: the lowest of some tilted planes, cut off where it is below the ground."""
    (x, y), (height, width) = centre, relief.shape
    left, right = max(0, int(x - radius)), min(width, int(x + radius) + 2)
    top, bottom = max(0, int(y - radius)), min(height, int(y + radius) + 2)
    across = (np.arange(left, right, dtype=np.float32) - np.float32(x)) / np.float32(radius)
    down = ((np.arange(top, bottom, dtype=np.float32) - np.float32(y)) / np.float32(radius))[:, None]
    surface = np.full((bottom - top, right - left), rng.uniform(0.35, 0.6), np.float32)
    for angle in rng.uniform(0, 2 * np.pi) + np.linspace(0, 2 * np.pi, int(rng.integers(*_FACETS)), endpoint=False):
        towards = np.float32(np.cos(angle)) * across + np.float32(np.sin(angle)) * down
        steep = np.float32(rng.uniform(0.9, 2.2))
        surface = np.minimum(surface, steep * (np.float32(rng.uniform(0.6, 0.95)) - towards))
    box = np.s_[top:bottom, left:right]
    rest = float(relief[box].mean())
    found = np.float32(rest) + surface * np.float32(radius)
    nearer = (surface > 0) & (found > relief[box])
    relief[box][nearer] = found[nearer]
    tone[box][nearer] = rng.uniform(0.34, 0.5)
