"""Nanowires: straight thin rods that stand on a substrate in all directions, a bright droplet on their ends."""

import cv2
import numpy as np

from pipeline.demo.relief import Shape, Signal, blur, smooth_noise

_FINER = 2  # wires are drawn twice as large and then reduced


def draw_nanowires(rng: np.random.Generator, shape: Shape) -> Signal:
    """Return the signal, float32 [height, width], of a forest of wires; far ones darker."""
    height, width = shape
    ground = 28 + 16 * smooth_noise(rng, shape, width / 6)
    canvas = cv2.resize(np.clip(ground, 0, 255).astype(np.uint8), (width * _FINER, height * _FINER))
    thick = width * rng.uniform(0.002, 0.006) * _FINER
    long = width * rng.uniform(0.12, 0.45) * _FINER
    leaning, spread = rng.uniform(0, 2 * np.pi), rng.choice([0.15, 0.5, 3.2])
    droplets = bool(rng.random() < 0.6)
    count = int(rng.uniform(120, 420))
    for number in range(count):
        near = number / count
        start = rng.uniform((0, 0), (width * _FINER, height * _FINER))
        angle, length = leaning + rng.uniform(-spread, spread), long * rng.lognormal(0, 0.25)
        end = start + length * np.array([np.cos(angle), np.sin(angle)])
        radius = max(1, round(thick * rng.lognormal(0, 0.2)))
        _add_wire(canvas, start, end, radius, bright=int(70 + 120 * near), droplet=droplets)
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return blur((small.astype(np.float32) / np.float32(255)).astype(np.float32), 0.5)


def _add_wire(
    canvas: np.ndarray, start: np.ndarray, end: np.ndarray, radius: int, *, bright: int, droplet: bool
) -> None:
    """A shadow beside the wire, its body, and a lighter line along its lit side."""
    first, last = (tuple(int(v) for v in place) for place in (start, end))
    aside = (first[0] + radius, first[1] + radius), (last[0] + radius, last[1] + radius)
    cv2.line(canvas, *aside, 12, 2 * radius, cv2.LINE_AA)
    cv2.line(canvas, first, last, bright, 2 * radius, cv2.LINE_AA)
    cv2.line(canvas, first, last, min(255, bright + 50), max(1, radius // 2), cv2.LINE_AA)
    if droplet:
        cv2.circle(canvas, last, round(1.7 * radius) + 1, min(255, bright + 70), -1, cv2.LINE_AA)
