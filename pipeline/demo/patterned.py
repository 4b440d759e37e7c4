"""Patterned surfaces: gratings, arrays of pillars or holes, crossed lines, seen straight or tilted."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.relief import Shape, Signal, blur, occlusion, slope_yield, smooth_noise

Grid = NDArray[np.float32]


def draw_patterned(rng: np.random.Generator, shape: Shape) -> Signal:
    """Return the signal, float32 [height, width], of a periodic structure with rough bright edges."""
    pitch = shape[1] * float(np.exp(rng.uniform(np.log(0.025), np.log(0.11))))
    u, v = _wafer_coordinates(rng, shape, pitch)
    rough = np.float32(rng.uniform(0.006, 0.016))
    u = u + rough * smooth_noise(rng, shape, max(pitch * 0.4, 4), octaves=2)
    v = v + rough * smooth_noise(rng, shape, max(pitch * 0.4, 4), octaves=2)
    kind = str(rng.choice(["grating", "pillars", "holes", "mesh"], p=[0.35, 0.28, 0.22, 0.15]))
    top = _inside(rng, kind, u, v)
    return _lit(rng, shape, top, pitch)


def _wafer_coordinates(rng: np.random.Generator, shape: Shape, pitch: float) -> tuple[Grid, Grid]:
    """Position on the wafer, in pitches, of each pixel: rotated, and tilted away in a third of the cases."""
    height, width = shape
    x = (np.arange(width, dtype=np.float32) - width / 2)[None, :]
    y = (np.arange(height, dtype=np.float32) - height / 2)[:, None]
    if rng.random() < 0.4:
        squeeze, vanish = rng.uniform(1.3, 1.9), rng.uniform(0.15, 0.45) / height
        depth = 1 - vanish * y
        x, y = x * depth, squeeze * y * depth
    angle = rng.choice([0.0, np.pi / 2, np.pi / 4, rng.uniform(0, np.pi)]) + rng.normal(0, 0.03)
    cosine, sine = np.float32(np.cos(angle) / pitch), np.float32(np.sin(angle) / pitch)
    offset = rng.uniform(0, 1, 2).astype(np.float32)
    u = (x * cosine + y * sine + offset[0]).astype(np.float32)
    v = (y * cosine - x * sine + offset[1]).astype(np.float32)
    return u, v


def _centred(position: Grid) -> Grid:
    """Distance along one axis to the middle of the period's cell, -0.5 to 0.5."""
    return position - np.floor(position) - np.float32(0.5)


def _inside(rng: np.random.Generator, kind: str, u: Grid, v: Grid) -> Grid:
    """How far inside the raised part a pixel is, in pitches; negative on the ground between."""
    if kind == "grating":
        return np.float32(rng.uniform(0.18, 0.32)) - np.abs(_centred(u))
    if kind == "mesh":
        half = np.float32(rng.uniform(0.10, 0.2))
        return half - np.minimum(np.abs(_centred(u)), np.abs(_centred(v)))
    if rng.random() < 0.5:
        row = np.floor(v)
        u = u + np.float32(0.5) * (row - 2 * np.floor(row / 2))
    cell_u, cell_v = _centred(u), _centred(v)
    square = rng.random() < 0.25
    reach = np.maximum(np.abs(cell_u), np.abs(cell_v)) if square else np.hypot(cell_u, cell_v)
    inside = np.float32(rng.uniform(0.22, 0.36)) - reach.astype(np.float32)
    missing = _missing(rng, np.floor(u), np.floor(v))
    inside = np.where(missing, np.float32(-0.5), inside)
    return -inside if kind == "holes" else inside


def _missing(rng: np.random.Generator, column: Grid, row: Grid) -> NDArray[np.bool_]:
    """A few cells without their dot, chosen by the cell's place so that a whole dot goes."""
    key = (column.astype(np.int64) * 73856093) ^ (row.astype(np.int64) * 19349663)
    return np.asarray((key + int(rng.integers(1 << 20))) % 211 == 0)


def _lit(rng: np.random.Generator, shape: Shape, inside: Grid, pitch: float) -> Signal:
    """Raised parts brighter or darker than the ground, walls bright, dust, slow contrast changes."""
    wall = np.clip(inside * np.float32(pitch) / np.float32(max(pitch * 0.06, 1.5)) + 0.5, 0, 1)
    relief = blur(wall.astype(np.float32), 0.8) * np.float32(pitch * rng.uniform(0.15, 0.4))
    ground, step = rng.uniform(0.16, 0.30), rng.uniform(0.08, 0.28)
    signal = ground + step * wall + slope_yield(relief, edge_gain=rng.uniform(0.7, 1.2))
    signal = signal * (1 - np.float32(0.6) * occlusion(relief, pitch * 0.3))
    signal = signal * (1 + np.float32(0.06) * smooth_noise(rng, shape, shape[1] / 2, octaves=5))
    return _with_dust(rng, signal.astype(np.float32))


def _with_dust(rng: np.random.Generator, signal: Signal) -> Signal:
    """Add a few bright flakes of resist."""
    height, width = signal.shape
    flakes = np.zeros(signal.shape, np.float32)
    for _ in range(int(rng.poisson(4))):
        centre = rng.uniform(0, 1, 2) * (width, height)
        size = width * rng.uniform(0.004, 0.013)
        corners = centre + size * rng.uniform(0.5, 1, (7, 1)) * _ring(7)
        cv2.fillPoly(flakes, [corners.astype(np.int32)], 1.0)
    soft = blur(flakes, 1.2)
    lit = np.float32(0.5) + slope_yield(soft * 9, edge_gain=0.6)
    return np.asarray(signal * (1 - soft) + lit * soft, np.float32)


def _ring(count: int) -> NDArray[np.float64]:
    """Points of a unit circle, float64 [count, 2]."""
    angle = np.arange(count) * 2 * np.pi / count
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)
