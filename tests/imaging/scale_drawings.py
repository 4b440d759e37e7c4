"""Micrographs with scale bars of known length, drawn for the tests of the scale reader."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Style = Literal["zeiss", "fei", "jeol", "jeol_right", "hitachi", "overlay"]

STYLES: tuple[Style, ...] = ("zeiss", "fei", "jeol", "jeol_right", "hitachi", "overlay")
NM_PER_UNIT = {"nm": 1.0, "um": 1e3, "mm": 1e6}


@dataclass(frozen=True)
class Drawing:
    """A picture, and the truth about its bar."""

    gray: NDArray[np.uint8]
    scale_nm: float
    length_px: float
    stripe_top: int | None


def font(size: int, name: str = "DejaVuSans") -> ImageFont.FreeTypeFont:
    """A font that comes with matplotlib."""
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
    return ImageFont.truetype(str(path), size)


def specimen(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Smooth gray texture with noise between 40 and 190."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(60, 170, (height // 24 + 2, width // 24 + 2)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 6, (height, width)), 40, 190).astype(np.uint8)


def draw(
    style: Style,
    *,
    number: str = "200",
    unit: str = "nm",
    length: int = 140,
    width: int = 1024,
    height: int = 768,
    text_px: int = 20,
    font_name: str = "DejaVuSans",
    seed: int = 0,
    micro: str = "\N{MICRO SIGN}m",
    distractors: bool = True,
) -> Drawing:
    """Draw a micrograph in a vendor's style; ``length`` is the true length of the scale in pixels."""
    picture = Image.fromarray(specimen(height, width, seed))
    pen = ImageDraw.Draw(picture)
    stripe = int(3.4 * text_px)
    top: int | None = height - stripe
    letters = font(text_px, font_name)
    small = font(max(9, min(int(0.7 * text_px), width // 70)), font_name)
    separator = "" if style == "hitachi" else " "
    label = f"{number}{separator}{micro if unit == 'um' else unit}"
    if style == "hitachi":
        label = f"{number}{'um' if unit == 'um' else unit}"
    paper, ink = (255, 0) if style == "zeiss" else (0, 255)
    if style in ("hitachi", "overlay"):
        top = None
    else:
        pen.rectangle((0, height - stripe, width, height), fill=paper)
        if distractors:
            _distract(pen, style, small, width, height - stripe, ink)
    y0 = height - stripe
    if style == "zeiss":
        _text(pen, letters, 14, y0 + 6, label, ink)
        y = y0 + int(2.4 * text_px)
        pen.line((10, y, 10 + length, y), fill=ink, width=2)
        for x in (10, 10 + length):
            pen.rectangle((x, y - text_px // 2, x + 1, y + text_px // 2), fill=ink)
        pen.rectangle((10, y - 1, 11 + length, y), fill=ink)
    elif style == "fei":
        length = max(length, int(pen.textlength(label, letters)) + 120)
        x, y = width - length - 40, y0 + stripe // 2
        pen.rectangle((x, y - 1, x + length + 2, y + 1), fill=ink)
        for tick in (x, x + length):
            pen.rectangle((tick, y - 5, tick + 2, y + 5), fill=ink)
        half = int(pen.textlength(label, letters)) // 2 + 8
        middle = x + length // 2
        pen.rectangle((middle - half, y - text_px, middle + half, y + text_px), fill=paper)
        pen.text((middle, y), label, fill=ink, font=letters, anchor="mm")
    elif style == "jeol":
        x = width - length - 250
        pen.rectangle((x, y0 + 6, x + length - 1, y0 + 11), fill=ink)
        pen.text((x + length // 2, y0 + 20), label, fill=ink, font=letters, anchor="mt")
    elif style == "jeol_right":
        x, y = width - length - 260, y0 + stripe // 2
        pen.rectangle((x, y - 6, x + length - 1, y + 5), fill=ink)
        pen.text((x + length + text_px, y), label, fill=ink, font=letters, anchor="lm")
    elif style == "hitachi":
        pitch = max(8, round(length / 10))
        length = 10 * pitch
        x, y = width - length - 40, height - 3 * text_px
        for tick in range(11):
            pen.rectangle((x + tick * pitch, y, x + tick * pitch + 2, y + 15), fill=ink)
        pen.text((x + int(0.7 * length), y + 24), label, fill=ink, font=letters, anchor="mt")
    else:
        x, y = width - length - 60, height - 3 * text_px
        pen.rectangle((x, y, x + length - 1, y + 7), fill=ink)
        pen.text((x + length // 2, y + 16), label, fill=ink, font=letters, anchor="mt")
    return Drawing(np.asarray(picture, dtype=np.uint8), float(number) * NM_PER_UNIT[unit], float(length), top)


def _text(pen: ImageDraw.ImageDraw, letters: ImageFont.FreeTypeFont, x: int, y: int, text: str, ink: int) -> None:
    pen.text((x, y), text, fill=ink, font=letters, anchor="lt")


def _distract(
    pen: ImageDraw.ImageDraw, style: Style, letters: ImageFont.FreeTypeFont, width: int, top: int, ink: int
) -> None:
    """Settings that contain lengths but are no scale."""
    right = style == "zeiss"
    x = int(0.55 * width) if right else 12
    _text(pen, letters, x, top + 8, "WD = 10.1 mm   EHT = 5.00 kV", ink)
    _text(pen, letters, x, top + 12 + letters.size, "Mag = 5.00 K X   HFW 20.7 \N{MICRO SIGN}m", ink)
