"""Particles: colloids in a monolayer, a heap of many sizes, nanoparticles with chains on a substrate."""

import numpy as np

from pipeline.demo.relief import Shape, Signal, Spheres, scattered, smooth_noise


def draw_particles(rng: np.random.Generator, shape: Shape) -> Signal:
    """Return the signal, float32 [height, width], of one of three kinds of particle sample."""
    kind = rng.choice(["chains", "heap", "monolayer"], p=[0.4, 0.35, 0.25])
    return {"chains": _chains, "heap": _heap, "monolayer": _monolayer}[str(kind)](rng, shape)


def _ground(rng: np.random.Generator, shape: Shape) -> Signal:
    """A substrate that is nearly flat."""
    return smooth_noise(rng, shape, shape[1] / 5) * np.float32(3)


def _chains(rng: np.random.Generator, shape: Shape) -> Signal:
    """Single particles and short random walks of touching ones, as dried from a suspension."""
    height, width = shape
    buffer = Spheres.over(_ground(rng, shape), tone=rng.uniform(0.16, 0.28))
    mean = width * rng.uniform(0.008, 0.024)
    for _ in range(int(rng.uniform(0.05, 0.13) * height * width / (3.1 * mean**2) / 3)):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        angle = rng.uniform(0, 2 * np.pi)
        for _ in range(int(rng.geometric(0.32))):
            radius = mean * rng.lognormal(0, 0.10)
            buffer.add(x, y, radius * 0.9, radius, rng.uniform(0.48, 0.60))
            angle += rng.normal(0, 0.9)
            x, y = x + 2 * mean * np.cos(angle), y + 2 * mean * np.sin(angle)
    return buffer.signal(edge_gain=rng.uniform(0.06, 0.14), reach_px=mean * 1.2)


def _heap(rng: np.random.Generator, shape: Shape) -> Signal:
    """A powder bed: sizes over a decade, small ones sitting on the large ones."""
    height, width = shape
    buffer = Spheres.over(_ground(rng, shape) - np.float32(20), tone=0.12)
    largest = width * rng.uniform(0.05, 0.085)
    for share, radius in (
        (0.45, largest),
        (0.6, largest * 0.55),
        (0.35, largest * 0.27),
        (0.07, largest * 0.13),
    ):
        for _ in range(int(share * height * width / (3.1 * radius**2))):
            size = radius * rng.lognormal(0, 0.18)
            x, y = rng.uniform(-size, width + size), rng.uniform(-size, height + size)
            column, row = int(np.clip(x, 0, width - 1)), int(np.clip(y, 0, height - 1))
            rest = float(buffer.relief[row, column]) + 0.95 * size
            if rest < 3 * largest:
                buffer.add(x, y, rest, size, rng.uniform(0.36, 0.56))
    return buffer.signal(edge_gain=rng.uniform(0.07, 0.13), reach_px=largest * 0.55)


def _monolayer(rng: np.random.Generator, shape: Shape) -> Signal:
    """Equal spheres in a hexagonal layer with vacancies, grain boundaries and a few on top."""
    height, width = shape
    radius = width * rng.uniform(0.016, 0.034)
    buffer = Spheres.over(_ground(rng, shape), tone=0.14)
    square = int(1.5 * np.hypot(height, width))
    points = scattered(rng, (square, square), 2.04 * radius, jitter=0.02) - square / 2
    angle = rng.uniform(0, np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = points @ turn + np.array([width, height]) * rng.uniform(0.3, 0.7, 2)
    holes = smooth_noise(rng, shape, width / 4)
    for x, y in points:
        inside = -radius < x < width + radius and -radius < y < height + radius
        column, row = int(np.clip(x, 0, width - 1)), int(np.clip(y, 0, height - 1))
        if inside and rng.random() > 0.03 and holes[row, column] < 0.62:
            buffer.add(x, y, radius, radius * rng.normal(1, 0.015), rng.uniform(0.44, 0.52))
    for _ in range(int(rng.integers(4, 16))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        buffer.add(x, y, 2.6 * radius, radius, 0.58)
    return buffer.signal(edge_gain=rng.uniform(0.07, 0.12), reach_px=radius)
