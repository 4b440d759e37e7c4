"""Pictures without a readable scale bar, for the tests of the scale reader: none may get a value."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.imaging.scale.scale_drawings import font, specimen

Gray = NDArray[np.uint8]

_SETTINGS = (
    "WD = 10.1 mm",
    "EHT = 5.00 kV",
    "Mag = 5.00 K X",
    "HFW 20.7 \N{MICRO SIGN}m",
    "Signal A = InLens",
    "spot 3.0",
    "tilt 0 \N{DEGREE SIGN}",
    "curr 0.40 nA",
    "12:31:07",
    "Aperture Size = 30.00 \N{MICRO SIGN}m",
    "200 nm",
    "5 \N{MICRO SIGN}m",
)
_WORDS = ("Sample 3b", "Nanowires", "fig. 2", "A", "B", "c)", "Universit\u00e0", "x5,000", "SE", "2024-03-01", "Lab 7")


def junk(seed: int) -> tuple[str, Gray]:
    """A picture of one of the kinds, and the kind's name, by its seed."""
    names = sorted(KINDS)
    name = names[seed % len(names)]
    return name, KINDS[name](np.random.default_rng([seed, 9]))


def _size(rng: np.random.Generator) -> tuple[int, int]:
    width = int(rng.choice([320, 512, 640, 1024]))
    return round(width * float(rng.choice([0.66, 0.75, 1.0]))), width


def _constant(rng: np.random.Generator) -> Gray:
    return np.full(_size(rng), int(rng.integers(0, 256)), np.uint8)


def _noise(rng: np.random.Generator) -> Gray:
    noise = rng.integers(0, 256, _size(rng), dtype=np.uint8)
    if rng.random() < 0.5:
        noise = np.where(noise > int(rng.integers(128, 255)), 255, 0).astype(np.uint8)
    return noise


def _texture(rng: np.random.Generator) -> Gray:
    """Smooth noise at random contrast: bright or black patches reach the ends of the range."""
    height, width = _size(rng)
    smooth = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), float(rng.uniform(1, 8)))
    smooth = smooth / smooth.std() * rng.uniform(20, 160) + rng.uniform(60, 190)
    return np.clip(smooth, 0, 255).astype(np.uint8)


def _stretched(rng: np.random.Generator) -> Gray:
    """Texture drawn out sideways: many long horizontal runs."""
    height, width = _size(rng)
    wide = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), sigmaX=30, sigmaY=1.2)
    return np.clip(wide / wide.std() * 80 + 128, 0, 255).astype(np.uint8)


def _gradient(rng: np.random.Generator) -> Gray:
    height, width = _size(rng)
    ramp = np.add.outer(np.linspace(0, rng.uniform(0, 255), height), np.linspace(0, rng.uniform(0, 255), width))
    return (ramp % 256).astype(np.uint8)


def _tiny(rng: np.random.Generator) -> Gray:
    return rng.integers(0, 256, (int(rng.integers(1, 40)), int(rng.integers(1, 40))), dtype=np.uint8)


def _narrow(rng: np.random.Generator) -> Gray:
    shape = (int(rng.integers(2000, 6000)), int(rng.integers(1, 60)))
    noise = rng.integers(0, 256, shape, dtype=np.uint8)
    return np.ascontiguousarray(noise if rng.random() < 0.5 else noise.T)


def _damaged(rng: np.random.Generator) -> Gray:
    """A specimen of which a decoder lost the lower part: gray, black, or lines repeated."""
    height, width = _size(rng)
    gray = specimen(height, width, int(rng.integers(1 << 30)))
    row = int(rng.integers(height // 3, height - 2))
    kind = int(rng.integers(3))
    gray[row:] = (0, 128, gray[row])[kind]
    return gray


def _settings_without_bar(rng: np.random.Generator) -> Gray:
    """A data bar with everything but a scale: frames, dividers between columns, lengths in the text."""
    height, width = _size(rng)
    page = Image.fromarray(specimen(height, width, int(rng.integers(1 << 30))))
    pen = ImageDraw.Draw(page)
    letters = font(max(11, width // int(rng.integers(36, 60))), str(rng.choice(["DejaVuSans", "DejaVuSansMono"])))
    stripe = int(rng.uniform(2.2, 4) * letters.size)
    background = int(rng.choice([0, 255]))
    pen.rectangle((0, height - stripe, width, height), fill=background)
    if rng.random() < 0.5:
        pen.rectangle(
            (1, height - stripe, width - 2, height - 2), outline=255 - background, width=int(rng.integers(1, 3))
        )
    x = 12.0
    while x < width - 90:
        text = str(rng.choice(_SETTINGS))
        for line in range(2 if stripe > 3 * letters.size else 1):
            pen.text((x, height - stripe + 6 + line * 1.4 * letters.size), text, fill=255 - background, font=letters)
            text = str(rng.choice(_SETTINGS))
        x += max(pen.textlength(text, letters), 9 * letters.size)
        if rng.random() < 0.5:
            pen.line((x, height - stripe, x, height), fill=255 - background, width=2)
        x += 14
    return np.asarray(page, dtype=np.uint8)


def _words_on_picture(rng: np.random.Generator) -> Gray:
    height, width = _size(rng)
    page = Image.fromarray(specimen(height, width, int(rng.integers(1 << 30))))
    pen = ImageDraw.Draw(page)
    for _ in range(int(rng.integers(1, 6))):
        letters = font(int(rng.integers(12, 40)))
        place = (int(rng.integers(0, width - 60)), int(rng.integers(height // 2, height - 40)))
        pen.text(place, str(rng.choice(_WORDS + _SETTINGS)), fill=int(rng.choice([0, 255])), font=letters)
    return np.asarray(page, dtype=np.uint8)


def _lines(rng: np.random.Generator) -> Gray:
    """Bars, brackets and grids without any letters."""
    height, width = _size(rng)
    gray = specimen(height, width, int(rng.integers(1 << 30)))
    if rng.random() < 0.5:
        gray[height - 60 :] = int(rng.choice([0, 255]))
    for _ in range(int(rng.integers(1, 9))):
        y, x = int(rng.integers(height // 2, height - 8)), int(rng.integers(0, width - 60))
        length, thick = int(rng.integers(20, max(21, width // 3))), int(rng.integers(1, 9))
        level = int(rng.choice([0, 255]))
        gray[y : y + thick, x : x + length] = level
        if rng.random() < 0.4:
            gray[max(0, y - 6) : y + thick + 6, x : x + 2] = level
            gray[max(0, y - 6) : y + thick + 6, x + length - 2 : x + length] = level
    return gray


def _words_and_lines(rng: np.random.Generator) -> Gray:
    """Underlined words, arrows and frames around text that is no length."""
    gray = _lines(rng)
    page = Image.fromarray(gray)
    pen = ImageDraw.Draw(page)
    for _ in range(int(rng.integers(1, 6))):
        letters = font(int(rng.integers(12, 36)))
        x, y = int(rng.integers(0, gray.shape[1] - 60)), int(rng.integers(gray.shape[0] // 2, gray.shape[0] - 30))
        pen.text((x, y), str(rng.choice(_WORDS)), fill=int(rng.choice([0, 255])), font=letters)
    return np.asarray(page, dtype=np.uint8)


def _dots(rng: np.random.Generator) -> Gray:
    """Bright particles of one size on a dark ground, now and then in a row."""
    height, width = _size(rng)
    gray = np.clip(rng.normal(60, 8, (height, width)), 0, 255).astype(np.uint8)
    step = int(rng.integers(12, 40))
    for _ in range(int(rng.integers(10, 200))):
        x, y = int(rng.integers(0, width - 20)), int(rng.integers(0, height - 20))
        if rng.random() < 0.6:
            x, y = x // step * step, y // step * step
        cv2.circle(gray, (x, y), int(rng.integers(1, 9)), 255, -1)
    return gray


KINDS: dict[str, Callable[[np.random.Generator], Gray]] = {
    "constant": _constant,
    "noise": _noise,
    "texture": _texture,
    "stretched": _stretched,
    "gradient": _gradient,
    "tiny": _tiny,
    "narrow": _narrow,
    "damaged": _damaged,
    "settings": _settings_without_bar,
    "words": _words_on_picture,
    "lines": _lines,
    "words and lines": _words_and_lines,
    "dots": _dots,
}
