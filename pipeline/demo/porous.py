"""Porous samples: an open foam of struts over deeper struts, and a membrane pierced by round pores."""

import numpy as np

from pipeline.demo.relief import (
    Shape,
    Signal,
    blur,
    nearest_two,
    occlusion,
    scattered,
    slope_yield,
    smooth_noise,
    warped,
)


def draw_porous(rng: np.random.Generator, shape: Shape) -> Signal:
    """Return the signal, float32 [height, width], of a foam or of a membrane."""
    return _foam(rng, shape) if rng.random() < 0.65 else _membrane(rng, shape)


def _layer(rng: np.random.Generator, shape: Shape, spacing: float, strut: float) -> tuple[Signal, Signal]:
    """One sheet of cells: its struts' profile (0 in a window, 1 on a ridge) and the pore depth."""
    points = scattered(rng, shape, spacing, jitter=0.32)
    radii = spacing * rng.lognormal(0, 0.16, len(points))
    first, second, _ = nearest_two(shape, points, radii, reach=1.6)
    amount = np.float32(spacing * 0.10)
    shift_x, shift_y = (smooth_noise(rng, shape, spacing * 0.45, octaves=3) * amount for _ in range(2))
    gap = warped(second - first, shift_x, shift_y)
    thick = strut * (1 + np.float32(0.35) * smooth_noise(rng, shape, spacing * 1.5, octaves=1))
    across = np.clip(gap / np.maximum(thick, 0.02), 0, 1)
    return np.sqrt(1 - across * across), warped(first, shift_x, shift_y)


def _foam(rng: np.random.Generator, shape: Shape) -> Signal:
    """Three sheets of cells behind each other; windows of the upper show the lower."""
    spacing = shape[1] * rng.uniform(0.07, 0.17)
    strut = rng.uniform(0.20, 0.34)
    picture = np.full(shape, 0.03, np.float32)
    relief = np.zeros(shape, np.float32)
    for depth, (shrink, light) in enumerate(((0.72, 0.30), (0.85, 0.52), (1.0, 0.85))):
        profile, _ = _layer(rng, shape, spacing * shrink, strut * (1.25 - 0.12 * depth))
        ridge = profile * np.float32(spacing * 0.16)
        lit = 0.46 + slope_yield(ridge, edge_gain=0.5)
        lit = lit + np.float32(0.05) * smooth_noise(rng, shape, 14, octaves=3)
        cover = np.clip(profile * np.float32(4), 0, 1)
        shade = 1 - np.float32(0.8) * blur(cover, spacing * 0.13) * (1 - cover)
        picture = picture * shade * (1 - cover) + np.float32(light) * lit.astype(np.float32) * cover
        relief = np.where(cover > 0.5, np.float32(depth * spacing * 0.4) + ridge, relief)
    shadow = 1 - np.float32(0.55) * occlusion(relief.astype(np.float32), spacing * 0.35)
    return np.asarray(picture * shadow * np.float32(1.2), np.float32)


def _membrane(rng: np.random.Generator, shape: Shape) -> Signal:
    """A flat skin with dark round pores of many sizes, whose walls fall away in steps of rough grains."""
    spacing = shape[1] * rng.uniform(0.07, 0.15)
    points = scattered(rng, shape, spacing, jitter=0.35)
    points = points[rng.random(len(points)) > 0.15]
    radii = spacing * rng.lognormal(-0.95, 0.30, len(points))
    first, _, _ = nearest_two(shape, points, radii, reach=1.5)
    rough = smooth_noise(rng, shape, spacing * 0.30, octaves=4)
    inside = np.clip((1 + np.float32(0.16) * rough - first) / np.float32(0.75), 0, 1)
    relief = -np.float32(spacing * 0.9) * np.sqrt(inside) + rough * inside * np.float32(spacing * 0.12)
    skin = 0.5 + np.float32(0.05) * smooth_noise(rng, shape, shape[1] / 3, octaves=5)
    fall = np.clip(1 - np.float32(1.5) * inside, 0.05, 1)
    lit = (skin + slope_yield(blur(relief, 0.9), edge_gain=0.75)) * fall
    return np.asarray(lit, np.float32)
