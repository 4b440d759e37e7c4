"""Windows around a label with the bar it labels, or with none: what the bar finder is trained on.

Whatever is free in a scale bar is drawn anew in each: its kind, thickness, ticks, arrows, rim and colour, the label's
place and distance, a foot, box or plate behind them, and what else stands nearby and is no bar. The grounds are the
demo's drawn specimens and noise, so that nothing but this file is needed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline.demo.detector import detect
from pipeline.demo.textures import ALL_TEXTURES

_FONTS: Final = (
    "DejaVu Sans",
    "DejaVu Sans:bold",
    "DejaVu Sans Mono",
    "DejaVu Serif",
    "STIXGeneral",
    "cmss10",
    "cmr10",
)
_NUMBERS: Final = ("1", "2", "5", "10", "20", "50", "100", "200", "500", "0.5", "2.5", "1.00", "30", "4", "300")
_UNITS: Final = ("nm", "\N{MICRO SIGN}m", "um", "mm")
_OTHER: Final = (
    "5.0kV",
    "WD 8.1mm",
    "x10,000",
    "SE2",
    "(b)",
    "TiO2",
    "Mag = 2.0 K X",
    "SEI",
    "15.0kV",
    "grain A",
    "LM",
)
_NO_BAR: Final = 0.22
_TEXTURE_PX: Final = 640

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class BarWindow:
    """A gray picture with one label and perhaps its bar.

    Attributes
    ----------
    gray : uint8 ndarray, [height, width]
    label : (x, y, width, height)
        Tight around the letters, in pixels.
    foreground, background : int
        Gray levels of the letters and of their ground.
    ends : ((x, y), (x, y)) or None
        The left and right end of what the label measures; the left edge of pixel 0 is 0. None without a bar.
    """

    gray: NDArray[np.uint8]
    label: Box
    foreground: int
    background: int
    ends: tuple[tuple[float, float], tuple[float, float]] | None


def windows(seed: int, count: int) -> Iterator[BarWindow]:
    """Draw so many; the same for the same seed."""
    for number in range(count):
        yield draw_window(np.random.default_rng([seed, number]))


@lru_cache(maxsize=512)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_manager.findfont(name), size)


@lru_cache(maxsize=160)
def _texture(number: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng([77, number])
    names = sorted(ALL_TEXTURES)
    signal = ALL_TEXTURES[names[number % len(names)]].draw(rng, (_TEXTURE_PX * 3 // 4, _TEXTURE_PX))
    return np.asarray(detect(rng, signal, levels=256), np.uint8)


def _ground(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """A piece of a drawn specimen in any enlargement and contrast, or noise."""
    if rng.random() < 0.12:
        coarse = rng.uniform(0, 255, (height // int(rng.integers(6, 40)) + 2, width // int(rng.integers(6, 40)) + 2))
        smooth = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        return np.clip(smooth + rng.normal(0, rng.uniform(0, 12), (height, width)), 0, 255).astype(np.uint8)
    texture = _texture(int(rng.integers(160)))
    share = float(np.exp(rng.uniform(np.log(0.25), np.log(1.0))))
    piece_width = max(8, min(texture.shape[1], round(share * texture.shape[1])))
    piece_height = max(4, min(texture.shape[0], round(piece_width * height / width)))
    x = int(rng.integers(texture.shape[1] - piece_width + 1))
    y = int(rng.integers(texture.shape[0] - piece_height + 1))
    piece = texture[y : y + piece_height, x : x + piece_width]
    grown = cv2.resize(piece, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    grown = grown * rng.uniform(0.5, 1.4) + rng.uniform(-50, 60) + rng.normal(0, rng.uniform(0, 7), grown.shape)
    return np.clip(grown, 0, 255).astype(np.uint8)


@dataclass
class _Sheet:
    image: Image.Image
    pen: ImageDraw.ImageDraw
    rng: np.random.Generator
    h: int
    foreground: int
    rim: int | None

    def pick(self, low: float, high: float) -> int:
        return int(self.rng.integers(int(low), max(int(low), int(high)) + 1))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def block(self, x: float, y: float, width: float, height: float, foreground: int) -> None:
        if width >= 1 and height >= 1:
            self.pen.rectangle((x, y, x + width - 1, y + height - 1), fill=foreground)

    def stroke(self, x: float, y: float, width: float, height: float) -> None:
        """A block in the bar's foreground, with its rim where there is one."""
        if self.rim is not None:
            edge = max(1, self.h // 16)
            self.block(x - edge, y - edge, width + 2 * edge, height + 2 * edge, self.rim)
        self.block(x, y, width, height, self.foreground)


def _line(s: _Sheet, x: int, y: int, length: int, thick: int, gap: tuple[int, int] | None) -> None:
    """A straight stroke, without what is in the gap."""
    for left, right in ((x, gap[0]), (gap[1], x + length)) if gap else ((x, x + length),):
        s.stroke(left, y - thick // 2, right - left, thick)


# Each draws a bar that measures from x to x + length around row y and returns where its ends are and how high it is.
Drawn = tuple[float, float]


def _solid(s: _Sheet, x: int, y: int, length: int, gap: tuple[int, int] | None) -> Drawn:
    _line(s, x, y, length, s.pick(1, 0.75 * s.h), gap)
    return x, x + length


def _thin(s: _Sheet, x: int, y: int, length: int, gap: tuple[int, int] | None) -> Drawn:
    _line(s, x, y, length, s.pick(1, max(1, 0.12 * s.h)), gap)
    return x, x + length


def _ticked(s: _Sheet, x: int, y: int, length: int, gap: tuple[int, int] | None) -> Drawn:
    """A line from tick to tick; they stand up, down or both ways, and may be as thick as a block."""
    thick = s.pick(1, max(1, 0.2 * s.h))
    wide = thick if s.chance(0.7) else s.pick(1, max(2, 0.25 * s.h))
    up, down = s.pick(0.15 * s.h, 0.7 * s.h), s.pick(0.15 * s.h, 0.7 * s.h)
    kind = s.pick(0, 3)
    up, down = (up, 0) if kind == 0 else (0, down) if kind == 1 else (up, up)
    _line(s, x, y, length + wide, thick, gap)
    for at in (x, x + length):
        s.stroke(at, y - thick // 2 - up, wide, up + thick + down)
    return x + wide / 2, x + length + wide / 2


def _arrows(s: _Sheet, x: int, y: int, length: int, gap: tuple[int, int] | None) -> Drawn:
    """A double arrow from tip to tip, filled or of two strokes, perhaps against two walls."""
    thick, head = s.pick(1, max(1, 0.14 * s.h)), s.pick(0.12 * s.h + 2, 0.4 * s.h + 3)
    long = round(head * float(s.rng.uniform(1.0, 2.2)))
    is_open = s.chance(0.4)
    inset = 0 if is_open else long // 2
    _line(s, x + inset, y, length - 2 * inset, thick, gap)
    for tip, step in ((x, 1), (x + length - 1, -1)):
        barbs = [(tip + long * step, y - head), (tip, y), (tip + long * step, y + head)]
        if is_open:
            s.pen.line(barbs, fill=s.foreground, width=thick)
        else:
            s.pen.polygon(barbs, fill=s.foreground)
    if s.chance(0.2):
        for at in (x - 1, x + length - 1):
            s.stroke(at, y - head, max(1, thick), 2 * head)
    return x, x + length


def _ruler(s: _Sheet, x: int, y: int, length: int, gap: tuple[int, int] | None) -> Drawn:
    """Even ticks, some longer, with a line at one side or without."""
    parts = int(s.rng.choice([10, 10, 10, 5, 4, 20]))
    pitch = max(3, length // parts)
    tall, wide = s.pick(0.25 * s.h, 0.9 * s.h), s.pick(1, max(1, 0.12 * s.h))
    hangs, has_line, every = s.chance(0.5), s.chance(0.5), int(s.rng.choice([1, 2, 5, 10]))
    for tick in range(parts + 1):
        rise = tall if tick % every == 0 else max(2, round(0.6 * tall))
        s.stroke(x + tick * pitch, y if hangs else y - rise, wide, rise)
    if has_line:
        s.stroke(x, y, parts * pitch + wide, wide)
    return x + wide / 2, x + parts * pitch + wide / 2


def _checkered(s: _Sheet, x: int, y: int, length: int, gap: tuple[int, int] | None) -> Drawn:
    """Parts of two levels in turn within a rim, as maps have them."""
    parts, thick = int(s.rng.choice([2, 4, 5, 10])), s.pick(3, 0.5 * s.h)
    other = 255 - s.foreground
    edge = max(1, thick // 6)
    s.block(x, y - thick // 2, length, thick, s.foreground)
    for part in range(parts):
        left, right = x + length * part // parts, x + length * (part + 1) // parts
        if part % 2:
            s.block(
                left, y - thick // 2 + edge, right - left - (edge if part == parts - 1 else 0), thick - 2 * edge, other
            )
    return x, x + length


def _hollow(s: _Sheet, x: int, y: int, length: int, gap: tuple[int, int] | None) -> Drawn:
    """The outline of a block, filled with the other level or not at all."""
    thick, edge = s.pick(5, 0.7 * s.h + 4), s.pick(1, max(1, 0.1 * s.h))
    if s.chance(0.5):
        s.block(x, y - thick // 2, length, thick, 255 - s.foreground)
    s.pen.rectangle((x, y - thick // 2, x + length - 1, y - thick // 2 + thick - 1), outline=s.foreground, width=edge)
    return x, x + length


_KINDS: Final[tuple[tuple[Callable[[_Sheet, int, int, int, tuple[int, int] | None], Drawn], float], ...]] = (
    (_solid, 0.3), (_thin, 0.12), (_ticked, 0.25), (_arrows, 0.13), (_ruler, 0.1), (_checkered, 0.05), (_hollow, 0.05),
)  # fmt: skip


def draw_window(rng: np.random.Generator) -> BarWindow:
    """One window, 48 by 10 label heights."""
    h = int(np.exp(rng.uniform(np.log(9), np.log(40))))
    width, height = int(rng.integers(24, 60)) * h, int(rng.integers(8, 13)) * h
    image = Image.fromarray(_ground(rng, height, width))
    foreground = int(rng.choice([255, 255, 0, int(rng.integers(0, 256))]))
    s = _Sheet(image, ImageDraw.Draw(image), rng, h, foreground, None)
    font = _font(str(rng.choice(_FONTS)), max(8, round(1.35 * h)))
    text = f"{rng.choice(_NUMBERS)}{' ' if rng.random() < 0.75 else ''}{rng.choice(_UNITS)}"
    left, top, right, bottom = s.pen.textbbox((0, 0), text, font=font)
    tw, th = int(right - left), int(bottom - top)
    _clutter(s, width, height)
    has_bar = rng.random() >= _NO_BAR
    place = str(rng.choice(["above", "below", "left", "right", "inside", "gap"], p=[0.36, 0.2, 0.14, 0.16, 0.06, 0.08]))
    long = int(np.exp(rng.uniform(np.log(1.2 * h), np.log(min(30 * h, 0.8 * width)))))
    if place in ("inside", "gap"):
        long = max(long, tw + 2 * h + s.pick(0, 4 * h))
    apart = s.pick(0.15 * h, 1.6 * h)
    far = s.pick(0.3 * h, 2 * h) if s.chance(0.7) else s.pick(2 * h, 16 * h)
    group = max(long, tw) if place in ("above", "below", "inside", "gap") else long + far + tw
    x = s.pick(0.4 * h, max(0.4 * h, width - group - h))
    row = height // 2 + s.pick(-h, h)
    if place in ("above", "below"):
        shift = (long - tw) // 2 if s.chance(0.7) else (0 if s.chance(0.5) else long - tw)
        bar_x, text_x = x + max(0, -shift), x + max(0, shift)
        text_y = row - th // 2
        bar_y = text_y + th + apart + h // 2 if place == "above" else text_y - apart - h // 2
    elif place in ("left", "right"):
        bar_x, text_x = (x + tw + far, x) if place == "left" else (x, x + long + far)
        text_y, bar_y = row - th // 2, row + s.pick(-0.2 * h, 0.2 * h)
    else:
        bar_x, text_x, text_y, bar_y = x, x + (long - tw) // 2, row - th // 2, row
    _behind(s, (x, min(text_y, bar_y), group, abs(text_y - bar_y) + th), (text_x, text_y, tw, th), width, height)
    letters = s.foreground
    if s.chance(0.08) and place != "inside":
        s.foreground = 255 - s.foreground if s.chance(0.5) else s.pick(0, 255)
    s.rim = 255 - s.foreground if s.chance(0.12) else None
    ends = None
    if has_bar:
        gap = (text_x - s.pick(0.2 * h, 0.8 * h), text_x + tw + s.pick(0.2 * h, 0.8 * h)) if place == "gap" else None
        if place == "inside":
            s.rim = None
            thick = th + s.pick(0.3 * h, 1.2 * h)
            s.block(bar_x, row - thick // 2, long, thick, s.foreground)
            a, b = float(bar_x), float(bar_x + long)
            letters = 255 - s.foreground if abs(255 - 2 * s.foreground) > 60 else 0
        else:
            kinds = _KINDS if gap is None else ((_thin, 0.35), (_ticked, 0.4), (_arrows, 0.25))
            weights = np.array([weight for _, weight in kinds])
            kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))][0]
            a, b = kind(s, bar_x, bar_y, long, gap)
        ends = ((a, bar_y + 0.5), (b, bar_y + 0.5))
    outline = {"stroke_width": max(1, h // 14), "stroke_fill": 255 - letters} if s.chance(0.1) else {}
    s.pen.text((text_x - left, text_y - top), text, fill=letters, font=font, **outline)
    _other_text(s, (x, group), text_y, th, width)
    gray = np.asarray(image)
    return _spoilt(rng, gray, (text_x, text_y, tw, th), letters, ends)


def _clutter(s: _Sheet, width: int, height: int) -> None:
    """Annotations that are no bars: arrows, frames, rings, blocks, slanted and long straight lines."""
    for _ in range(s.pick(0, 3)):
        x, y, foreground = s.pick(0, width), s.pick(0, height), s.pick(0, 255) if s.chance(0.4) else s.foreground
        thick = s.pick(1, max(1, 0.15 * s.h))
        kind = s.pick(0, 4)
        if kind == 0:
            s.pen.line((x, y, x + s.pick(-5, 5) * s.h, y + s.pick(-3, 3) * s.h), fill=foreground, width=thick)
        elif kind == 1:
            s.pen.rectangle((x, y, x + s.pick(2, 8) * s.h, y + s.pick(2, 5) * s.h), outline=foreground, width=thick)
        elif kind == 2:
            s.pen.ellipse((x, y, x + s.pick(2, 6) * s.h, y + s.pick(2, 6) * s.h), outline=foreground, width=thick)
        elif kind == 3:
            s.block(0, y, width, thick, foreground)
        else:
            s.block(x, 0, thick, height, foreground)


def _behind(s: _Sheet, group: Box, label: Box, width: int, height: int) -> None:
    """A foot, a box around label and bar, a plate behind the label alone, or nothing."""
    kind = float(s.rng.random())
    background = 255 if s.foreground < 128 else 0
    if s.chance(0.2):
        background = int(np.clip(background + s.pick(-70, 70), 0, 255))
    x, y, wide, tall = group
    if kind < 0.35:
        up, down = s.pick(0.8 * s.h, 2.5 * s.h), s.pick(0.8 * s.h, 3 * s.h)
        s.block(0, y - up, width, tall + up + down, background)
        for row in (y - up, y + tall + down):
            if s.chance(0.3):
                s.block(0, row, width, max(1, s.h // 14), s.foreground)
    elif kind < 0.5:
        margin, rise = s.pick(0.5 * s.h, 1.5 * s.h), s.pick(0.7 * s.h, 1.4 * s.h)
        s.block(x - margin, y - rise, wide + 2 * margin, tall + 2 * rise, background)
    elif kind < 0.6:
        margin = s.pick(0.2 * s.h, 0.6 * s.h)
        s.block(label[0] - margin, label[1] - margin, label[2] + 2 * margin, label[3] + 2 * margin, background)


def _other_text(s: _Sheet, taken: tuple[int, int], y: int, tall: int, width: int) -> None:
    """Words in the label's line beyond the group, and in lines above or below it."""
    font = _font(str(s.rng.choice(_FONTS)), max(8, round(s.rng.uniform(0.8, 1.4) * s.h)))
    for _ in range(s.pick(0, 3)):
        text = str(s.rng.choice(_OTHER))
        wide = s.pen.textlength(text, font)
        after = taken[0] + taken[1] + s.h
        if s.chance(0.5) and after + wide < width:
            s.pen.text((s.pick(after, width - wide), y), text, fill=s.foreground, font=font)
        elif taken[0] - s.h - wide > 0:
            s.pen.text((s.pick(0, taken[0] - s.h - wide), y), text, fill=s.foreground, font=font)
    if s.chance(0.3):
        row = y + (3.4 if s.chance(0.5) else -4.2) * tall
        s.pen.text((s.pick(0, 0.6 * width), row), "  ".join(_OTHER[: s.pick(1, 6)]), fill=s.foreground, font=font)


def _spoilt(
    rng: np.random.Generator,
    gray: NDArray[np.uint8],
    label: Box,
    foreground: int,
    ends: tuple[tuple[float, float], tuple[float, float]] | None,
) -> BarWindow:
    """Made smaller, blurred, noisy and coded, as pictures are passed on."""
    share = 1.0
    if rng.random() < 0.4:
        share = float(rng.uniform(0.45, 0.95))
        how = cv2.INTER_AREA if rng.random() < 0.7 else cv2.INTER_CUBIC
        size = round(gray.shape[1] * share), round(gray.shape[0] * share)
        gray = np.asarray(cv2.resize(gray, size, interpolation=how), np.uint8)
    if rng.random() < 0.25:
        gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), float(rng.uniform(0.4, 1.1))), np.uint8)
    if rng.random() < 0.2:
        gray = np.clip(gray + rng.normal(0, rng.uniform(1, 12), gray.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = int(rng.integers(45, 97))
        coded = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        gray = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
    x, y, wide, tall = (share * one for one in label)
    box = gray[max(0, round(y)) : round(y + tall), max(0, round(x)) : round(x + wide)]
    background = int(np.median(box)) if box.size else 255 - foreground
    moved = None if ends is None else tuple((share * end_x, share * end_y) for end_x, end_y in ends)
    return BarWindow(gray, (x, y, wide, tall), foreground, background, moved)  # type: ignore[arg-type]
