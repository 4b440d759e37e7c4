"""What all textures share: smooth noise, a depth buffer of spheres, and how relief looks in an SEM.

A *signal* is a float32 array [height, width] of secondary-electron yield: 0 is black, 1 is white, values
outside are clipped later by the detector. A *relief* is a height in pixels, larger is nearer to the viewer.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float32]
Shape = tuple[int, int]


def smooth_noise(rng: np.random.Generator, shape: Shape, cell_px: float, *, octaves: int = 3) -> Signal:
    """Return fractal value noise of mean about 0 and standard deviation about 0.5.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (int, int)
        Height and width in pixels.
    cell_px : float
        Size of the largest features in pixels.
    octaves : int
        Each further octave has half the size and half the strength.
    """
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        total += _octave(rng, shape, max(cell_px / 2**octave, 1.0)) * np.float32(0.55 * 0.5**octave)
    return total


def _octave(rng: np.random.Generator, shape: Shape, cell_px: float) -> Signal:
    """Value noise of one cell size; large cells are made small first, so that the cost is one enlargement."""
    height, width = shape
    if cell_px > 16:
        shrink = cell_px / 8
        small = _octave(rng, (int(height / shrink) + 2, int(width / shrink) + 2), 8)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    grid = rng.standard_normal((int(height / cell_px) + 3, int(width / cell_px) + 3), dtype=np.float32)
    size = (int(grid.shape[1] * cell_px) + 1, int(grid.shape[0] * cell_px) + 1)
    # The border's flat interpolation is cut off.
    grown = cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(grown[:height, :width], np.float32)


def blur(signal: Signal, sigma_px: float) -> Signal:
    """Gaussian blur; wide ones are made on a smaller copy, where they cost little."""
    if sigma_px < 8:
        return np.asarray(cv2.GaussianBlur(signal, (0, 0), sigma_px), np.float32)
    step = int(sigma_px // 3)
    height, width = signal.shape
    small_size = (max(1, width // step), max(1, height // step))
    small = cv2.resize(signal, small_size, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigma_px / step)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def occlusion(relief: Signal, reach_px: float) -> Signal:
    """Return 0 (open) to 1 (deep in a hole): the share of electrons that the surroundings catch."""
    return np.asarray(np.clip((blur(relief, reach_px) - relief) / np.float32(2.2 * reach_px), 0, 1))


def slope_yield(relief: Signal, *, edge_gain: float, lit_from: tuple[float, float] = (-0.6, -0.8)) -> Signal:
    """Return the yield of a relief: 0 where flat, more on slopes, most where they face the detector.

    Parameters
    ----------
    relief : ndarray, float32 [height, width]
        Height in pixels.
    edge_gain : float
        Strength of the brightening of steep places (the secondary electrons' edge effect).
    lit_from : (float, float)
        Unit vector (x, y) in the picture towards the detector.
    """
    slope_x = cv2.Scharr(relief, cv2.CV_32F, 1, 0, scale=1 / 32)
    slope_y = cv2.Scharr(relief, cv2.CV_32F, 0, 1, scale=1 / 32)
    steep = np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    facing = -(slope_x * np.float32(lit_from[0]) + slope_y * np.float32(lit_from[1])) / steep
    edge = np.minimum(steep - 1, 3) * np.float32(edge_gain / 3)
    return np.asarray(edge + facing * np.float32(0.22), np.float32)


@dataclass(slots=True)
class Spheres:
    """A depth buffer into which shaded spheres are drawn.

    Attributes
    ----------
    relief : ndarray, float32 [height, width]
        Height in pixels of what is nearest.
    steepness : ndarray, float32 [height, width]
        Cosine between the surface and the beam: 1 where flat, 0 at a sphere's rim.
    facing : ndarray, float32 [height, width]
        How much the surface faces the detector, -1 to 1.
    tone : ndarray, float32 [height, width]
        Brightness of the material.
    """

    relief: Signal
    steepness: Signal
    facing: Signal
    tone: Signal

    @classmethod
    def over(cls, relief: Signal, tone: float) -> "Spheres":
        """Return a buffer that shows the bare ground ``relief``."""
        flat = np.ones(relief.shape, np.float32)
        return cls(relief.copy(), flat, np.zeros_like(flat), np.full_like(flat, tone))

    def add(self, x: float, y: float, z: float, radius: float, tone: float) -> None:
        """Draw one sphere of centre (x, y, z) and ``radius``, all in pixels; outside parts are cut."""
        height, width = self.relief.shape
        left, right = max(0, int(x - radius)), min(width, int(x + radius) + 2)
        top, bottom = max(0, int(y - radius)), min(height, int(y + radius) + 2)
        if left >= right or top >= bottom:
            return
        across = (np.arange(left, right, dtype=np.float32) - np.float32(x)) / np.float32(radius)
        down = ((np.arange(top, bottom, dtype=np.float32) - np.float32(y)) / np.float32(radius))[:, None]
        cosine = np.sqrt(np.maximum(1 - across * across - down * down, 0))
        surface = np.float32(z) + np.float32(radius) * cosine
        box = np.s_[top:bottom, left:right]
        nearer = (cosine > 0) & (surface > self.relief[box])
        self.relief[box][nearer] = surface[nearer]
        self.steepness[box][nearer] = cosine[nearer]
        self.facing[box][nearer] = (-0.6 * across - 0.8 * down)[nearer]
        self.tone[box][nearer] = tone

    def signal(self, *, edge_gain: float, reach_px: float) -> Signal:
        """Return the shaded picture: bright rims, the far side darker, shadows between neighbours."""
        rim = np.minimum(1 / (self.steepness + np.float32(0.22)) - np.float32(0.82), 2.2)
        lit = self.tone * (1 + np.float32(0.30) * self.facing) + np.float32(edge_gain) * rim
        near, far = occlusion(self.relief, reach_px * 0.35), occlusion(self.relief, reach_px)
        return np.asarray(lit * (1 - np.float32(0.6) * near) * (1 - np.float32(0.7) * far), np.float32)


def nearest_two(
    shape: Shape, points: NDArray[np.float64], radii: NDArray[np.float64], *, reach: float = 1.9
) -> tuple[Signal, Signal, NDArray[np.int32]]:
    """Return the distances to the nearest and second nearest point, in units of the points' radii.

    Parameters
    ----------
    shape : (int, int)
        Height and width in pixels.
    points : ndarray, float64 [n, 2]
        Centres (x, y) in pixels.
    radii : ndarray, float64 [n]
        Cell sizes in pixels: a larger one claims more room (multiplicatively weighted Voronoi cells).
    reach : float
        How many radii away a point still claims pixels; the rest keeps the distance ``reach``.

    Returns
    -------
    first, second : ndarray, float32 [height, width]
    owner : ndarray, int32 [height, width]
        Index of the nearest point, -1 where none reaches.
    """
    height, width = shape
    first = np.full(shape, reach**2, np.float32)
    second = np.full(shape, reach**2, np.float32)
    owner = np.full(shape, -1, np.int32)
    for index, ((x, y), radius) in enumerate(zip(points.tolist(), radii.tolist(), strict=True)):
        span = reach * radius
        left, right = max(0, int(x - span)), min(width, int(x + span) + 2)
        top, bottom = max(0, int(y - span)), min(height, int(y + span) + 2)
        if left >= right or top >= bottom:
            continue
        across = (np.arange(left, right, dtype=np.float32) - np.float32(x)) / np.float32(radius)
        down = ((np.arange(top, bottom, dtype=np.float32) - np.float32(y)) / np.float32(radius))[:, None]
        distance_sq = across * across + down * down
        box = np.s_[top:bottom, left:right]
        nearest = first[box]
        owner[box][distance_sq < nearest] = index
        np.minimum(second[box], np.maximum(nearest, distance_sq), out=second[box])
        np.minimum(nearest, distance_sq, out=nearest)
    return np.sqrt(first), np.sqrt(second), owner


def scattered(rng: np.random.Generator, shape: Shape, spacing_px: float, *, jitter: float) -> NDArray[np.float64]:
    """Return points (x, y), float64 [n, 2]: a hexagonal lattice over the picture, shaken by up to ``jitter``.

    ``jitter`` is in lattice spacings; below a half no two points can meet.
    """
    height, width = shape
    rows = np.arange(-spacing_px, height + spacing_px, spacing_px * 0.866)
    columns = np.arange(-spacing_px, width + spacing_px, spacing_px)
    x = np.tile(columns, (rows.size, 1)) + (np.arange(rows.size) % 2)[:, None] * spacing_px / 2
    y = np.tile(rows[:, None], (1, columns.size))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    return points + rng.uniform(-jitter, jitter, points.shape) * spacing_px


def warped(signal: Signal, shift_x: Signal, shift_y: Signal) -> Signal:
    """Return ``signal`` sampled at each pixel plus its shift (float32 pixels), edges mirrored."""
    height, width = signal.shape
    map_x = np.arange(width, dtype=np.float32)[None, :] + shift_x
    map_y = np.arange(height, dtype=np.float32)[:, None] + shift_y
    moved = cv2.remap(signal, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.float32)
