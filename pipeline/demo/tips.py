"""Tips: one sharp needle in front of an empty, out-of-focus chamber; etched, coated or carrying debris."""

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.relief import Shape, Signal, Spheres, blur, smooth_noise

Grid = NDArray[np.float32]


def draw_tips(rng: np.random.Generator, shape: Shape) -> Signal:
    """Return the signal, float32 [height, width], of one needle that enters from the border."""
    axis, along, across = _needle_frame(rng, shape)
    profile = _Profile(rng, shape)
    radius = profile(along)
    ratio = np.asarray(across / np.maximum(radius, 1e-3), np.float32)
    inside = np.abs(ratio) < 1
    cosine = np.sqrt(np.maximum(1 - ratio * ratio, 0)).astype(np.float32)
    body = _body(rng, shape, along, ratio, cosine)
    picture = np.where(inside, body, _chamber(rng, shape, along, across, radius))
    if rng.random() < 0.6:
        picture = _with_debris(rng, np.asarray(picture, np.float32), axis, profile)
    return blur(np.asarray(picture, np.float32), 0.7)


class _Frame:
    """Where the needle is: its apex (x, y) in pixels and its direction into the shaft."""

    def __init__(self, rng: np.random.Generator, shape: Shape) -> None:
        height, width = shape
        self.angle = float(rng.uniform(0, 2 * np.pi))
        self.x = width * (0.5 - 0.22 * np.cos(self.angle)) + width * rng.normal(0, 0.05)
        self.y = height * (0.45 - 0.22 * np.sin(self.angle)) + height * rng.normal(0, 0.05)
        self.bend = rng.normal(0, 0.05) / width

    def point(self, along: float, across: float) -> tuple[float, float]:
        """Return the pixel (x, y) at a place along and across the needle."""
        across = across + self.bend * along * along
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        return float(self.x + along * cosine - across * sine), float(self.y + along * sine + across * cosine)


def _needle_frame(rng: np.random.Generator, shape: Shape) -> tuple[_Frame, Grid, Grid]:
    """The needle's place, and each pixel's coordinates along it (from the apex) and across it."""
    frame = _Frame(rng, shape)
    x = (np.arange(shape[1], dtype=np.float32) - np.float32(frame.x))[None, :]
    y = (np.arange(shape[0], dtype=np.float32) - np.float32(frame.y))[:, None]
    cosine, sine = np.float32(np.cos(frame.angle)), np.float32(np.sin(frame.angle))
    along, across = x * cosine + y * sine, y * cosine - x * sine
    return frame, along, across - np.float32(frame.bend) * along * along


class _Profile:
    """Radius in pixels as a function of the distance from the apex: a round end, then a cone."""

    def __init__(self, rng: np.random.Generator, shape: Shape) -> None:
        self.end = shape[1] * float(np.exp(rng.uniform(np.log(0.003), np.log(0.025))))
        self.opening = rng.uniform(0.08, 0.32)
        self.limit = shape[1] * rng.uniform(0.10, 0.30)
        self.power = rng.uniform(0.85, 1.25)
        self.scale = shape[1] * 0.4

    def __call__(self, along: Grid) -> Grid:
        ahead = np.maximum(along, 0)
        cone = self.opening * self.scale * (ahead / np.float32(self.scale)) ** np.float32(self.power)
        shaft = np.float32(self.limit) * np.tanh(cone / np.float32(self.limit))
        cap = np.sqrt(np.maximum(2 * self.end * ahead - np.minimum(ahead, self.end) ** 2, 0))
        tip = np.minimum(cap, np.float32(self.end))
        return np.asarray(np.where(along > 0, np.sqrt(tip**2 + shaft**2), 0), np.float32)


def _body(rng: np.random.Generator, shape: Shape, along: Grid, ratio: Grid, cosine: Grid) -> Signal:
    """Bright at both edges and at the very apex, dark along the middle, grooved by etching."""
    rim = np.minimum(1 / (cosine + np.float32(0.16)) - np.float32(0.86), 3.2)
    lit = np.float32(rng.uniform(0.16, 0.3)) + np.float32(rng.uniform(0.16, 0.24)) * rim
    lit = lit + np.float32(rng.choice([-0.12, 0.12])) * ratio
    lit = lit + np.float32(0.35) * np.exp(-np.maximum(along, 0) / np.float32(shape[1] * 0.03))
    rings = smooth_noise(rng, (shape[0], shape[1]), shape[1] * 0.05, octaves=5)
    lit = lit * (1 + np.float32(rng.uniform(0.05, 0.2)) * rings)
    if rng.random() < 0.4:
        steps = np.sin(along * np.float32(2 * np.pi / (shape[1] * rng.uniform(0.012, 0.04))) + 2 * rings)
        lit = lit + np.float32(0.05) * np.maximum(steps, 0) ** 3
    return np.asarray(lit, np.float32)


def _chamber(rng: np.random.Generator, shape: Shape, along: Grid, across: Grid, radius: Grid) -> Signal:
    """The background: nearly even, darker towards one side, with a faint glow around the needle."""
    gray = rng.uniform(0.06, 0.32)
    slope = rng.normal(0, 0.05, 2)
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    away = np.hypot(np.maximum(np.abs(across) - radius, 0), np.minimum(along, 0))
    glow = np.float32(0.05) * np.exp(-away / np.float32(shape[1] * 0.04))
    haze = np.float32(0.02) * smooth_noise(rng, shape, shape[1] / 2, octaves=2)
    return np.asarray(gray * (1 + slope[0] * x + slope[1] * y) + glow + haze, np.float32)


def _with_debris(rng: np.random.Generator, picture: Signal, axis: _Frame, profile: _Profile) -> Signal:
    """Let small particles stick to the needle."""
    width = picture.shape[1]
    buffer = Spheres.over(np.zeros(picture.shape, np.float32), tone=0)
    for _ in range(int(rng.integers(3, 14))):
        along = width * rng.uniform(0.01, 0.5)
        centre_ratio, count = rng.uniform(-0.9, 0.9), int(rng.integers(1, 9))
        reach = float(profile(np.array([along], np.float32))[0])
        for _ in range(count):
            radius = width * rng.uniform(0.002, 0.006)
            x, y = axis.point(along + rng.normal(0, radius * 1.5), centre_ratio * reach + rng.normal(0, radius))
            buffer.add(x, y, radius, radius, rng.uniform(0.45, 0.7))
    specks = buffer.signal(edge_gain=0.14, reach_px=5)
    return np.asarray(np.where(buffer.tone > 0, specks, picture), np.float32)
