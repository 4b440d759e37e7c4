"""Micrographs with scale bars of known length, drawn for the tests of the scale reader."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Style = Literal[
    "zeiss", "fei", "jeol", "jeol_right", "hitachi", "overlay", "tescan", "panel", "bracket", "boxed", "inside"
]
Spoil = Literal["none", "jpeg95", "jpeg75", "jpeg60", "inverted", "half", "tilted", "noise"]

STYLES: tuple[Style, ...] = ("zeiss", "fei", "jeol", "jeol_right", "hitachi", "overlay")
ALL_STYLES: tuple[Style, ...] = (*STYLES, "tescan", "panel", "bracket", "boxed", "inside")
SPOILS: tuple[Spoil, ...] = ("none", "jpeg95", "jpeg75", "jpeg60", "inverted", "half", "tilted", "noise")
FALSE_SETTINGS = ("WD = 10.1 mm   EHT = 5.00 kV", "Mag = 5.00 K X   HFW 20.7 \N{MICRO SIGN}m")
"""Those of another picture, as where a data bar was pasted below: they tell nothing of this one's scale."""

NM_PER_UNIT = {"nm": 1.0, "um": 1e3, "mm": 1e6}


@dataclass(frozen=True)
class Drawing:
    """A picture, and the truth about its bar."""

    gray: NDArray[np.uint8]
    scale_nm: float
    length_px: float
    stripe_top: int | None


def font(size: int, name: str = "DejaVuSans") -> ImageFont.FreeTypeFont:
    """A font that comes with matplotlib, or one by its path."""
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
    return ImageFont.truetype(name if name.endswith((".ttf", ".otf")) else str(path), size)


def sample(seed: int, fonts: tuple[str, ...]) -> tuple[Drawing, str]:
    """A drawing in any style and size with any usual label, and how it was made, by its seed."""
    rng = np.random.default_rng([seed, 4])
    style = ALL_STYLES[int(rng.integers(len(ALL_STYLES)))]
    spoil_by = SPOILS[int(rng.integers(len(SPOILS)))]
    name = fonts[int(rng.integers(len(fonts)))]
    width = int(rng.choice([640, 800, 1024, 1280, 2048])) if spoil_by != "half" else int(rng.choice([1024, 1280, 2048]))
    text_px = max(14 if spoil_by != "half" else 24, round(width * float(rng.uniform(0.018, 0.032))))
    unit = str(rng.choice(["nm", "um", "mm"], p=[0.42, 0.5, 0.08]))
    number = str(rng.choice(["1", "2", "3", "5", "10", "20", "30", "50", "100", "200", "300", "400", "500"]))
    if unit == "mm":
        number = str(rng.choice(["1", "2"]))
    if style == "hitachi":
        number = str(rng.choice(["1.00", "2.00", "3.00", "5.00", "10.0", "20.0", "30.0", "40.0", "50.0", "100", "500"]))
        number = "1.00" if unit == "mm" else number
    micro = str(rng.choice(["\N{MICRO SIGN}m", "\N{MICRO SIGN}m", "\N{GREEK SMALL LETTER MU}m", "um"]))
    drawing = draw(
        style,
        number=number,
        unit=unit,
        length=int(width * rng.uniform(0.12 if style not in ("hitachi", "inside") else 0.24, 0.3)),
        width=width,
        height=round(width * 0.75),
        text_px=text_px,
        font_name=name,
        seed=seed,
        micro=micro,
        star=style == "zeiss" and rng.random() < 0.15,
    )
    return spoil(
        drawing, spoil_by, seed
    ), f"{style} {spoil_by} {name.rpartition('/')[2]} {number} {unit} {micro} {text_px}"


def spoil(drawing: Drawing, how: Spoil, seed: int) -> Drawing:
    """The drawing as it may come back from an export, a scan or a small copy."""
    gray, length, top = drawing.gray, drawing.length_px, drawing.stripe_top
    if how.startswith("jpeg"):
        coded = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, int(how[4:])])[1]
        gray = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    elif how == "inverted":
        gray = np.asarray(255 - gray, dtype=np.uint8)
    elif how == "half":
        small = cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        gray, length, top = np.asarray(small, dtype=np.uint8), length / 2, None if top is None else top // 2
    elif how == "tilted":
        height, width = gray.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), 1.0 if seed % 2 else -1.0, 1.0)
        turned = cv2.warpAffine(gray, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        gray, top = np.asarray(turned, dtype=np.uint8), None
    elif how == "noise":
        noise = np.random.default_rng([seed, 5]).normal(0, 8, gray.shape)
        gray = np.clip(gray + noise, 0, 255).astype(np.uint8)
    return Drawing(gray, drawing.scale_nm, length, top)


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
    star: bool = False,
    settings: tuple[str, ...] = FALSE_SETTINGS,
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
    label += "*" if star else ""
    background, foreground = (255, 0) if style in ("zeiss", "panel") else (0, 255)
    if style in ("hitachi", "overlay", "bracket", "boxed", "panel", "inside"):
        top = None
    else:
        pen.rectangle((0, height - stripe, width, height), fill=background)
        if distractors:
            _distract(pen, style, small, width, height - stripe, foreground, settings)
    y0 = height - stripe
    if style == "zeiss":
        _text(pen, letters, 14, y0 + 6, label, foreground)
        y = y0 + int(2.4 * text_px)
        pen.line((10, y, 10 + length, y), fill=foreground, width=2)
        for x in (10, 10 + length):
            pen.rectangle((x, y - text_px // 2, x + 1, y + text_px // 2), fill=foreground)
        pen.rectangle((10, y - 1, 11 + length, y), fill=foreground)
    elif style == "fei":
        length = max(length, int(pen.textlength(label, letters)) + 120)
        x, y = width - length - 40, y0 + stripe // 2
        pen.rectangle((x, y - 1, x + length + 2, y + 1), fill=foreground)
        for tick in (x, x + length):
            pen.rectangle((tick, y - 5, tick + 2, y + 5), fill=foreground)
        half = int(pen.textlength(label, letters)) // 2 + 8
        middle = x + length // 2
        pen.rectangle((middle - half, y - text_px, middle + half, y + text_px), fill=background)
        pen.text((middle, y), label, fill=foreground, font=letters, anchor="mm")
    elif style == "jeol":
        x = width - length - 250
        pen.rectangle((x, y0 + 6, x + length - 1, y0 + 11), fill=foreground)
        pen.text((x + length // 2, y0 + 20), label, fill=foreground, font=letters, anchor="mt")
    elif style == "jeol_right":
        x, y = width - length - 260, y0 + stripe // 2
        pen.rectangle((x, y - 6, x + length - 1, y + 5), fill=foreground)
        pen.text((x + length + text_px, y), label, fill=foreground, font=letters, anchor="lm")
    elif style == "hitachi":
        pitch = max(8, round(length / 10))
        length = 10 * pitch
        x, y = width - length - 40, height - 3 * text_px
        for tick in range(11):
            pen.rectangle((x + tick * pitch, y, x + tick * pitch + 2, y + 15), fill=foreground)
        pen.text((x + int(0.7 * length), y + 24), label, fill=foreground, font=letters, anchor="mt")
    elif style == "tescan":
        x, y = width // 2 - length // 2, y0 + int(0.9 * text_px)
        pen.rectangle((x, y - 1, x + length + 1, y), fill=foreground)
        for tick in (x, x + length):
            pen.rectangle((tick, y - text_px // 3, tick + 1, y + text_px // 3), fill=foreground)
        pen.text((x + length // 2, y + int(0.6 * text_px)), label, fill=foreground, font=letters, anchor="mt")
    elif style in ("panel", "boxed"):
        x, y = width - length - 40, height - 3 * text_px
        room = max(length, int(pen.textlength(label, letters))) // 2 + 14
        middle = x + length // 2
        middle = min(middle, width - room - 8)
        x = middle - length // 2
        pen.rectangle((middle - room, y - int(1.6 * text_px), middle + room, y + text_px), fill=background)
        pen.rectangle((x, y, x + length - 1, y + max(4, text_px // 4)), fill=foreground)
        pen.text((middle, y - text_px // 3), label, fill=foreground, font=letters, anchor="mb")
    elif style == "bracket":
        x, y = 40, height - 2 * text_px
        pen.rectangle((x, y, x + length + 2, y + 2), fill=foreground)
        for tick in (x, x + length):
            pen.rectangle((tick, y - text_px // 2, tick + 2, y), fill=foreground)
        pen.text((x + length // 2, y - text_px // 2 - 6), label, fill=foreground, font=letters, anchor="mb")
    elif style == "inside":
        x, y = width - length - 40, height - 3 * text_px
        pen.rectangle((x, y, x + length - 1, y + int(1.7 * text_px)), fill=foreground)
        pen.text((x + length // 2, y + int(0.85 * text_px)), label, fill=255 - foreground, font=letters, anchor="mm")
    else:
        x, y = width - length - 60, height - 3 * text_px
        pen.rectangle((x, y, x + length - 1, y + 7), fill=foreground)
        pen.text((x + length // 2, y + 16), label, fill=foreground, font=letters, anchor="mt")
    return Drawing(np.asarray(picture, dtype=np.uint8), float(number) * NM_PER_UNIT[unit], float(length), top)


def _text(
    pen: ImageDraw.ImageDraw, letters: ImageFont.FreeTypeFont, x: int, y: int, text: str, foreground: int
) -> None:
    pen.text((x, y), text, fill=foreground, font=letters, anchor="lt")


def _distract(
    pen: ImageDraw.ImageDraw,
    style: Style,
    letters: ImageFont.FreeTypeFont,
    width: int,
    top: int,
    foreground: int,
    lines: tuple[str, ...],
) -> None:
    """Settings that contain lengths but are no scale."""
    right = style == "zeiss"
    x = int(0.55 * width) if right else 12
    for row, line in enumerate(lines):
        _text(pen, letters, x, top + 8 + row * (letters.size + 4), line, foreground)
