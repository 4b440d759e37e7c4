"""Scale bars that judge the reader: in makers', programs' and authors' manners that `style_drawings` does not have.

Nobody who makes the reader or trains its networks looks at these, or at their fonts: they tell what it does with a
bar that it never saw. The truth is exact: middle to middle of end ticks and dots, outer edge to outer edge of blocks,
tip to tip of arrows, along the bar where it is tilted or upright.
"""

from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.imaging.scale.judge_canvas import BLACK, FONTS, WHITE, Canvas, Rgb
from tests.imaging.scale.scale_drawings import NM_PER_UNIT
from tests.imaging.scale.style_drawings import StyleDrawing, ground_of, spoilt

_NUMBERS: Final = {
    "nm": ("5", "10", "20", "25", "50", "100", "150", "200", "250", "300", "400", "500", "600", "800"),
    "um": ("0.1", "0.25", "0.5", "1", "1.5", "2", "3", "5", "6", "8", "10", "15", "20", "25", "50", "80", "100", "200"),
    "mm": ("0.5", "1", "2"),
}
_MICRO: Final = ("\N{MICRO SIGN}m", "\N{GREEK SMALL LETTER MU}m", "um", "microns")
_COLOURS: Final[tuple[Rgb, ...]] = ((255, 220, 0), (255, 60, 40), (80, 220, 255), (255, 140, 0), (120, 255, 90))
_GRAY: Final[Rgb] = (58, 60, 64)


def _film(c: Canvas, length: float) -> float:
    """A negative's print: black rim, exposure number and bar burnt into a strip, strokes swollen by the light."""
    top = c.foot(1.9, BLACK)
    c.pixels[:, :6] = c.pixels[:, -6:] = c.pixels[:6] = 10
    middle, tall = top + 0.8 * c.size, round(c.pick(0.25, 0.5) * c.size)
    for share, text in ((0.04, f"{int(c.pick(1e3, 9e3))}"), (0.17, "80KV X50K"), (0.45, "0.0 G")):
        c.write(share * c.width, middle, text, WHITE, anchor="lm", share=0.9)
    length = round(min(length, 0.2 * c.width))
    c.block(round(0.62 * c.width), round(middle - tall / 2), length, tall, WHITE)
    c.write(0.62 * c.width + length + 0.6 * c.size, middle, c.label, WHITE, anchor="lm")
    return length


def _own_plates(c: Canvas, length: float) -> float:
    """Label and bar each on a black plate of its own just as large, label above its left end."""
    tall, wide = round(c.pick(0.25, 0.6) * c.size), c.long(c.label)
    x, y = (round(v) for v in c.place(max(length, wide) + 8, 2.6 * c.size))
    c.block(x, y, wide + 8, 1.6 * c.size, BLACK)
    c.write(x + 4, y + 0.3 * c.size, c.label, WHITE)
    c.block(x, y + round(1.9 * c.size), round(length) + 8, tall + 6, BLACK)
    c.block(x + 4, y + round(1.9 * c.size) + 3, round(length), tall, WHITE)
    return round(length)


def _two_ways(c: Canvas, length: float) -> float:
    """One bar along and one up from the same corner, both labelled, the second's label lying."""
    length, thick = round(length), round(c.pick(3, 0.4 * c.size))
    x, y = round(c.pick(20, 60)), round(c.height - 2.4 * c.size)
    c.shadowed(x, y - length, max(length, c.long(c.label) + 2 * c.size), length + 2.2 * c.size)
    c.block(x, y, length, thick, c.foreground)
    c.block(x, y + thick - length, thick, length, c.foreground)
    c.write(x + length / 2, y + thick + 0.4 * c.size, c.label, c.foreground, anchor="mt")
    c.write(x + thick + 0.5 * c.size, y - length / 2, c.label, c.foreground, anchor="lm")
    return length


def _chequered(c: Canvas, length: float) -> float:
    """Two-coloured, an odd number of fields alike between two thin rules, label above its middle."""
    fields, tall = int(c.rng.choice([3, 5, 7])), round(c.pick(0.3, 0.6) * c.size)
    length = round(length / fields) * fields
    x, y = c.place(max(length, c.long(c.label)), 2.2 * c.size)
    c.shadowed(x, y, max(length, c.long(c.label)), 2.2 * c.size)
    top, left, other = round(y + 1.5 * c.size), round(x), BLACK if c.foreground == WHITE else WHITE
    c.write(x + length / 2, y, c.label, c.foreground, anchor="mt")
    c.block(left, top - 1, length, tall + 2, c.foreground)
    for number in range(1, fields, 2):
        c.block(left + number * length // fields, top, length // fields, tall, other)
    return length


def _from_nought(c: Canvas, length: float) -> float:
    """As on maps: 0 below the first tick, the length below the last, ticks at the quarters."""
    length = max(length, 1.5 * c.long(c.label))
    wide = length + c.long(c.label)
    x, y = c.place(wide, 2.4 * c.size)
    c.shadowed(x, y, wide, 2.4 * c.size)
    left, base = round(x + c.size), round(y + 0.8 * c.size)
    length = min(round(length), c.width - left - c.long(c.label) // 2 - 4)
    c.ticked(left, base, length, c.foreground, up=round(0.6 * c.size), down=0)
    for quarter in (1, 2, 3):
        c.block(left + quarter * length / 4 - 1, base - round(0.35 * c.size), 2, round(0.35 * c.size), c.foreground)
    c.write(left, base + 0.6 * c.size, "0", c.foreground, anchor="mt")
    c.write(left + length, base + 0.6 * c.size, c.label, c.foreground, anchor="mt")
    return length


def _desktop_foot(c: Canvas, length: float) -> float:
    """A desktop microscope's: dark gray, two lines to a cell, a thin line with ticks under its label."""
    top = c.foot(2.6, _GRAY)
    for share, one, two in ((0.02, "Mode", "10kV - Image"), (0.22, "Detector", "BSD Full"), (0.72, "FW", "268 um")):
        c.write(share * c.width, top + 0.5 * c.size, one, (170, 170, 175), share=0.75)
        c.write(share * c.width, top + 2.1 * c.size, two, WHITE, share=0.8)
    c.write(0.87 * c.width, top + c.size, "SEM-7", (240, 120, 20), share=1.2)
    length = round(min(length, 0.25 * c.width))
    x, y = round(0.42 * c.width), top + round(2.3 * c.size)
    c.write(x + length / 2, top + 0.6 * c.size, c.label, WHITE, anchor="mt")
    c.ticked(x, y, length, WHITE, up=round(0.4 * c.size), down=round(0.4 * c.size), thick=2 if c.size > 17 else 1)
    return length


def _minor_ticks(c: Canvas, length: float) -> float:
    """A foot's cell with a ticked line of five or ten parts, the view field above it, the label under it."""
    top = c.foot(3.6, BLACK)
    for row, (one, two) in enumerate((("HV: 20.0 kV", "WD: 15.03 mm"), ("View field: 138 um", "Det: BSE"))):
        c.write(0.02 * c.width, top + (0.6 + 2.0 * row) * c.size, one, WHITE, share=0.8)
        c.write(0.30 * c.width, top + (0.6 + 2.0 * row) * c.size, two, WHITE, share=0.8)
    for share in (0.28, 0.52):
        c.block(round(share * c.width), top, 1, c.height - top, (130, 130, 130))
    parts, x, y = int(c.rng.choice([5, 10])), round(0.58 * c.width), top + round(1.6 * c.size)
    length = round(length / parts) * parts
    c.ticked(x, y, length, WHITE, up=round(0.5 * c.size), down=round(0.5 * c.size))
    for part in range(1, parts):
        c.block(x + part * length // parts - 1, y - round(0.25 * c.size), 2, round(0.25 * c.size), WHITE)
    c.write(x + length / 2, y + 1.1 * c.size, c.label, WHITE, anchor="mt")
    return length


def _head_strip(c: Canvas, length: float) -> float:
    """The strip at the picture's top, white, line with ticks and its label right of it on one row."""
    rows = round(2.0 * c.size)
    c.pixels[:rows] = 255
    x, middle = round(c.pick(10, 0.2 * c.width)), rows // 2
    c.ticked(x, middle - 1, round(length), BLACK, up=round(0.45 * c.size), down=round(0.45 * c.size))
    c.write(x + length + 0.7 * c.size, middle, c.label, BLACK, anchor="lm")
    if (at := x + length + c.long(c.label) + 3 * c.size) < 0.7 * c.width:
        c.write(at, middle, "3.00 kV  SE  5.1 mm", BLACK, anchor="lm", share=0.7)
    return round(length)


def _left_of_block(c: Canvas, length: float) -> float:
    """A STEM program's: thin block, its label above and flush left, detector's name in another corner."""
    x, y = round(c.pick(12, 40)), round(c.height - 2.6 * c.size)
    thick = round(c.pick(3, 6))
    c.shadowed(x, y, max(length, c.long(c.label)), 2 * c.size)
    c.write(x, y, c.label, c.foreground)
    c.block(x, y + round(1.5 * c.size), round(length), thick, c.foreground)
    c.shadowed(c.width - 6 * c.size, 8, 5 * c.size, c.size)
    c.write(c.width - 10, 12, str(c.rng.choice(["HAADF", "BF", "Fe-K", "C map", "DF4"])), c.foreground, anchor="rt")
    return round(length)


def _element_map(c: Canvas, length: float) -> float:
    """An X-ray map: one colour on black, line with ticks upward only, its label under it."""
    tint = np.asarray(_COLOURS[int(c.pick(0, len(_COLOURS)))], np.float32) / 255
    counts = c.rng.poisson(c.pixels[..., :1] / 40, size=(*c.pixels.shape[:2], 1)) * 45
    c.pixels = (np.clip(counts, 0, 255) * tint * 0.8).astype(np.float32)
    c.pixels[-round(3.4 * c.size) :] = 0
    x, y = round(c.pick(14, 60)), round(c.height - 2.4 * c.size)
    c.ticked(x, y, round(length), WHITE, up=round(0.5 * c.size), down=0)
    c.write(x + length / 2, y + 0.6 * c.size, c.label, WHITE, anchor="mt")
    c.write(c.width - 14, c.height - 1.6 * c.size, "Si K series", WHITE, anchor="rt")
    return round(length)


def _below_figure(c: Canvas, length: float) -> float:
    """A journal's page: the picture framed in white, the bar under it on the background, with a caption below."""
    c.pixels = np.pad(c.pixels, ((18, 0), (18, 18), (0, 0)), constant_values=255)
    top = c.foot(3.6, WHITE)
    x, thick = c.width - 18 - length, c.pick(2.5, 6)
    c.block(x, top + 0.5 * c.size, length, thick, BLACK)
    c.write(x + length / 2, top + 0.9 * c.size + thick, c.label, BLACK, anchor="mt", share=0.9)
    c.write(18, top + 3.6 * c.size, "Figure 3. Surface after 24 h at 600 C.", BLACK, share=0.8)
    return length


def _slide_line(c: Canvas, length: float) -> float:
    """A coloured line of a slide program with a text box in the same colour near its middle."""
    c.foreground = _COLOURS[int(c.pick(0, len(_COLOURS)))]
    thick = c.pick(2.5, 7)
    x, y = c.place(max(length, c.long(c.label)), 2.4 * c.size)
    c.shadowed(x, y, max(length, c.long(c.label)), 2.4 * c.size)
    c.stroke((x, y + 1.9 * c.size), (x + length, y + 1.9 * c.size), thick, c.foreground)
    c.write(x + length / 2 + c.pick(-0.2, 0.2) * c.size, y, c.label, c.foreground, anchor="mt")
    return length


def _by_hand(c: Canvas, length: float) -> float:
    """Drawn by mouse: a line up to one and a half degrees off, ticks not quite alike."""
    tilt = np.deg2rad(c.pick(-1.5, 1.5))
    x, y = c.place(max(length, c.long(c.label)) + 20, 3.2 * c.size)
    c.shadowed(x, y, max(length, c.long(c.label)) + 10, 3.2 * c.size)
    start, thick = (x + 6, y + 2.3 * c.size), c.pick(2.0, 3.5)
    end = (start[0] + length * float(np.cos(tilt)), start[1] + length * float(np.sin(tilt)))
    c.stroke(start, end, thick, c.foreground)
    for at_x, at_y in (start, end):
        c.stroke(
            (at_x, at_y - c.pick(0.3, 0.5) * c.size), (at_x, at_y + c.pick(0.3, 0.5) * c.size), thick, c.foreground
        )
    c.write(x + length / 2, y, c.label, c.foreground, anchor="mt")
    return length


def _upright(c: Canvas, length: float) -> float:
    """A picture's bar that stands on end, its label beside it."""
    length, thick = round(length), round(c.pick(3, 8))
    x, y = c.width - round(c.pick(20, 60)) - thick, c.height - length - round(c.pick(15, 50))
    c.shadowed(x - c.long(c.label) - c.size, y, c.long(c.label) + c.size + thick, length)
    c.block(x, y, thick, length, c.foreground)
    c.write(x - 0.6 * c.size, y + length / 2, c.label, c.foreground, anchor="rm")
    return length


def _cut_crop(c: Canvas, length: float) -> float:
    """A part of a larger picture: the foot's other texts are cut through at both edges."""
    top = c.foot(2.4, WHITE if c.chance(0.5) else BLACK)
    foreground = BLACK if float(c.pixels[-1, 0, 0]) > 128 else WHITE
    x = round(c.pick(0.25, 0.4) * c.width)
    c.ticked(x, top + round(2.2 * c.size), round(length), foreground, up=round(0.4 * c.size), down=round(0.4 * c.size))
    c.write(x + length / 2, top + 0.5 * c.size, c.label, foreground, anchor="mt")
    c.write(0.08 * c.width, top + 0.5 * c.size, "Mag = 12.50 K X", foreground, anchor="rt", share=0.9)
    c.write(0.82 * c.width, top + 0.5 * c.size, "Signal A = SE2   Date :3 Mar", foreground, share=0.9)
    c.write(0.82 * c.width, top + 2.0 * c.size, "File Name = tip_07.tif", foreground, share=0.9)
    rows = int(c.pick(0.2, 0.45) * c.height)
    c.pixels = np.ascontiguousarray(c.pixels[rows:, int(c.pick(0, 4)) :])
    return round(length)


def _thesis(c: Canvas, length: float) -> float:
    """A small picture of a thesis: white box, black bar, label under it, letters just large enough."""
    wide, thick = max(length, c.long(c.label)) + c.size, round(c.pick(3, 5))
    x, y = c.width - round(wide) - 6, c.height - round(2.3 * c.size) - 6
    c.block(x, y, round(wide), round(2.3 * c.size), WHITE)
    c.block(round(x + (wide - length) / 2), y + 5, round(length), thick, BLACK)
    c.write(x + wide / 2, y + 5 + thick + 0.4 * c.size, c.label, BLACK, anchor="mt")
    return round(length)


def _slide(c: Canvas, length: float) -> float:
    """A lecture's slide: title and points beside a picture that has its bar inside."""
    thick = round(c.pick(4, 8))
    x, y = c.width - round(length) - 24, c.height - round(2.4 * c.size)
    c.shadowed(x, y, length, 2 * c.size)
    c.write(x + length / 2, y, c.label, c.foreground, anchor="mt")
    c.block(x, y + round(1.4 * c.size), round(length), thick, c.foreground)
    left = round(0.55 * c.width)
    c.pixels = np.pad(c.pixels, ((round(3 * c.size), round(1.8 * c.size)), (left, 20), (0, 0)), constant_values=255)
    c.write(20, c.size, "Results: growth of grains", (30, 60, 140), share=1.3)
    for row, text in enumerate(("annealed 2 h in air", "no pores found", "see next slide")):
        c.write(28, (5 + 2.4 * row) * c.size, "- " + text, BLACK, share=0.85)
    c.write(c.width - 20, c.height - 1.2 * c.size, "12 / 31", (120, 120, 120), anchor="rt", share=0.7)
    return round(length)


def _bar_equals(c: Canvas, length: float) -> float:
    """`Bar = 2 um` in words, the bar over the words or left of them."""
    text = f"{c.rng.choice(['Bar =', 'Scale bar:', 'bar', 'Scale'])} {c.label}"
    thick, is_over = round(c.pick(3, 6)), c.chance(0.5)
    wide = max(length, c.long(text)) if is_over else length + c.size + c.long(text)
    x, y = c.place(wide, 2 * c.size)
    c.shadowed(x, y, wide, 2 * c.size)
    c.block(round(x), round(y + (0 if is_over else 0.5 * c.size)), round(length), thick, c.foreground)
    c.write(x if is_over else x + length + c.size, y + (1 if is_over else 0.25) * c.size, text, c.foreground)
    return round(length)


def _print_line(c: Canvas, length: float) -> float:
    """An old maker's line printed straight on the picture; the bar underlines its label."""
    y = round(c.height - 2.2 * c.size)
    part = c.pixels[y - 8 :]
    part += 0.55 * (0 - part)
    length, x = round(max(min(length, 0.25 * c.width), c.long(c.label) + 6)), round(0.4 * c.width)
    c.write(0.03 * c.width, y, "20kV", WHITE)
    c.write(0.18 * c.width, y, "X2,000", WHITE)
    c.write(x + length / 2, y, c.label, WHITE, anchor="mt")
    c.block(x, y + round(1.25 * c.size), length, round(c.pick(2, 4)), WHITE)
    c.write(max(0.7 * c.width, x + length + c.size), y, "0012 30 SEI", WHITE)
    return length


def _head_and_values(c: Canvas, length: float) -> float:
    """An environmental microscope's: headings over values, a line with ticks right of them, then its label."""
    top = c.foot(2.6, BLACK)
    length = round(min(length, 0.22 * c.width))
    columns = ((0.02, "Acc.V", "20.0 kV"), (0.15, "Spot", "4.0"), (0.24, "Magn", "1500x"), (0.37, "Det", "GSE"))
    for share, one, two in columns:
        c.write(share * c.width, top + 0.5 * c.size, one, WHITE, share=0.85)
        c.write(share * c.width, top + 2.1 * c.size, two, WHITE, share=0.85)
    x, middle = round(0.5 * c.width), top + round(0.9 * c.size)
    c.ticked(x, middle, length, WHITE, up=round(0.4 * c.size), down=round(0.4 * c.size))
    c.write(x + length + 0.7 * c.size, middle, c.label, WHITE, anchor="lm")
    c.write(x, top + 2.1 * c.size, "4.1 Torr  Sample 12", WHITE, share=0.85)
    return length


def _veiled(c: Canvas, length: float) -> float:
    """White on a half-transparent dark plate."""
    thick = c.pick(3, 8)
    wide = max(length, c.long(c.label)) + 1.4 * c.size
    x, y = c.place(wide, 2.9 * c.size)
    c.block(x, y, wide, 2.9 * c.size, BLACK, share=c.pick(0.5, 0.75))
    c.block(x + (wide - length) / 2, y + 0.5 * c.size, length, thick, WHITE)
    c.write(x + wide / 2, y + 1.3 * c.size, c.label, WHITE, anchor="mt")
    return length


def _hollow(c: Canvas, length: float) -> float:
    """A frame without filling for a bar, label right of it."""
    tall, rim, wide = round(c.pick(0.5, 0.8) * c.size), round(c.pick(2, 3)), c.long(c.label)
    x, y = (round(v) for v in c.place(length + c.size + wide, 1.4 * c.size))
    c.shadowed(x, y, length + c.size + wide, c.size)
    length = round(length)
    for top, left, height, width in (
        (y, x, rim, length),
        (y + tall - rim, x, rim, length),
        (y, x, tall, rim),
        (y, x + length - rim, tall, rim),
    ):
        c.block(left, top, width, height, c.foreground)
    c.write(x + length + 0.6 * c.size, y + tall / 2, c.label, c.foreground, anchor="lm")
    return length


def _dots(c: Canvas, length: float) -> float:
    """Eleven dots in a row on a dark stripe, the label under their right end."""
    top, pitch = c.foot(2.5, BLACK), max(6, round(length / 10))
    x, side = c.width - 10 * pitch - round(c.pick(16, 40)), 3 + (c.size > 24)
    for dot in range(11):
        c.block(x + dot * pitch, top + round(0.6 * c.size), side, side if dot % 5 else 2 * side, WHITE)
    c.write(x + 10 * pitch, top + 1.6 * c.size, c.label, WHITE, anchor="rt")
    c.write(12, top + 1.6 * c.size, "15.0kV x2.00k SE", WHITE, share=0.85)
    return 10.0 * pitch


def _cast_shadow(c: Canvas, length: float) -> float:
    """A bar and letters with a shadow cast to the lower right."""
    thick, off = c.pick(4, 8), 2
    x, y = c.place(max(length, c.long(c.label)), 2.4 * c.size)
    for away, foreground in ((off, BLACK), (0, WHITE)):
        c.block(x + away, y + away, length, thick, foreground)
        c.write(x + length / 2 + away, y + thick + 0.5 * c.size + away, c.label, foreground, anchor="mt")
    return length


DRAW: Final[dict[str, Callable[[Canvas, float], float]]] = {
    "film": _film,
    "own_plates": _own_plates,
    "two_ways": _two_ways,
    "chequered": _chequered,
    "from_nought": _from_nought,
    "desktop_foot": _desktop_foot,
    "minor_ticks": _minor_ticks,
    "head_strip": _head_strip,
    "left_of_block": _left_of_block,
    "element_map": _element_map,
    "below_figure": _below_figure,
    "slide_line": _slide_line,
    "by_hand": _by_hand,
    "upright": _upright,
    "cut_crop": _cut_crop,
    "thesis": _thesis,
    "slide": _slide,
    "bar_equals": _bar_equals,
    "print_line": _print_line,
    "head_and_values": _head_and_values,
    "veiled": _veiled,
    "hollow": _hollow,
    "dots": _dots,
    "cast_shadow": _cast_shadow,
}
STYLES: Final = tuple(DRAW)


def judge_sample(seed: int, *, specimens: Sequence[NDArray[np.uint8]] = (), clean: bool = False) -> StyleDrawing:
    """A drawing by its seed, style after style; on a real specimen where some are given; ``clean`` is not spoilt."""
    rng = np.random.default_rng([seed, 1818])
    style = STYLES[seed % len(STYLES)]
    canvas, scale_nm = _canvas(rng, seed, style, specimens)
    _annotate(canvas)
    length = DRAW[style](canvas, canvas.width * canvas.pick(0.09, 0.27))
    pixels, how = canvas.done(), "clean"
    if not clean:
        if canvas.chance(0.2):
            noise = rng.normal(0, canvas.pick(2, 6), pixels.shape[:2])[..., None]
            pixels = np.clip(np.round(pixels + noise), 0, 255).astype(np.uint8)
        pixels, length, how = spoilt(pixels, length, rng, small=False)
        if style == "thesis":
            coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(canvas.pick(50, 80))])[1]
            pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    if np.ptp(pixels.astype(np.int16), axis=2).max(initial=0) <= 12:
        pixels = np.ascontiguousarray(pixels[..., 1])
    return StyleDrawing(pixels, scale_nm, length, style, f"{canvas.label!r} {canvas.name} {canvas.size} px {how}")


def _canvas(
    rng: np.random.Generator, seed: int, style: str, specimens: Sequence[NDArray[np.uint8]]
) -> tuple[Canvas, float]:
    """A specimen, a font, a label and what it is worth in nanometres."""
    ground = ground_of(rng, seed, specimens)
    if style == "thesis":
        share = float(rng.uniform(340, 520)) / ground.shape[1]
        ground = np.asarray(cv2.resize(ground, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)
    unit = str(rng.choice(["nm", "um", "mm"], p=(0.42, 0.52, 0.06)))
    number = str(rng.choice(_NUMBERS[unit]))
    shown = str(rng.choice(_MICRO, p=(0.45, 0.25, 0.2, 0.1))) if unit == "um" else unit
    space = "" if rng.random() < 0.25 and shown != "microns" else " "
    least = 14 if style == "thesis" else 16
    size = max(least, round(ground.shape[1] * float(rng.uniform(0.022, 0.042))))
    foreground = WHITE if rng.random() < 0.7 else BLACK
    pixels = np.dstack([ground] * 3).astype(np.float32)
    name = str(rng.choice(FONTS))
    return Canvas(pixels, rng, name, f"{number}{space}{shown}", size, foreground), float(number) * NM_PER_UNIT[unit]


def _annotate(c: Canvas) -> None:
    """A panel's letter, an arrow, a ring: in the upper part, and no bars."""
    if c.chance(0.4):
        c.write(14, 14, str(c.rng.choice(["a", "(b)", "C", "d)", "ii"])), c.foreground, share=1.3)
    for _ in range(int(c.pick(0, 2.6))):
        x, y = c.pick(0.15, 0.75) * c.width, c.pick(0.3, 0.5) * c.height
        if c.chance(0.5):
            c.stroke((x, y), (x + 40, y + 30), 3, c.foreground)
            c.shape([(x + 52, y + 39), (x + 34, y + 36), (x + 44, y + 22)], c.foreground)
        else:
            ring = np.zeros(c.pixels.shape[:2], np.uint8)
            cv2.ellipse(ring, (int(x), int(y)), (40, 26), 20, 0, 360, 255, 2, cv2.LINE_AA)
            c.lay((ring / 255).astype(np.float32), 0, 0, c.foreground)
