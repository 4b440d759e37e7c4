"""Fibres: a mat of overlapping curved cylinders, smooth or grooved, fine or coarse."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.relief import Shape, Signal, blur, occlusion, smooth_noise


class _Mat:
    """A depth buffer of cylinders; each runs from one side of the picture to the other."""

    def __init__(self, shape: Shape) -> None:
        self.relief = np.full(shape, -60, np.float32)
        self.signal = np.full(shape, 0.05, np.float32)

    def add(self, path: NDArray[np.float32], depth: NDArray[np.float32], radius: float, look: "_Look") -> None:
        """Draw a cylinder whose axis passes the columns ``path`` (pixels), one a row, at ``depth``."""
        half = int(radius * 1.6) + 2
        slope = np.gradient(path)
        shrink = 1 / np.sqrt(1 + slope**2)
        seen = np.flatnonzero((path > -half) & (path < self.relief.shape[1] + half))
        path, depth, shrink = path[seen], depth[seen], shrink[seen]
        columns = np.floor(path).astype(np.int64)[:, None] + np.arange(-half, half + 1)[None, :]
        across = (columns - path[:, None]) * shrink[:, None] / np.float32(radius)
        cosine = np.sqrt(np.maximum(1 - across**2, 0)).astype(np.float32)
        surface = depth[:, None] + np.float32(radius) * cosine
        columns_inside = (columns >= 0) & (columns < self.relief.shape[1]) & (cosine > 0)
        lines, places = np.nonzero(columns_inside)
        rows, target = seen[lines], columns[lines, places]
        nearer = surface[lines, places] > self.relief[rows, target]
        rows, target, lines, places = rows[nearer], target[nearer], lines[nearer], places[nearer]
        self.relief[rows, target] = surface[lines, places]
        self.signal[rows, target] = look.shade(cosine[lines, places], across[lines, places], rows)

    def turn(self) -> None:
        """Exchange rows and columns, so that the next cylinders run the other way."""
        self.relief, self.signal = np.ascontiguousarray(self.relief.T), np.ascontiguousarray(self.signal.T)


class _Look:
    """How one fibre's surface shines."""

    def __init__(self, rng: np.random.Generator, length: int, edge_gain: float, grooves: float) -> None:
        self.tone = rng.uniform(0.34, 0.46)
        self.edge_gain = edge_gain
        strands = rng.standard_normal((1, 24), dtype=np.float32) * np.float32(grooves)
        along = rng.standard_normal((length // 9 + 2, 24), dtype=np.float32) * np.float32(0.02 + grooves * 0.3)
        self.skin = cv2.resize(strands + along, (48, length), interpolation=cv2.INTER_CUBIC)
        self.side = rng.uniform(0.05, 0.14)

    def shade(
        self, cosine: NDArray[np.float32], across: NDArray[np.float32], rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        rim = np.minimum(1 / (cosine + np.float32(0.2)) - np.float32(0.83), 2.4)
        lane = np.clip(((np.arcsin(np.clip(across, -1, 1)) / np.pi + 0.5) * 47).astype(np.int64), 0, 47)
        lit = self.tone * (1 + self.skin[rows, lane]) + self.edge_gain * rim - self.side * across
        return np.asarray(lit, np.float32)


def draw_fibres(rng: np.random.Generator, shape: Shape) -> Signal:
    """Return the signal, float32 [height, width], of a mat of fibres, deep ones darker."""
    mat = _Mat(shape)
    mean = shape[1] * float(np.exp(rng.uniform(np.log(0.006), np.log(0.028))))
    aligned = rng.random() < 0.35
    lean = rng.uniform(-0.3, 0.3)
    grooves = rng.choice([0.0, 0.05, 0.10])
    edge_gain = rng.uniform(0.10, 0.2)
    count = int(np.clip(2.4 * shape[1] / mean / 2, 22, 110))
    for index in range(count):
        if index == count // 2 and not aligned:
            mat.turn()
        length, width = mat.relief.shape
        radius = mean * rng.lognormal(0, 0.12 if aligned else 0.28)
        tilt = rng.normal(lean, 0.12) if aligned else rng.uniform(-0.9, 0.9)
        y = np.arange(length, dtype=np.float32)
        wave = sum(
            rng.normal(0, 0.05 / k) * np.sin(y * k * 2 * np.pi / length + rng.uniform(0, 6.3)) for k in (1, 2, 3)
        )
        path = rng.uniform(-0.3, 1.3) * width + tilt * (y - length / 2) + np.asarray(wave) * width
        level = rng.uniform(-55, 55) + 18 * np.sin(y * rng.uniform(1, 3) * np.pi / length + rng.uniform(0, 6.3))
        look = _Look(rng, length, edge_gain, float(grooves))
        mat.add(path.astype(np.float32), level.astype(np.float32), radius, look)
    if mat.relief.shape != shape:
        mat.turn()
    return _finish(rng, mat, mean)


def _finish(rng: np.random.Generator, mat: _Mat, mean: float) -> Signal:
    """Darken what lies deep and what neighbours shade."""
    depth = np.clip((mat.relief + 75) / 130, 0.10, 1)
    shade = 1 - np.float32(0.7) * occlusion(mat.relief, max(mean * 1.5, 9))
    grain = 1 + np.float32(0.03) * smooth_noise(rng, mat.relief.shape, 6, octaves=1)
    return blur((mat.signal * depth * shade * grain * np.float32(1.1)).astype(np.float32), 0.6)
