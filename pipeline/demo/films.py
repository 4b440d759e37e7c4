"""Films: polycrystalline grains, a cracked coating, and a smooth layer with wrinkles and pinholes."""

import cv2
import numpy as np

from pipeline.demo.relief import (
    Shape,
    Signal,
    Spheres,
    blur,
    nearest_two,
    occlusion,
    scattered,
    slope_yield,
    smooth_noise,
    warped,
)


def draw_films(rng: np.random.Generator, shape: Shape) -> Signal:
    """Return the signal, float32 [height, width], of one of three kinds of coating."""
    kind = str(rng.choice(["grains", "cracks", "wrinkles"], p=[0.38, 0.36, 0.26]))
    return {"grains": _grains, "cracks": _cracks, "wrinkles": _wrinkles}[kind](rng, shape)


def _grains(rng: np.random.Generator, shape: Shape) -> Signal:
    """Grains of a metal film: each its own gray by channelling, slightly domed, dark thin boundaries."""
    spacing = shape[1] * rng.uniform(0.03, 0.075)
    points = scattered(rng, shape, spacing, jitter=0.42)
    radii = spacing * rng.lognormal(0, 0.22, len(points))
    first, second, owner = nearest_two(shape, points, radii, reach=2.3)
    tones = rng.normal(0, 0.055, len(points) + 1).astype(np.float32)
    tilt = rng.normal(0, 0.10, (2, len(points) + 1)).astype(np.float32)
    gap = second - first
    dome = -np.exp(-gap / np.float32(0.08)) * np.float32(spacing * 0.10)
    facets = np.float32(0.4) * (tilt[0][owner] + tilt[1][owner])
    signal = 0.42 + tones[owner] + facets * np.float32(0.3) + slope_yield(dome, edge_gain=0.5)
    signal = signal * (1 - np.float32(0.55) * np.exp(-((gap / np.float32(0.035)) ** 2)))
    fine = np.float32(0.02) * smooth_noise(rng, shape, 5, octaves=2)
    return np.asarray(blur((signal + fine).astype(np.float32), 0.7), np.float32)


def _cracks(rng: np.random.Generator, shape: Shape) -> Signal:
    """A brittle film that dried: smooth plates with curled bright edges, dark wandering cracks."""
    spacing = shape[1] * rng.uniform(0.17, 0.34)
    points = scattered(rng, shape, spacing, jitter=0.32)
    radii = np.full(len(points), spacing)
    first, second, owner = nearest_two(shape, points, radii, reach=2.2)
    wander = [smooth_noise(rng, shape, spacing * 0.35, octaves=5) * np.float32(spacing * 0.06) for _ in range(2)]
    gap = warped(second - first, wander[0], wander[1]) * np.float32(spacing)
    width = shape[1] * rng.uniform(0.003, 0.010) * (1 + 0.5 * smooth_noise(rng, shape, spacing, octaves=1))
    plate = np.clip((gap - width) / np.float32(2.0) + 0.5, 0, 1)
    curl = np.exp(-np.maximum(gap - width, 0) / np.float32(spacing * 0.06)) * plate
    tones = rng.normal(0, 0.02, len(points) + 1).astype(np.float32)
    skin = 0.40 + tones[owner] + np.float32(0.035) * smooth_noise(rng, shape, spacing * 0.8, octaves=6)
    relief = blur(plate.astype(np.float32), 1.0) * 8
    lit = skin + np.float32(0.20) * curl + slope_yield(relief, edge_gain=0.55) * np.float32(0.8)
    signal = lit * plate + np.float32(0.035) * (1 - plate)
    return _with_specks(rng, signal.astype(np.float32))


def _wrinkles(rng: np.random.Generator, shape: Shape) -> Signal:
    """A soft film under compression: meandering ridges of one wavelength, with pinholes."""
    height, width = shape
    wavelength = width * rng.uniform(0.035, 0.09)
    # One wavelength is 8 pixels of a small grid, where filtering is cheap; enlarging keeps it smooth.
    grid = (int(8 * height / wavelength) + 8, int(8 * width / wavelength) + 8)
    white = rng.standard_normal(grid, dtype=np.float32)
    across, down = rng.uniform(1.1, 1.5), rng.uniform(1.1, 4.0)
    fine, coarse = (cv2.GaussianBlur(white, (0, 0), across * k, sigmaY=down * k) for k in (1.0, 1.6))
    band = np.asarray(cv2.resize(fine - coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    shift = [smooth_noise(rng, shape, width / 3, octaves=2) * np.float32(wavelength * 0.35) for _ in range(2)]
    relief = np.tanh(warped(band, *shift) / np.float32(band.std())) * np.float32(wavelength * 0.16)
    signal = 0.40 + slope_yield(relief, edge_gain=0.9) + relief / np.float32(wavelength) * np.float32(0.45)
    for _ in range(int(rng.poisson(9))):
        radius = width * rng.uniform(0.002, 0.006)
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        cv2.circle(signal, centre, int(radius) + 2, 0.72, 2, cv2.LINE_8)
        cv2.circle(signal, centre, int(radius) + 1, 0.06, -1, cv2.LINE_8)
    return blur(signal.astype(np.float32), 1.0)


def _with_specks(rng: np.random.Generator, signal: Signal) -> Signal:
    """Add a little debris lying on the film."""
    height, width = signal.shape
    buffer = Spheres.over(np.zeros(signal.shape, np.float32), tone=0)
    for _ in range(int(rng.poisson(10))):
        radius = width * rng.uniform(0.002, 0.007)
        buffer.add(rng.uniform(0, width), rng.uniform(0, height), radius * 0.5, radius, rng.uniform(0.5, 0.7))
    cover = (buffer.tone > 0).astype(np.float32)
    shadow = 1 - np.float32(0.6) * occlusion(buffer.relief, 5) * (1 - cover)
    specks = buffer.signal(edge_gain=0.1, reach_px=5)
    return np.asarray(np.where(cover > 0, specks, signal * shadow), np.float32)
