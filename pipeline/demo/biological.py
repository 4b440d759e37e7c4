"""Biological samples: pollen with spines, and rod-shaped bacteria on a filter."""

import numpy as np

from pipeline.demo.relief import Shape, Signal, Spheres, smooth_noise


def draw_biological(rng: np.random.Generator, shape: Shape) -> Signal:
    """Return the signal, float32 [height, width], of pollen or of bacteria."""
    return (_pollen if rng.random() < 0.5 else _bacteria)(rng, shape)


def _pollen(rng: np.random.Generator, shape: Shape) -> Signal:
    """A few large grains, all over with spines in a regular order."""
    height, width = shape
    buffer = Spheres.over(smooth_noise(rng, shape, width / 3) * np.float32(8), tone=rng.uniform(0.12, 0.22))
    radius = width * rng.uniform(0.09, 0.2)
    spine = radius * rng.uniform(0.05, 0.12)
    for _ in range(int(rng.integers(2, 8))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        buffer.add(x, y, 0.6 * radius, radius, rng.uniform(0.36, 0.46))
        count = int(rng.uniform(90, 220))
        turn = rng.uniform(0, 6.3)
        for number in range(count):  # a spiral from pole to pole: even distances
            rise = 1 - (2 * number + 1) / count
            around, ring = turn + 2.39996 * number, np.sqrt(1 - rise * rise)
            place = np.array([ring * np.cos(around), ring * np.sin(around), rise]) * (radius + 0.4 * spine)
            if place[2] > -0.2 * radius:
                buffer.add(x + place[0], y + place[1], 0.6 * radius + place[2], spine, 0.55)
    return buffer.signal(edge_gain=rng.uniform(0.08, 0.14), reach_px=radius * 0.5)


def _bacteria(rng: np.random.Generator, shape: Shape) -> Signal:
    """Short rods with round ends, single, dividing and in heaps, on a ground with round pores."""
    height, width = shape
    buffer = Spheres.over(smooth_noise(rng, shape, width / 5) * np.float32(3), tone=rng.uniform(0.14, 0.26))
    radius = width * rng.uniform(0.012, 0.03)
    ratio = rng.uniform(2.5, 6)
    for _ in range(int(rng.uniform(0.12, 0.4) * height * width / (2 * ratio * radius**2))):
        x, y, angle = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0, np.pi)
        column, row = int(np.clip(x, 0, width - 1)), int(np.clip(y, 0, height - 1))
        rest = float(buffer.relief[row, column]) * 0.7 + 0.8 * radius
        tone, length = rng.uniform(0.4, 0.52), ratio * radius * rng.uniform(0.8, 1.4)
        for along in np.linspace(-length / 2, length / 2, max(4, int(length / (0.35 * radius)))):
            waist = 1 - 0.18 * np.exp(-((along / (0.4 * radius)) ** 2))
            buffer.add(x + along * np.cos(angle), y + along * np.sin(angle), rest, radius * waist, tone)
    return buffer.signal(edge_gain=rng.uniform(0.07, 0.12), reach_px=radius * 1.5)
