"""Scale bars in any maker's or journal's manner on real and drawn specimens: far wider than `scale_drawings`.

The styles are split in two: `TUNED` may be looked at while the reader is made, `HELD_OUT` judge it. So are the fonts.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.imaging.scale.scale_drawings import NM_PER_UNIT, font, specimen

TUNED: Final = (
    "two_line_foot",
    "ruler_stripe",
    "corner_box",
    "plain",
    "boxed",
    "beside",
    "bracket",
    "inside",
    "table_foot",
)
HELD_OUT: Final = (
    "ruled_foot",
    "view_foot",
    "new_foot",
    "far_line",
    "plate_beside",
    "arrows",
    "outlined",
    "ruler_open",
    "small",
    "broken",
)
TUNED_FONTS: Final = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSansMono-Bold")
HELD_OUT_FONTS: Final = (
    "STIXGeneral",
    "STIXGeneralBol",
    "DejaVuSans-Oblique",
    "DejaVuSerif",
    "DejaVuSansMono-Bold",
    "DejaVuSerif-Bold",
)

_NUMBERS: Final = (
    "1",
    "2",
    "3",
    "4",
    "5",
    "10",
    "20",
    "30",
    "40",
    "50",
    "100",
    "200",
    "300",
    "400",
    "500",
    "0.5",
    "0.2",
    "2.5",
    "1.0",
    "5.00",
    "50.0",
)
_UNITS: Final = ("nm", "um", "mm")
_MICRO: Final = ("\N{MICRO SIGN}m", "\N{GREEK SMALL LETTER MU}m", "um", "\N{MICRO SIGN}M", "micron")
_COLOURS: Final = ((255, 255, 255), (255, 255, 255), (0, 0, 0), (255, 255, 0), (255, 0, 0), (0, 255, 255), (0, 220, 0))
_WORDS: Final = (
    "a",
    "(b)",
    "c)",
    "TiO2",
    "grain 3",
    "Cr-rich",
    "x5,000",
    "SE2",
    "Fig. 4",
    "void",
    "crack",
    "5.00 kV",
    "A-A",
    "2024",
)

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class StyleDrawing:
    """A picture, gray or coloured, and the truth about its bar."""

    pixels: NDArray[np.uint8]
    scale_nm: float
    length_px: float
    style: str
    how: str

    def as_png(self) -> bytes:
        """The picture as a file."""
        sink = io.BytesIO()
        Image.fromarray(self.pixels).save(sink, "PNG")
        return sink.getvalue()


@dataclass
class _Sheet:
    """What a style draws on, and with."""

    image: Image.Image
    rng: np.random.Generator
    fonts: Sequence[str]
    label: str
    size: int
    name: str
    foreground: Rgb
    pen: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        self.pen = ImageDraw.Draw(self.image)

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height

    def pick(self, low: float, high: float) -> int:
        """A whole number from ``low`` to ``high``."""
        return int(self.rng.integers(int(low), max(int(low) + 1, int(high) + 1)))

    def write(
        self,
        x: float,
        y: float,
        text: str,
        foreground: Rgb,
        *,
        anchor: str = "lt",
        size: int = 0,
        rim: Rgb | None = None,
    ) -> None:
        """Write a text in the sheet's font; ``rim`` outlines the letters."""
        letters = font(size or self.size, self.name)
        self.pen.text(
            (x, y), text, fill=foreground, font=letters, anchor=anchor, stroke_width=2 if rim else 0, stroke_fill=rim
        )

    def long(self, text: str, size: int = 0) -> int:
        """How long a text is in pixels."""
        return round(self.pen.textlength(text, font(size or self.size, self.name)))

    def block(self, x: int, y: int, width: int, height: int, foreground: Rgb) -> None:
        self.pen.rectangle((x, y, x + width - 1, y + height - 1), fill=foreground)

    def ticked(
        self,
        x: int,
        y: int,
        length: int,
        tall: int,
        foreground: Rgb,
        *,
        thick: int = 2,
        gap: tuple[int, int] | None = None,
    ) -> None:
        """A line from tick to tick, their middles ``length`` apart, without what is in the gap."""
        for left, right in ((x, gap[0]), (gap[1], x + length + thick)) if gap else ((x, x + length + thick),):
            self.block(left, y, right - left, thick, foreground)
        for at in (x, x + length):
            self.block(at, y + thick // 2 - tall // 2, thick, tall, foreground)

    def foot(self, lines: float, background: Rgb) -> int:
        """Lay a stripe of so many lines under the picture; its first row."""
        rows = round(lines * 1.5 * self.size)
        taller = Image.new("RGB", (self.width, self.height + rows), background)
        taller.paste(self.image)
        top = self.height
        self.image = taller
        self.pen = ImageDraw.Draw(taller)
        return top


_WHITE: Final[Rgb] = (255, 255, 255)
_BLACK: Final[Rgb] = (0, 0, 0)


def _two_line_foot(s: _Sheet, length: int) -> float:
    top = s.foot(2.3, _BLACK)
    x, thick = s.pick(0.2 * s.width, 0.5 * s.width), s.pick(0.4 * s.size, 0.7 * s.size)
    s.block(x, top + s.size // 3, length, thick, _WHITE)
    s.write(x + length + s.pick(0.5, 3) * s.size, top + s.size // 3, s.label, _WHITE)
    for share, text in ((0.05, "X 1,500"), (0.3, "15.0kV SEI"), (0.55, "LM"), (0.75, "WD 11.1mm")):
        s.write(share * s.width, top + 1.9 * s.size, text, _WHITE, size=round(0.9 * s.size))
    return length


def _ruler(s: _Sheet, length: int, x: int, y: int, foreground: Rgb) -> float:
    pitch = max(6, length // 10)
    tall = s.pick(0.5 * s.size, s.size)
    for tick in range(11):
        s.block(x + tick * pitch, y, 2 + (s.size > 20), tall if tick % 5 else round(1.3 * tall), foreground)
    s.write(x + 10 * pitch, y + 1.3 * tall + 4, s.label, foreground, anchor="rt")
    return 10.0 * pitch


def _ruler_stripe(s: _Sheet, length: int) -> float:
    top = s.foot(2.2, _BLACK)
    s.write(0.02 * s.width, top + s.size, "SU8010 5.0kV 8.1mm x10.0k SE(U)", _WHITE, size=round(0.8 * s.size))
    return _ruler(s, length, s.width - 10 * max(6, length // 10) - s.pick(10, 40), top + 4, _WHITE)


def _ruler_open(s: _Sheet, length: int) -> float:
    x = s.width - 10 * max(6, length // 10) - s.pick(10, 40)
    return _ruler(s, length, x, s.height - 3 * s.size, _WHITE)


def _corner_box(s: _Sheet, length: int) -> float:
    wide = max(length, s.long(s.label)) + 2 * s.size
    x, y = s.pick(0, 20), s.height - round(2.6 * s.size) - s.pick(0, 20)
    s.block(x, y, wide, round(2.6 * s.size), _WHITE)
    s.write(x + wide // 2, y + 5, s.label, _BLACK, anchor="mt")
    s.ticked(x + (wide - length) // 2, y + 2 * s.size, length, round(0.6 * s.size), _BLACK)
    return length


def _free_place(s: _Sheet, wide: int, tall: int) -> tuple[int, int]:
    """A corner of a picture, more often a lower one."""
    x = s.pick(10, 40) if s.rng.random() < 0.4 else s.width - wide - s.pick(12, 40)
    y = s.pick(10, 30) if s.rng.random() < 0.2 else s.height - tall - s.pick(12, 40)
    return max(4, x), max(4, y)


def _plain(s: _Sheet, length: int) -> float:
    wide, thick = max(length, s.long(s.label)), s.pick(3, 0.6 * s.size)
    x, y = _free_place(s, wide, round(1.6 * s.size) + thick)
    is_above = s.rng.random() < 0.6
    s.write(x + wide // 2, y if is_above else y + thick + 0.4 * s.size, s.label, s.foreground, anchor="mt")
    s.block(x + (wide - length) // 2, y + round(1.4 * s.size) if is_above else y, length, thick, s.foreground)
    return length


def _boxed(s: _Sheet, length: int) -> float:
    background = _WHITE if s.rng.random() < 0.5 else _BLACK
    foreground = _BLACK if background == _WHITE else _WHITE
    wide, thick = max(length, s.long(s.label)) + 2 * s.pick(8, 24), s.pick(2, 0.5 * s.size)
    x, y = _free_place(s, wide, 2 * s.size + thick + 8)
    s.block(x, y, wide, 2 * s.size + thick + 8, background)
    s.write(x + wide // 2, y + 6, s.label, foreground, anchor="mt")
    s.block(x + (wide - length) // 2, y + round(1.6 * s.size), length, thick, foreground)
    return length


def _beside(s: _Sheet, length: int) -> float:
    gap, thick, wide = s.pick(0.4 * s.size, 1.5 * s.size), s.pick(3, 0.7 * s.size), s.long(s.label)
    x, y = _free_place(s, length + gap + wide, 2 * s.size)
    is_right = s.rng.random() < 0.6
    s.block(x if is_right else x + wide + gap, y + s.size // 2 - thick // 2, length, thick, s.foreground)
    s.write(x + length + gap if is_right else x, y + s.size // 2, s.label, s.foreground, anchor="lm")
    return length


def _bracket(s: _Sheet, length: int) -> float:
    wide, tall = max(length, s.long(s.label)), s.pick(0.4 * s.size, s.size)
    x, y = _free_place(s, wide, 3 * s.size)
    s.write(x + wide // 2, y, s.label, s.foreground, anchor="mt")
    s.ticked(x + (wide - length) // 2, y + 2 * s.size, length, tall, s.foreground, thick=s.pick(2, 3))
    return length


def _inside(s: _Sheet, length: int) -> float:
    length = max(length, round(1.9 * s.long(s.label)))
    x, y = _free_place(s, length, 2 * s.size)
    foreground = _WHITE if s.rng.random() < 0.6 else _BLACK
    s.block(x, y, length, round(1.6 * s.size), foreground)
    s.write(x + length // 2, y + round(0.8 * s.size), s.label, _BLACK if foreground == _WHITE else _WHITE, anchor="mm")
    return length


def _table_foot(s: _Sheet, length: int) -> float:
    top, small = s.foot(2.2, _BLACK), round(0.7 * s.size)
    for column, (name, value) in enumerate((("HV", "10.0 kV"), ("mag", "5 000 x"), ("WD", "9.8 mm"), ("det", "ETD"))):
        s.write(8 + column * 6 * small, top + 4, name, _WHITE, size=small)
        s.write(8 + column * 6 * small, top + 1.7 * s.size, value, _WHITE, size=small)
        s.block(2 + column * 6 * small, top, 1, round(3.3 * s.size), _WHITE)
    half = s.long(s.label) // 2 + 8
    length = max(length, 2 * half + 60)
    x, y = s.width - length - s.pick(12, 60), top + round(0.9 * s.size)
    middle = x + length // 2
    s.ticked(x, y, length, round(0.8 * s.size), _WHITE, gap=(middle - half, middle + half))
    s.write(middle, y, s.label, _WHITE, anchor="mm")
    return length


def _ruled_foot(s: _Sheet, length: int) -> float:
    """Zeiss': a white stripe, line with ticks under its label, settings in two columns, a logo."""
    top = s.foot(2.4, _WHITE)
    s.write(14, top + 5, s.label, _BLACK)
    s.ticked(12, top + round(2.2 * s.size), length, round(0.8 * s.size), _BLACK)
    for line, text in enumerate(("EHT = 5.00 kV    Signal A = InLens", "WD = 4.1 mm     Mag = 10.00 K X")):
        s.write(max(length + 60, 0.35 * s.width), top + 4 + 1.5 * s.size * line, text, _BLACK, size=round(0.8 * s.size))
    s.write(s.width - 8, top + s.size, "ZEISS", _BLACK, anchor="rt", size=round(1.2 * s.size))
    return length


def _view_foot(s: _Sheet, length: int) -> float:
    """Tescan's: a ruled table whose last cell holds the bar, its label in the line's middle or below it."""
    top = s.foot(2.4, _BLACK)
    for line, (left, right) in enumerate((("SEM HV: 15.0 kV", "WD: 9.87 mm"), ("Det: SE", "Date: 03/01/24"))):
        y = top + 5 + round(1.6 * s.size * line)
        s.write(8, y, left, _WHITE, size=round(0.75 * s.size))
        s.write(0.27 * s.width, y, right, _WHITE, size=round(0.75 * s.size))
        s.block(0, y + round(1.25 * s.size), round(0.52 * s.width), 1, (150, 150, 150))
    x = round(0.55 * s.width)
    s.ticked(x, top + s.size, length, round(0.7 * s.size), _WHITE)
    s.write(x + length // 2, top + round(1.5 * s.size), s.label, _WHITE, anchor="mt")
    return length


def _new_foot(s: _Sheet, length: int) -> float:
    """JEOL's newer one: label left of a line with ticks, dots between the settings."""
    top = s.foot(2.0, _BLACK)
    s.write(10, top + 4, "SEM  HV 5.0kV  WD 8.0mm  Std.-PC 40.0", _WHITE, size=round(0.75 * s.size))
    x = round(0.5 * s.width)
    s.write(x - s.size, top + 1.9 * s.size, s.label, _WHITE, anchor="rm")
    s.ticked(x, top + round(1.9 * s.size), length, round(0.7 * s.size), _WHITE)
    return length


def _far_line(s: _Sheet, length: int) -> float:
    """A block at one end of a thin stripe, its label at the other end of the same line."""
    top = s.foot(1.3, _BLACK)
    s.block(s.pick(10, 40), top + s.size // 2, length, s.pick(4, 0.7 * s.size), _WHITE)
    s.write(length + 60 + s.pick(2, 9) * s.size, top + s.size * 0.9, s.label, _WHITE, anchor="lm")
    return length


def _plate_beside(s: _Sheet, length: int) -> float:
    """A label on a plate, the bar left of it or under it on the picture itself."""
    wide = s.long(s.label) + 16
    is_under = s.rng.random() < 0.5
    thick = s.pick(4, 0.7 * s.size)
    x, y = _free_place(s, max(wide, length) if is_under else wide + length + s.size, round(2.8 * s.size))
    at = x if is_under else x + length + s.size // 2
    s.block(at, y, wide, round(1.5 * s.size), _WHITE)
    s.write(at + wide // 2, y + round(0.75 * s.size), s.label, _BLACK, anchor="mm")
    bar_y = y + round(1.9 * s.size) if is_under else y + round(0.75 * s.size) - thick // 2
    s.block(x, bar_y, length, thick, _WHITE)
    return length


def _arrows(s: _Sheet, length: int) -> float:
    """A double arrow; from tip to tip."""
    wide, head = max(length, s.long(s.label)), s.pick(3, 5)
    x, y = _free_place(s, wide, 3 * s.size)
    s.write(x + wide // 2, y, s.label, s.foreground, anchor="mt")
    x, y = x + (wide - length) // 2, y + round(1.9 * s.size)
    s.block(x + head, y - 1, length - 2 * head, 2, s.foreground)
    for tip, step in ((x, 1), (x + length - 1, -1)):
        s.pen.polygon(
            [(tip, y), (tip + 2 * head * step, y - head), (tip + 2 * head * step, y + head)], fill=s.foreground
        )
    return length


def _outlined(s: _Sheet, length: int) -> float:
    """White letters and bar with a dark rim."""
    wide, thick = max(length, s.long(s.label)), s.pick(4, 0.5 * s.size)
    x, y = _free_place(s, wide, 3 * s.size)
    s.write(x + wide // 2, y, s.label, _WHITE, anchor="mt", rim=_BLACK)
    left, top = x + (wide - length) // 2, y + round(1.8 * s.size)
    s.block(left - 2, top - 2, length + 4, thick + 4, _BLACK)
    s.block(left, top, length, thick, _WHITE)
    return length


def _small(s: _Sheet, length: int) -> float:
    """A panel of a journal: two thirds as small, whatever is in it."""
    return _plain(s, length) if s.rng.random() < 0.5 else _boxed(s, length)


def _broken(s: _Sheet, length: int) -> float:
    """|--- 5 um ---| on the picture itself."""
    half = s.long(s.label) // 2 + 6
    length = max(length, 2 * half + 50)
    x, y = _free_place(s, length, 2 * s.size)
    middle = x + length // 2
    s.ticked(x, y + s.size, length, round(0.7 * s.size), s.foreground, gap=(middle - half, middle + half))
    s.write(middle, y + s.size, s.label, s.foreground, anchor="mm")
    return length


_DRAW: Final[dict[str, Callable[[_Sheet, int], float]]] = {
    name.removeprefix("_"): call for name, call in list(globals().items()) if name.removeprefix("_") in TUNED + HELD_OUT
}


def style_sample(seed: int, *, held_out: bool, specimens: Sequence[NDArray[np.uint8]] = ()) -> StyleDrawing:
    """A drawing by its seed, in a style and font of one of the halves; on a real specimen where some are given."""
    rng = np.random.default_rng([seed, 18, held_out])
    styles, fonts = (HELD_OUT, HELD_OUT_FONTS) if held_out else (TUNED, TUNED_FONTS)
    style = styles[seed % len(styles)]
    ground = ground_of(rng, seed, specimens)
    size = max(14, round(ground.shape[1] * float(rng.uniform(0.022, 0.045))))
    number = str(rng.choice(_NUMBERS))
    unit = str(rng.choice(_UNITS, p=(0.45, 0.5, 0.05)))
    shown = str(rng.choice(_MICRO, p=(0.4, 0.2, 0.2, 0.1, 0.1))) if unit == "um" else unit
    number = "1" if unit == "mm" else number
    label = f"{number}{'' if rng.random() < 0.25 and shown != 'micron' else ' '}{shown}"
    colour = _COLOURS[int(rng.integers(len(_COLOURS)))]
    sheet = _Sheet(Image.fromarray(np.dstack([ground] * 3)), rng, fonts, label, size, str(rng.choice(fonts)), colour)
    _distract(sheet)
    length = _DRAW[style](sheet, int(ground.shape[1] * rng.uniform(0.07, 0.26)))
    pixels, length, how_spoilt = spoilt(np.asarray(sheet.image), length, rng, small=style == "small")
    if np.ptp(pixels.astype(np.int16), axis=2).max(initial=0) <= 12:
        pixels = np.ascontiguousarray(pixels[..., 1])
    how = f"{label!r} {sheet.name} {size} px {colour} {how_spoilt}"
    return StyleDrawing(pixels, float(number) * NM_PER_UNIT[unit], length, style, how)


def ground_of(rng: np.random.Generator, seed: int, specimens: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    width = int(rng.choice([512, 640, 800, 1024, 1280]))
    height = round(width * float(rng.uniform(0.6, 0.9)))
    if not len(specimens) or rng.random() < 0.25:
        return specimen(height, width, seed)
    real = specimens[int(rng.integers(len(specimens)))]
    return np.asarray(cv2.resize(real, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _distract(s: _Sheet) -> None:
    """Letters, arrows and frames in the upper part: annotations that are no bars."""
    for _ in range(s.pick(0, 3)):
        x, y = s.pick(0.1 * s.width, 0.8 * s.width), s.pick(0.1 * s.height, 0.6 * s.height)
        kind = s.pick(0, 2)
        if kind == 0:
            s.write(x, y, str(s.rng.choice(_WORDS)), s.foreground)
        elif kind == 1:
            s.pen.line((x, y, x + s.pick(20, 80), y + s.pick(10, 60)), fill=s.foreground, width=2)
        else:
            s.pen.rectangle((x, y, x + s.pick(40, 120), y + s.pick(40, 90)), outline=s.foreground, width=2)


def spoilt(
    pixels: NDArray[np.uint8], length: float, rng: np.random.Generator, *, small: bool
) -> tuple[NDArray[np.uint8], float, str]:
    """The picture made smaller, blurred or noisy, and coded, as pictures are passed on."""
    how = []
    if small or rng.random() < 0.25:
        share = float(rng.uniform(0.6, 0.9))
        pixels = np.asarray(cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)
        length *= share
        how.append(f"x{share:.2f}")
    if rng.random() < 0.15:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.4, 0.8))), np.uint8)
        how.append("blurred")
    if rng.random() < 0.7:
        quality = int(rng.integers(70, 97))
        coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
        how.append(f"JPEG {quality}")
    return pixels, length, " ".join(how)
