"""MEMS devices and electrodes: comb drives on thin beams, and bond pads whose leads meet in the middle."""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.relief import Shape, Signal, blur, occlusion, slope_yield, smooth_noise

Points = NDArray[np.float64]

_SUBPIXEL_BITS = 4


def draw_mems(rng: np.random.Generator, shape: Shape) -> Signal:
    """Return the signal, float32 [height, width], of a comb drive or of electrodes, turned by an angle."""
    plan = _Plan(rng, shape)
    if rng.random() < 0.5:
        _comb_drive(rng, plan)
    else:
        _electrodes(rng, plan)
    return _lit(rng, plan.metal, plan.unit)


class _Plan:
    """A mask onto which device shapes are drawn in units of 1/1000 of the picture's width."""

    def __init__(self, rng: np.random.Generator, shape: Shape) -> None:
        self.metal = np.zeros(shape, np.float32)
        self.unit = shape[1] / 1000
        angle = rng.choice([0.0, rng.uniform(-0.5, 0.5), np.pi / 2])
        tilt = rng.choice([1.0, rng.uniform(0.6, 0.9)])
        cosine, sine = np.cos(angle), np.sin(angle)
        self.turn = np.array([[cosine, sine * tilt], [-sine, cosine * tilt]]) * self.unit
        self.centre = np.array([shape[1] / 2, shape[0] / 2]) + rng.normal(0, 0.04, 2) * shape[1]

    def fill(self, corners: Points, value: float = 1.0) -> None:
        """Fill a polygon, float64 [n, 2], device units from the picture's centre."""
        pixels = (corners @ self.turn + self.centre) * 2**_SUBPIXEL_BITS
        cv2.fillPoly(self.metal, [np.rint(pixels).astype(np.int32)], value, cv2.LINE_8, _SUBPIXEL_BITS)

    def box(self, x: float, y: float, width: float, height: float, value: float = 1.0) -> None:
        """Fill a rectangle by its corner and size."""
        self.fill(np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]]), value)

    def disc(self, x: float, y: float, radius: float, value: float = 1.0) -> None:
        """Fill a circle."""
        angle = np.arange(24) * 2 * np.pi / 24
        self.fill(np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1), value)

    def lead(self, path: Points, width: float) -> None:
        """Draw a conductor of constant width along corners, float64 [n, 2]."""
        for start, end in pairwise(path):
            along = (end - start) / max(float(np.hypot(*(end - start))), 1e-9)
            side = np.array([-along[1], along[0]]) * width / 2
            self.fill(np.stack([start + side, end + side, end - side, start - side]))
            self.disc(float(end[0]), float(end[1]), width / 2)


def _comb_drive(rng: np.random.Generator, plan: _Plan) -> None:
    """A shuttle with etch holes between two fixed combs, hung on four thin beams."""
    pitch = rng.uniform(28, 60)
    finger, length, overlap = pitch * rng.uniform(0.28, 0.36), rng.uniform(120, 210), rng.uniform(0.4, 0.75)
    half = rng.uniform(40, 75)
    count = int(rng.integers(8, 18))
    start = -count * pitch / 2
    plan.box(start - 60, -half, count * pitch + 120, 2 * half)
    for side in (-1, 1):
        root = side * half
        anchor = side * (half + length * (2 - overlap))
        plan.box(start - 80, min(anchor, anchor + side * 160), count * pitch + 160, 160)
        for index in range(count):
            x = start + index * pitch
            plan.box(x, min(root, root + side * length), finger, length)
            plan.box(x + pitch / 2, min(anchor, anchor - side * length), finger, length)
    for end in (-1, 1):
        x = end * (count * pitch / 2 + 50)
        for beam in (-0.7, 0.5):
            plan.box(min(x, x + end * 600), beam * half, 600, 9)
        plan.box(min(x + end * 240, x + end * 330), -half * 1.6, 90, half * 3.2)
    for x in np.arange(start - 20, -start + 20, 44):
        for y in (-half * 0.5, half * 0.5):
            plan.disc(float(x), float(y), 8, 0.0)


def _electrodes(rng: np.random.Generator, plan: _Plan) -> None:
    """Pads on all sides whose leads narrow and meet at a small gap; alignment marks beside it."""
    count = int(rng.integers(3, 6))
    pad, inner = rng.uniform(60, 95), rng.uniform(18, 60)
    for side in range(4):
        turn = np.array([[0, 1], [-1, 0]]) if side % 2 else np.eye(2)
        flip = 1 if side < 2 else -1
        for index in range(count):
            offset = (index - (count - 1) / 2) * pad * 1.6
            spread = offset * rng.uniform(0.25, 0.4)
            near, far = rng.uniform(190, 230), 330
            bond = np.array([[far, offset - pad / 2], [far + 700, offset * 2.1 - pad / 2]])
            bond = np.concatenate([bond, bond[::-1] + np.array([0, pad])])
            plan.fill(flip * bond @ turn)
            path = np.array(
                [[far + 5, offset], [near, spread * 1.6], [inner * 2.2, spread * 0.7], [inner, spread * 0.3]]
            )
            plan.lead(flip * path[:3] @ turn, rng.uniform(9, 14))
            plan.lead(flip * path[2:] @ turn, 5)
    for x, y in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
        plan.disc(x * 150.0, y * 150.0, 13)
        plan.box(x * 185.0 - 14, y * 185.0 - 3, 28, 6)
        plan.box(x * 185.0 - 3, y * 185.0 - 14, 6, 28)


def _lit(rng: np.random.Generator, metal: Signal, unit: float) -> Signal:
    """Grainy metal on a dark smooth wafer, walls bright on the detector's side, a shadow beside them."""
    shape = metal.shape
    soft = blur(metal, 0.8)
    relief = soft * np.float32(rng.uniform(6, 14) * max(unit, 0.5))
    grain = smooth_noise(rng, shape, 4, octaves=2)
    plate = rng.uniform(0.38, 0.52) + np.float32(0.035) * grain
    wafer = rng.uniform(0.08, 0.2) + np.float32(0.012) * smooth_noise(rng, shape, shape[1] / 4, octaves=4)
    signal = wafer * (1 - soft) + plate * soft + slope_yield(relief, edge_gain=rng.uniform(0.4, 0.8))
    shadow = 1 - np.float32(0.55) * occlusion(relief, 9 * max(unit, 0.5)) * (1 - soft)
    return np.asarray(signal * shadow, np.float32)
