"""Cheap pictures for a large heap: relief and noise, the frames of one specimen, empty frames, data bars."""

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]

WIDTH_PX, HEIGHT_PX = 256, 192
BAR_ROWS = 24
"""Rows of the data bar of those that have one."""

NEAR_PIXELS = 33
"""How many pixels of a near copy differ, each by one gray level: the reference study's own example."""

_RELIEF_PX = 16
_DARKEST, _BRIGHTEST = 4, 248  # so that a step of one level saturates nowhere


def surface(rng: np.random.Generator, *, margin_px: int = 0) -> NDArray[np.float32]:
    """A specimen without noise, float32 [height, width], wider and higher than a frame by ``margin_px``."""
    height, width = HEIGHT_PX + margin_px, WIDTH_PX + margin_px
    coarse = rng.standard_normal((height // _RELIEF_PX + 2, width // _RELIEF_PX + 2), dtype=np.float32)
    relief = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.float32(rng.uniform(100, 150)) + np.float32(rng.uniform(25, 40)) * relief, np.float32)


def frame(rng: np.random.Generator, signal: NDArray[np.float32], *, noise: float) -> Gray:
    """What the detector records of a signal: noise of this standard deviation, whole levels."""
    values = signal + np.float32(noise) * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.clip(np.rint(values), _DARKEST, _BRIGHTEST).astype(np.uint8)


def picture(rng: np.random.Generator) -> Gray:
    """A picture of its own, uint8 [192, 256], of values 4 to 248."""
    return frame(rng, surface(rng), noise=float(rng.uniform(3, 8)))


def sister_frames(rng: np.random.Generator, count: int) -> list[Gray]:
    """Different frames of one specimen: the very same field with noise of its own, brighter, or moved a little."""
    wide = surface(rng, margin_px=24)
    noise = float(rng.uniform(4, 8))
    frames = []
    for number in range(count):
        top, left = (0, 0) if number < 3 else rng.integers(0, 24, 2)
        field = wide[top : top + HEIGHT_PX, left : left + WIDTH_PX]
        frames.append(frame(rng, field + np.float32(3 * (number == 2)), noise=noise))
    return frames


def empty_frame(rng: np.random.Generator, *, level: int) -> Gray:
    """A frame in which nothing is to be seen but noise around one gray level."""
    flat = np.full((HEIGHT_PX, WIDTH_PX), level, np.float32)
    return frame(rng, flat, noise=float(rng.uniform(1.5, 3)))


def with_bar(rng: np.random.Generator, gray: Gray) -> Gray:
    """The picture with a data bar over its lowest rows: a stripe with a segment and marks like words."""
    background, foreground = (0, 255) if rng.random() < 0.5 else (255, 0)
    copy = gray.copy()
    stripe = copy[-BAR_ROWS:]
    stripe[:] = background
    stripe[16:18, 10 : 10 + int(rng.integers(30, 80))] = foreground
    marks = rng.random((6, 20)) < 0.5
    stripe[6:18, 110:230] = np.where(np.kron(marks, np.ones((2, 6))) > 0, foreground, background)
    return copy


def near_copy(rng: np.random.Generator, gray: Gray) -> Gray:
    """A copy in which `NEAR_PIXELS` pixels are one level brighter."""
    copy = gray.copy()
    copy.reshape(-1)[rng.choice(gray.size, NEAR_PIXELS, replace=False)] += 1
    return copy


def half_size(gray: Gray) -> Gray:
    """A thumbnail of half the width and height."""
    return np.asarray(
        cv2.resize(gray, (gray.shape[1] // 2, gray.shape[0] // 2), interpolation=cv2.INTER_AREA), np.uint8
    )
