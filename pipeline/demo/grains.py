"""Rounded grains in a darker binder, as on a polished or broken surface of a sintered alloy."""

import numpy as np

from pipeline.demo.relief import Shape, Signal


def draw_grains(rng: np.random.Generator, shape: Shape, *, grain_px: float, binder_px: float) -> Signal:
    """Return a signal of grains of about one size.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (int, int)
        Height and width in pixels.
    grain_px : float
        Mean distance of the grains' centres.
    binder_px : float
        Half of the mean width of the binder between them.
    """
    from scipy.spatial import cKDTree

    height, width = shape
    y, x = np.mgrid[:height, :width]
    points = rng.uniform((0, 0), shape, (max(2, int(height * width / grain_px**2)), 2))
    distances, owners = cKDTree(points).query(np.stack([y, x], -1).reshape(-1, 2), k=2)
    near, second = distances.T
    inside = np.clip((second - near - 2 * binder_px) / 1.5 + 0.5, 0, 1)
    tone = rng.uniform(0.45, 0.75, len(points))[owners[:, 0]] * (1 - 0.35 * (near / grain_px) ** 2)
    signal = tone * inside + rng.uniform(0.15, 0.3) * (1 - inside)
    return np.asarray(signal.reshape(shape), np.float32)
