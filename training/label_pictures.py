"""Crops of labels for the training of the label network: text in many fonts, spoilt as micrographs spoil it.

Most texts are lengths as scale bars state them, every number equally likely beside the usual ones, so that the
network reads what is printed instead of guessing what is usual; the rest is other print, so that a crop of
something else is not read as a length.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline.imaging.scale.labels.faint_print import faint_crop
from pipeline.imaging.scale.recognition.network import ALPHABET, MICRO, net_input
from pipeline.imaging.scale.recognition.text import text_crop

_USUAL: Final = ("1", "2", "3", "4", "5", "10", "20", "25", "30", "40", "50", "100", "200", "250", "300", "400", "500")
_POINTED: Final = ("1.00", "2.00", "3.00", "4.00", "5.00", "10.0", "20.0", "30.0", "40.0", "50.0", "0.5", "0.2", "1.0")
_UNITS: Final = ("nm", "\N{MICRO SIGN}m", "\N{GREEK SMALL LETTER MU}m", "um", "mm", "pm", "microns")
_UNIT_SHARES: Final = (0.31, 0.2, 0.15, 0.17, 0.13, 0.03, 0.01)
_TEXTURE_SHARE: Final = 0.07
_SMALL_SHARE: Final = 0.4
_FAINT_SHARE: Final = 0.4
"""So many of the crops from a specimen are cut as `pipeline.imaging.scale.labels.faint_print` does."""

_ROUGH_SHARE: Final = 0.5
_NOT_IN_ALL_FONTS: Final = "\N{MICRO SIGN}\N{GREEK SMALL LETTER MU}"
_IN_NO_FONT: Final = "\ufffe"
_OTHER: Final = ("WD", "Mag", "EHT", "kV", "KX", "SE", "HV", "det", "spot", "mode", "Signal A", "InLens", "ETD", "pA")


@dataclass(frozen=True)
class Sample:
    """A crop in the network's form, uint8 [24, width], and its text in the network's alphabet."""

    page: NDArray[np.uint8]
    text: str


def samples(fonts: Sequence[Path], seed: int, count: int) -> Iterator[Sample]:
    """Draw so many crops; the same for the same fonts and seed."""
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        sample = _sample(rng, str(fonts[int(rng.integers(len(fonts)))]))
        if sample is not None:
            made += 1
            yield sample


def _sample(rng: np.random.Generator, font_path: str) -> Sample | None:
    if rng.random() < _TEXTURE_SHARE:
        return Sample(_page(_texture(rng)), "")
    text = _length(rng) if rng.random() < 0.76 else _other(rng)
    try:
        letters = _font(font_path, int(rng.integers(11, 23 if rng.random() < _SMALL_SHARE else 44)))
        if not all(_draws(font_path, character) for character in text if character in _NOT_IN_ALL_FONTS):
            return None
        page = _printed(rng, text, letters)
    except OSError:
        return None
    gray, level = _on_background(rng, page)
    gray, cover = _bent(rng, gray, page)
    gray = _spoilt(rng, gray)
    crop = _cut(rng, gray, cover, level)
    if crop is None:
        return None
    plain = text.replace("\N{GREEK SMALL LETTER MU}", MICRO)
    plain = "".join(c for c in plain if c in ALPHABET)
    return Sample(_page(crop), plain) if plain else None


def _page(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.rint(net_input(crop)[0, 0] * 255).astype(np.uint8)


def _texture(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Specimen that passes for print: the brightest (darkest) pieces of a rough ground, cut out as a label would be."""
    height, width = int(rng.integers(12, 48)), int(rng.integers(30, 200))
    grain = float(rng.uniform(1.0, 5.0))
    rough = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), grain)
    rough = (rough - rough.min()) / max(1e-6, float(rough.max() - rough.min()))
    gray = np.rint(255 * rough ** rng.uniform(0.5, 2.0)).astype(np.uint8)
    level = 255 if rng.random() < 0.5 else 0
    reach = int(rng.integers(60, 140))
    foreground = (np.abs(gray.astype(np.int16) - level) <= reach).astype(np.uint8)
    return text_crop(gray, (0, 0, width, height), foreground, fringe_px=int(rng.integers(0, 2)))


def _length(rng: np.random.Generator) -> str:
    kind = rng.random()
    if kind < 0.35:
        number = str(rng.choice(_USUAL))
    elif kind < 0.6:
        number = str(rng.choice(_POINTED))
    else:
        digits = [str(d) for d in rng.integers(0, 10, int(rng.integers(1, 5)))]
        if len(digits) > 1 and rng.random() < 0.45:
            digits.insert(int(rng.integers(1, len(digits))), ".")
        number = "".join(digits)
    if rng.random() < 0.12:
        number = number.replace(".", ",")
    space = str(rng.choice(["", " ", " ", "  "]))
    end = "*" if rng.random() < 0.05 else ""
    return number + space + str(rng.choice(_UNITS, p=_UNIT_SHARES)) + end


def _other(rng: np.random.Generator) -> str:
    kind = rng.random()
    if kind < 0.4:
        letters = [ALPHABET[i] for i in rng.integers(0, len(ALPHABET), int(rng.integers(2, 9)))]
        return "".join(letters).strip() or "x"
    if kind < 0.7:
        number = str(rng.choice(_POINTED)) if rng.random() < 0.5 else str(rng.integers(0, 2000))
        return f"{rng.choice(_OTHER)} {rng.choice(['=', ':', ''])} {number}{rng.choice(['mm', ' kV', 'K', ' nm', ''])}"
    if kind < 0.85:
        unit = rng.choice(["kV", "KX", "pA", "mbar", "x", "k", "m", "n"])
        return f"{rng.integers(0, 500)}{rng.choice([' ', ''])}{unit}"
    return str(rng.choice(_OTHER)) + str(rng.choice(["", " ", "="])) + str(rng.choice(_OTHER))


@lru_cache(maxsize=4000)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


@lru_cache(maxsize=4000)
def _draws(path: str, character: str) -> bool:
    """Whether a font has a character; one that it lacks looks like any other that it lacks."""
    letters = _font(path, 24)
    return bytes(letters.getmask(character)) != bytes(letters.getmask(_IN_NO_FONT))


def _printed(rng: np.random.Generator, text: str, letters: ImageFont.FreeTypeFont) -> NDArray[np.uint8]:
    """White text on black with a wide margin, with or without smooth edges, tight or spaced."""
    width = int(letters.getlength(text)) + 16 * len(text) + 60
    height = 2 * int(letters.size) + 30
    page = Image.new("L", (width, height))
    pen = ImageDraw.Draw(page)
    pen.fontmode = "1" if rng.random() < 0.3 else "L"
    tracking = float(rng.uniform(-0.07, 0.12)) * letters.size if rng.random() < 0.35 else 0.0
    if tracking:
        x = 30.0
        for character in text:
            pen.text((round(x), 15), character, fill=255, font=letters)
            x += letters.getlength(character) + tracking
    else:
        pen.text((30, 15), text, fill=255, font=letters)
    array = np.asarray(page, dtype=np.uint8)
    columns = np.flatnonzero(array.any(axis=0))
    array = array[:, : int(columns[-1]) + 31] if columns.size else array
    return _restyled(rng, array, int(letters.size))


def _restyled(rng: np.random.Generator, page: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The print slanted, wider or narrower, bolder or thinner: fonts that are not at hand."""
    if rng.random() < 0.3:
        slant = float(rng.uniform(-0.06, 0.3)) if rng.random() < 0.6 else 0.0
        wider = float(rng.uniform(0.72, 1.3))
        width = int(page.shape[1] * wider + abs(slant) * page.shape[0]) + 8
        shear = np.array([[wider, -slant, max(0.0, slant) * page.shape[0]], [0.0, 1.0, 0.0]])
        page = np.asarray(cv2.warpAffine(page, shear, (width, page.shape[0])), dtype=np.uint8)
    if size >= 22 and rng.random() < 0.15:
        change = cv2.dilate if rng.random() < 0.6 else cv2.erode
        page = np.asarray(change(page, np.ones((2, 2), np.uint8)), dtype=np.uint8)
    return page


def _on_background(rng: np.random.Generator, foreground: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int | None]:
    """The print on constant background (level None) or on a specimen (the foreground's level)."""
    cover = foreground.astype(np.float32) / 255.0
    if rng.random() < 0.65:
        background, letter = (0, 255) if rng.random() < 0.5 else (255, 0)
        if rng.random() < 0.3:
            letter = int(abs(background - rng.integers(90, 255)))
        return np.rint(background + (letter - background) * cover).astype(np.uint8), None
    ground = _ground(rng, foreground.shape[0], foreground.shape[1])
    level = 255 if rng.random() < 0.75 else 0
    if level == 0:
        ground = np.clip(ground + 50, 60, 255)
    elif rng.random() < 0.25:
        ground = np.where(_beside(rng, foreground) > 0, rng.integers(0, 40), ground)
    return np.rint(ground + (level - ground) * cover).astype(np.uint8), level


def _ground(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """A specimen, 25 to 200, or to 245 where it is rough: specks as bright as print touch the letters there."""
    coarse = rng.uniform(40, 180, (height // 12 + 2, width // 12 + 2)).astype(np.float32)
    ground = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    ground = np.clip(ground + rng.normal(0, rng.uniform(1, 12), ground.shape), 25, 200).astype(np.float32)
    if rng.random() < _ROUGH_SHARE:
        grain = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), rng.uniform(0.8, 4.0))
        grain *= float(rng.uniform(15, 55)) / max(1e-6, float(grain.std()))
        ground = np.clip(ground + grain + rng.uniform(-20, 40), 10, 245)
    return np.asarray(ground, dtype=np.float32)


def _beside(rng: np.random.Generator, foreground: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Where white letters have a black outline or a shadow."""
    if rng.random() < 0.5:
        width = int(rng.choice([3, 3, 5]))
        return np.asarray(cv2.dilate(foreground, np.ones((width, width), np.uint8)) > 110, dtype=np.uint8)
    step = int(rng.integers(1, 3))
    return np.asarray(np.roll(foreground, (step, step), axis=(0, 1)) > 110, dtype=np.uint8)


def _bent(
    rng: np.random.Generator, gray: NDArray[np.uint8], cover: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Turned by a degree, or in another size: the picture, and the print alone beside it."""
    both = np.dstack([gray, cover])
    if rng.random() < 0.25:
        turn = cv2.getRotationMatrix2D((gray.shape[1] / 2, gray.shape[0] / 2), float(rng.uniform(-1.3, 1.3)), 1.0)
        both = cv2.warpAffine(both, turn, (gray.shape[1], gray.shape[0]), borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < 0.35:
        factor = float(rng.choice([0.5, 0.5, rng.uniform(0.45, 1.6)]))
        if gray.shape[0] * factor > 26:
            how = cv2.INTER_AREA if factor < 1 else int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
            both = cv2.resize(both, None, fx=factor, fy=factor, interpolation=how)
    return np.ascontiguousarray(both[..., 0]), np.ascontiguousarray(both[..., 1])


def _spoilt(rng: np.random.Generator, gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if rng.random() < 0.15:
        gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), float(rng.uniform(0.4, 0.9))), dtype=np.uint8)
    if rng.random() < 0.3:
        gray = np.clip(gray + rng.normal(0, rng.uniform(1, 18), gray.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = int(rng.integers(45, 97))
        coded = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        gray = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    return gray


def _cut(
    rng: np.random.Generator, gray: NDArray[np.uint8], cover: NDArray[np.uint8], level: int | None
) -> NDArray[np.uint8] | None:
    """The crop as the reader cuts it, its box a pixel off now and then; None where the print cannot be seen."""
    if level is None:
        background = int(np.median(gray))
        distance = np.abs(gray.astype(np.int16) - background)
        foreground = distance > max(22, 0.3 * int(distance.max()))
        fringe = None
    else:
        reach = int(rng.choice([12, 30, 60]))
        foreground = np.abs(gray.astype(np.int16) - level) <= reach
        fringe = 0 if reach <= 12 else 1
    printed = cover > 110
    if not printed.any() or foreground[printed].mean() < 0.6:
        return None
    everywhere = foreground.copy()
    foreground &= cv2.dilate(printed.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    rows, columns = np.flatnonzero(foreground.sum(axis=1) > 0), np.flatnonzero(foreground.sum(axis=0) > 0)
    if rows.size < 6 or columns.size < 6:
        return None
    off = rng.integers(-1, 2, 4) if rng.random() < 0.3 else np.zeros(4, int)
    y0, y1 = max(0, int(rows[0] + off[0])), min(gray.shape[0], int(rows[-1] + 1 + off[1]))
    x0, x1 = max(0, int(columns[0] + off[2])), min(gray.shape[1], int(columns[-1] + 1 + off[3]))
    # Specimen as bright as the print stays in a crop when it lies between the letters.
    cut = (everywhere if rng.random() < 0.3 else foreground)[y0:y1, x0:x1].astype(np.uint8)
    box = x0, y0, x1 - x0, y1 - y0
    if level is not None and rng.random() < _FAINT_SHARE:
        return faint_crop(gray, box, cut)
    return text_crop(gray, box, cut, fringe_px=fringe)
