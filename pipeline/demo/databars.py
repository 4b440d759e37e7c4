"""Data bars in five vendors' styles, drawn before a picture is encoded, so that their truth is exact."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Vendor = Literal["zeiss", "fei", "jeol", "hitachi", "tescan"]
BarKind = Literal["line", "bracket", "solid", "ruler"]

BAR_KINDS: dict[Vendor, BarKind] = {
    "zeiss": "line",
    "fei": "bracket",
    "jeol": "solid",
    "hitachi": "ruler",
    "tescan": "line",
}

# Width in millimetres of the display or photograph to which each vendor's printed magnification refers.
_DISPLAY_MM: dict[Vendor, float] = {"zeiss": 375.8, "fei": 298.4, "jeol": 120, "hitachi": 127, "tescan": 208}

_Pixels = NDArray[np.uint8 | np.uint16]


@dataclass(frozen=True, slots=True)
class DataBar:
    """What a data bar says.

    Attributes
    ----------
    vendor : str
        Whose style it is drawn in.
    text : str
        The scale's label exactly as it is drawn.
    scale_nm : float
        The length in nanometres that the label states.
    length_px : int
        Length of the segment: end tick to end tick (centres), outer width of a solid bar, or first to last
        tick of a ruler.
    dark : bool
        White on a black stripe; False: black on white. Only Zeiss and Tescan have both.
    on_picture : bool
        JEOL and Hitachi: written straight onto the picture, without a stripe.
    raised_px : int
        Zeiss: rows of picture below the stripe.
    at_right : bool
        Zeiss: the segment stands at the right end.
    kilovolts, working_distance_mm, detector, date
        What the other fields say.
    """

    vendor: Vendor
    text: str
    scale_nm: float
    length_px: int
    dark: bool
    on_picture: bool
    raised_px: int
    at_right: bool
    kilovolts: float
    working_distance_mm: float
    detector: str
    date: str

    @property
    def nm_per_px(self) -> float:
        """Pixel size in nanometres."""
        return self.scale_nm / self.length_px

    @property
    def kind(self) -> BarKind:
        """What the segment looks like."""
        return BAR_KINDS[self.vendor]

    def magnification(self, width_px: int) -> float:
        """Return the magnification that the vendor prints for a picture ``width_px`` wide."""
        return _DISPLAY_MM[self.vendor] * 1e6 / (self.nm_per_px * width_px)


def length_text(nm: float, vendor: Vendor) -> str:
    """Return a length as the vendor writes it: ``200 nm``, ``10µm`` (JEOL), ``1.00um`` (Hitachi)."""
    value, unit = (nm, "nm") if nm < 1e3 else (nm / 1e3, "µm") if nm < 1e6 else (nm / 1e6, "mm")
    if vendor == "hitachi":
        digits = 2 if value < 10 else 1 if value < 100 else 0
        return f"{value:.{digits}f}{unit.replace('µ', 'u')}"
    return f"{value:g}{unit}" if vendor == "jeol" else f"{value:g} {unit}"


def draw_bar(picture: _Pixels, bar: DataBar) -> _Pixels:
    """Return a copy of a picture with its data bar.

    Parameters
    ----------
    picture : ndarray, uint8 or uint16 (12-bit range) [height, width]
    bar : DataBar
    """
    shown = picture if picture.dtype == np.uint8 else (picture >> 4).astype(np.uint8)
    canvas = Image.fromarray(shown)
    page = _Page(canvas)
    _PAINTERS[bar.vendor](page, bar)
    drawn = np.asarray(canvas)
    if picture.dtype == np.uint8:
        return drawn.copy()
    full = drawn.astype(np.uint16) * np.uint16(16) + np.uint16(drawn >> 4)
    return np.where(drawn != shown, full, picture)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and is thus the same everywhere."""
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


class _Page:
    """The canvas with lengths in 1/1024 of its width; text no smaller than can be read."""

    def __init__(self, canvas: Image.Image) -> None:
        self.width, self.height = canvas.size
        self.pen = ImageDraw.Draw(canvas)
        self.small = self.width < 700

    def px(self, length: float) -> int:
        """Return a length in pixels."""
        return max(1, round(length * self.width / 1024))

    def size(self, points: float) -> int:
        """Return a font size in pixels."""
        return max(12, round(points * self.width / 1024))

    def box(self, x: int, y: int, width: int, height: int, gray: int) -> None:
        """Fill exactly ``width`` x ``height`` pixels."""
        self.pen.rectangle((x, y, x + width - 1, y + height - 1), fill=gray)

    def text(self, x: int, y: int, words: str, points: float, gray: int, anchor: str, *, halo: bool = False) -> None:
        """Write text; ``anchor`` as in Pillow; ``halo`` surrounds it with a thin contrasting line."""
        font, stroke = _font(self.size(points)), 1 if halo else 0
        self.pen.text((x, y), words, gray, font, anchor, stroke_width=stroke, stroke_fill=255 - gray)

    def measure(self, words: str, points: float) -> int:
        """Return the width of a text in pixels."""
        return int(np.ceil(_font(self.size(points)).getlength(words)))

    def line_with_ticks(self, x: int, y: int, length: int, tick_height: int, thick: int, gray: int) -> None:
        """Draw a horizontal line whose end ticks' centres are ``length`` apart; ``y`` is its first row."""
        self.box(x, y, length + thick, thick, gray)
        for end in (x, x + length):
            self.box(end, y - tick_height // 2, thick, tick_height, gray)


def _zeiss(page: _Page, bar: DataBar) -> None:
    """A framed stripe that leaves a few pixels of picture on all sides; the label above the segment."""
    foreground, background = (255, 0) if bar.dark else (0, 255)
    height = max(44, page.px(60))
    left, top = 2, page.height - bar.raised_px - height
    page.box(left, top, page.width - 5, height, foreground)
    page.box(left + 1, top + 1, page.width - 7, height - 2, background)
    thick = 1 if page.small else 2
    text_width = page.measure(bar.text, 18)
    room = max(bar.length_px, text_width)
    start = page.width - room - page.px(30) if bar.at_right else left + page.px(12)
    x = start + (room - bar.length_px) // 2
    line_y = top + height - page.px(16) - 2
    page.line_with_ticks(x, line_y, bar.length_px, max(8, page.px(14) // 2 * 2), thick, foreground)
    page.text(x + bar.length_px // 2, line_y - page.px(11), bar.text, 18, foreground, "mb")
    fields_left = left + page.px(20) if bar.at_right else start + room + page.px(40)
    fields_right = start - page.px(20) if bar.at_right else page.width - 12
    _zeiss_fields(page, bar, (fields_left, fields_right), (top, height), foreground)


def _zeiss_fields(page: _Page, bar: DataBar, span: tuple[int, int], rows: tuple[int, int], foreground: int) -> None:
    """Two rows of fields, as many columns as there is room for."""
    magnification = bar.magnification(page.width)
    power = f"{magnification / 1e3:.2f} K X" if magnification >= 1e3 else f"{magnification:.0f} X"
    columns = [
        (f"EHT = {bar.kilovolts:5.2f} kV", f"Mag = {power}"),
        (f"WD = {bar.working_distance_mm:4.1f} mm", f"Signal A = {bar.detector}"),
        (f"Date :{bar.date}", "Aperture Size = 30.00 µm"),
        ("Stage at T = 0.0 °", "Scan Speed = 9"),
    ]
    x, (top, height) = span[0], rows
    for column in columns:
        width = max(page.measure(words, 13) for words in column)
        if x + width > span[1]:
            break
        for row, words in enumerate(column):
            page.text(x, top + round(height * (0.32 + 0.40 * row)), words, 13, foreground, "lm")
        x += width + page.px(24)


def _fei(page: _Page, bar: DataBar) -> None:
    """A black stripe over the full width; the label stands in the middle of the bracket."""
    height = max(36, page.px(59))
    top = page.height - height
    page.box(0, top, page.width, height, 0)
    page.box(0, top, page.width, 1, 255)
    middle = top + height // 2
    x = page.width - bar.length_px - page.px(26)
    label_width = page.measure(bar.text, 18) + page.px(14)
    thick = 1 if page.small else 2
    gap_left = x + (bar.length_px + thick - label_width) // 2
    page.line_with_ticks(x, middle, bar.length_px, page.px(22) // 2 * 2, thick, 255)
    page.box(gap_left, middle - page.px(13), label_width, page.px(26), 0)
    page.text(gap_left + label_width // 2, middle, bar.text, 18, 255, "mm")
    field = bar.nm_per_px * page.width
    columns = [
        ("HV", f"{bar.kilovolts:.2f} kV"),
        ("mag", f"{bar.magnification(page.width):,.0f} x".replace(",", " ")),
        ("WD", f"{bar.working_distance_mm:.1f} mm"),
        ("det", bar.detector),
        ("HFW", length_text(float(f"{field:.3g}"), "fei")),
    ]
    left = page.px(10)
    for name, value in columns:
        width = max(page.measure(words, 14) for words in (name, value)) + page.px(22)
        if left + width > x - page.px(12):
            break
        page.text(left + width // 2, top + round(height * 0.28), name, 14, 255, "mm")
        page.text(left + width // 2, top + round(height * 0.70), value, 14, 255, "mm")
        left += width
        page.box(left, top, 1, height, 255)


def _jeol(page: _Page, bar: DataBar) -> None:
    """A solid bar over its label at the right, the fields on the same line; on a stripe or on the picture."""
    height = max(40, page.px(48))
    top = page.height - height
    if not bar.on_picture:
        page.box(0, top, page.width, height, 0)
    thick = max(3, page.px(5))
    x = page.width - max(bar.length_px, page.measure(bar.text, 22)) - page.px(30)
    if bar.on_picture:
        page.box(x - 1, top + page.px(4) - 1, bar.length_px + 2, thick + 2, 0)
    page.box(x, top + page.px(4), bar.length_px, thick, 255)
    line = top + page.px(4) + thick + (height - page.px(4) - thick) // 2
    page.text(x + bar.length_px // 2, line, bar.text, 22, 255, "mm", halo=bar.on_picture)
    power = f"{_three_digits(bar.magnification(page.width)):,.0f}"
    words = f"{bar.kilovolts:.1f}kV   X{power}   WD {bar.working_distance_mm:.1f}mm"
    for start in ("SEI   " + words, words, f"{bar.kilovolts:.0f}kV"):
        if page.measure(start, 22) < x - page.px(60):
            page.text(page.px(30), line, start, 22, 255, "lm", halo=bar.on_picture)
            return


def _three_digits(value: float) -> float:
    return float(f"{value:.3g}")


def _hitachi(page: _Page, bar: DataBar) -> None:
    """Eleven ticks at the right; the label below them is the whole span; fields at the left."""
    height = max(46, page.px(56))
    top = page.height - height
    if not bar.on_picture:
        page.box(0, top, page.width, height, 0)
    thick = 1 if page.small else 2
    x = page.width - max(bar.length_px, page.measure(bar.text, 20)) - page.px(28)
    tick_height = page.px(12)
    for tick in range(11):
        place = x + tick * bar.length_px // 10
        if bar.on_picture:
            page.box(place - 1, top + 3, thick + 2, tick_height + 2, 0)
        page.box(place, top + 4, thick, tick_height, 255)
    line = top + 4 + tick_height + (height - 4 - tick_height) // 2
    page.text(x + bar.length_px // 2, line, bar.text, 20, 255, "mm", halo=bar.on_picture)
    magnification = _three_digits(bar.magnification(page.width))
    power = f"{magnification / 1e3:.1f}k" if magnification >= 1e3 else f"{magnification:.0f}"
    words = f"S4800 {bar.kilovolts:.1f}kV {bar.working_distance_mm:.1f}mm x{power} {bar.detector}"
    if page.measure(words, 20) < x - page.px(50):
        page.text(page.px(12), line, words, 20, 255, "lm", halo=bar.on_picture)


def _tescan(page: _Page, bar: DataBar) -> None:
    """A table at the bottom; the segment in a cell of its own with the label under it."""
    foreground, background = (255, 0) if bar.dark else (0, 255)
    height = max(48, page.px(66))
    top = page.height - height
    page.box(0, top, page.width, height, background)
    page.box(0, top, page.width, 1, foreground)
    thick = 1 if page.small else 2
    room = max(bar.length_px, page.measure(bar.text, 17))
    x = page.width - room - page.px(190) + (room - bar.length_px) // 2
    if page.small:
        x = page.width - room - 24 + (room - bar.length_px) // 2
    line_y = top + round(height * 0.27)
    page.line_with_ticks(x, line_y, bar.length_px, max(8, page.px(14) // 2 * 2), thick, foreground)
    page.text(x + bar.length_px // 2, top + round(height * 0.70), bar.text, 17, foreground, "mm")
    if not page.small:
        page.text(page.width - page.px(14), top + round(height * 0.5), "VEGA3 TESCAN", 16, foreground, "rm")
    field = length_text(float(f"{bar.nm_per_px * page.width:.3g}"), "tescan")
    columns = [
        (f"SEM HV: {bar.kilovolts:.1f} kV", f"View field: {field}"),
        (f"WD: {bar.working_distance_mm:.2f} mm", f"Det: {bar.detector}"),
    ]
    left = page.px(12)
    for column in columns:
        width = max(page.measure(words, 15) for words in column) + page.px(24)
        if left + width > x - page.px(12):
            break
        for row, words in enumerate(column):
            page.text(left, top + round(height * (0.27 + 0.43 * row)), words, 15, foreground, "lm")
        left += width
        page.box(left - page.px(12), top, 1, height, foreground)


_PAINTERS = {"zeiss": _zeiss, "fei": _fei, "jeol": _jeol, "hitachi": _hitachi, "tescan": _tescan}
