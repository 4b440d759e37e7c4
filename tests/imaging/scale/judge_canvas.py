"""What the judge's pictures are drawn on: coloured layers with places to a fraction of a pixel."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tests.imaging.scale.scale_drawings import font

Rgb = tuple[int, int, int]
WHITE: Final[Rgb] = (255, 255, 255)
BLACK: Final[Rgb] = (0, 0, 0)

FONTS: Final = (
    "Aileron",
    "Aileron narrow",
    "Aileron bold",
    "Hershey",
    "cmss10",
    "cmtt10",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
    "DejaVuSans-BoldOblique",
    "DejaVuSans-Oblique narrow",
    "DejaVuSans narrow",
    "DejaVuSansMono-Oblique",
    "DejaVuSerif-Bold narrow",
)
"""Pillow's own, OpenCV's strokes, matplotlib's; ``narrow`` ones are squeezed, ``bold`` ones thickened."""
_WITHOUT_MICRO: Final = ("Aileron", "Hershey", "cm")
_NARROW: Final = 0.78
_SHIFT: Final = 4


def shown_in(text: str, name: str) -> str:
    """The text as a font can write it: ``um`` where it has no micron."""
    if name.startswith(_WITHOUT_MICRO):
        return text.replace("\N{MICRO SIGN}", "u").replace("\N{GREEK SMALL LETTER MU}", "u")
    return text


@lru_cache(maxsize=256)
def _letters(text: str, size: int, name: str) -> tuple[NDArray[np.float32], int]:
    """Foreground of a text, 0 to 1, and its baseline's row; the row 0 is the top of a capital."""
    face, _, manner = name.partition(" ")
    if face == "Hershey":
        scale, thick = size / 30, max(1, round(size / 12))
        (wide, tall), low = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
        page = np.zeros((tall + low + 2 * thick, wide + 2 * thick), np.uint8)
        cv2.putText(page, text, (thick, tall + thick), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick, cv2.LINE_AA)
        return (page[thick // 2 :] / 255).astype(np.float32), tall
    letters = ImageFont.load_default(size) if face == "Aileron" else font(size, face)
    assert isinstance(letters, ImageFont.FreeTypeFont)
    box = letters.getbbox("H", anchor="ls")
    rise = round(-box[1])
    bold = 1 if manner == "bold" else 0
    sheet = Image.new("L", (round(letters.getlength(text)) + 6, rise + round(0.35 * size) + 2))
    ImageDraw.Draw(sheet).text((2, rise), text, fill=255, font=letters, anchor="ls", stroke_width=bold)
    foreground = np.asarray(sheet, np.float32) / 255
    if manner == "narrow":
        foreground = np.asarray(
            cv2.resize(foreground, None, fx=_NARROW, fy=1, interpolation=cv2.INTER_AREA), np.float32
        )
    return foreground, rise


@dataclass
class Canvas:
    """A coloured picture; ``label`` is what its bar is worth, ``size`` its letters' height in pixels."""

    pixels: NDArray[np.float32]
    rng: np.random.Generator
    name: str
    label: str
    size: int
    foreground: Rgb = WHITE

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    def pick(self, low: float, high: float) -> float:
        """A number from ``low`` to ``high``."""
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def lay(self, cover: NDArray[np.float32], x: int, y: int, foreground: Rgb) -> None:
        """Cover the picture with foreground; the layer's first pixel at (x, y), what juts out is cut."""
        top, left = max(0, y), max(0, x)
        part = self.pixels[top : max(top, y + cover.shape[0]), left : max(left, x + cover.shape[1])]
        mask = cover[top - y : top - y + part.shape[0], left - x : left - x + part.shape[1], None]
        part += mask * (np.asarray(foreground, np.float32) - part)

    def block(self, x: float, y: float, width: float, height: float, foreground: Rgb, *, share: float = 1.0) -> None:
        """A filled block, outer edge to outer edge; edges within a pixel are half-tones."""
        left, top = int(np.floor(x)), int(np.floor(y))
        across = _covered(x - left, width)
        down = _covered(y - top, height)
        self.lay((share * np.outer(down, across)).astype(np.float32), left, top, foreground)

    def shape(self, points: Sequence[tuple[float, float]], foreground: Rgb) -> None:
        """A filled polygon; its points are pixels' outer corners, as a block's."""
        corners = np.asarray(points) - 0.5
        page = np.zeros(self.pixels.shape[:2], np.uint8)
        cv2.fillPoly(page, [np.round(corners * 2**_SHIFT).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
        self.lay((page / 255).astype(np.float32), 0, 0, foreground)

    def stroke(self, start: tuple[float, float], end: tuple[float, float], thick: float, foreground: Rgb) -> None:
        """A line with blunt ends, whatever its tilt."""
        (x, y), (u, v) = start, end
        away = np.asarray((y - v, u - x)) / max(1e-9, float(np.hypot(u - x, v - y))) * thick / 2
        a, b = float(away[0]), float(away[1])
        self.shape([(x + a, y + b), (u + a, v + b), (u - a, v - b), (x - a, y - b)], foreground)

    def ticked(
        self, x: float, y: float, length: float, foreground: Rgb, *, up: float, down: float, thick: float = 2
    ) -> None:
        """A line whose end ticks' middles are ``length`` apart, the first tick's middle at ``x``."""
        self.block(x - thick / 2, y, length + thick, thick, foreground)
        for at in (x, x + length):
            self.block(at - thick / 2, y - up, thick, up + down + thick, foreground)

    def write(
        self, x: float, y: float, text: str, foreground: Rgb, *, anchor: str = "lt", share: float = 1.0, name: str = ""
    ) -> None:
        """Write a text; anchor ``l``, ``m``, ``r`` and ``t`` (a capital's top), ``m``, ``b`` (baseline)."""
        name = name or self.name
        foreground_mask, base = _letters(shown_in(text, name), max(8, round(share * self.size)), name)
        left = x - {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]] * foreground_mask.shape[1]
        top = y - {"t": 0.0, "m": 0.5, "b": 1.0}[anchor[1]] * base
        self.lay(foreground_mask, round(left), round(top), foreground)

    def long(self, text: str, share: float = 1.0) -> int:
        """How long a text is in pixels."""
        mask = _letters(shown_in(text, self.name), max(8, round(share * self.size)), self.name)[0]
        return int(mask.shape[1])

    def foot(self, lines: float, background: Rgb) -> int:
        """Lay a stripe of so many lines under the picture; its first row."""
        rows, top = round(lines * 1.5 * self.size), self.height
        stripe = np.tile(np.asarray(background, np.float32), (rows, self.width, 1))
        self.pixels = np.concatenate([self.pixels, stripe])
        return top

    def place(self, wide: float, tall: float) -> tuple[float, float]:
        """A corner of the picture, more often a lower one, for something so large; never a panel letter's."""
        edge = self.pick(8, 30)
        is_high = self.chance(0.2)
        x = edge if self.chance(0.45) and not is_high else self.width - wide - edge
        y = edge if is_high else self.height - tall - edge
        return max(4.0, x), max(4.0, y)

    def shadowed(self, x: float, y: float, wide: float, tall: float) -> None:
        """Darken or lighten a place a little where the foreground would be lost on it."""
        part = self.pixels[max(0, int(y - 6)) : int(y + tall + 6), max(0, int(x - 6)) : int(x + wide + 6)]
        level = float(np.mean(part)) if part.size else 128.0
        away = float(np.mean(self.foreground))
        if abs(level - away) < 140:
            part += 0.6 * ((0.0 if away > 128 else 255.0) - part)

    def done(self) -> NDArray[np.uint8]:
        """The picture in eight bits, (height, width, 3)."""
        return np.clip(np.round(self.pixels), 0, 255).astype(np.uint8)


def _covered(offset: float, length: float) -> NDArray[np.float64]:
    """How much of each pixel from 0 on lies within ``offset`` and ``offset + length``."""
    edges = np.arange(int(np.ceil(offset + length)) + 1)
    inside = np.clip(edges, offset, offset + length)
    return np.diff(inside)
