"""Pictures without a scale bar that hold what may look like one: lengths in text, lines, arrows, axes, bars of others.

None may be given nanometres per pixel. They judge the reader and are not looked at while it is made.
"""

import io
from collections.abc import Callable, Sequence
from typing import Final

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.imaging.scale.judge_canvas import BLACK, FONTS, WHITE, Canvas, Rgb
from tests.imaging.scale.style_drawings import ground_of, spoilt

_UM: Final = "\N{MICRO SIGN}m"
_LENGTHS: Final = ("200 nm", f"5 {_UM}", "50 nm", f"1 {_UM}", "100 nm", "2 mm", f"20 {_UM}", "10 nm", f"0.5 {_UM}")
_NO_LENGTHS: Final = ("20 ms", "5 mV", "10 kPa", "2 nN", "50 nA", "30 min", "500 ms", "100 Hz", "10 s", "200 K", "5 eV")
_INVERSE: Final = ("5 1/nm", "5 nm-1", "10 nm^-1", "2 1/nm", f"5 1/{_UM}", "10 1/nm")
_GRAY: Final[Rgb] = (225, 228, 232)


def _length(c: Canvas) -> str:
    return str(c.rng.choice(_LENGTHS))


def _background(c: Canvas, foreground: Rgb = WHITE) -> None:
    c.pixels = np.tile(np.asarray(foreground, np.float32), (c.height, c.width, 1))


def _axes(c: Canvas, across: str, draw: Callable[..., None]) -> None:
    """A figure of matplotlib in the canvas' place."""
    matplotlib.use("agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(c.width / 100, c.height / 100), dpi=100, layout="constrained")
    axes = figure.subplots()
    draw(axes)
    axes.set_xlabel(across)
    sink = io.BytesIO()
    figure.savefig(sink, format="png")
    c.pixels = np.asarray(Image.open(sink).convert("RGB"), np.float32).copy()


def _plot(c: Canvas) -> None:
    """Curves over micrometres, a legend of lengths beside short lines."""

    def draw(axes: object) -> None:
        for label in c.rng.choice(_LENGTHS, int(c.pick(1, 4)), replace=False):
            axes.plot(np.cumsum(c.rng.normal(size=60)), lw=c.pick(1, 4), label=label)  # type: ignore[attr-defined]
        axes.legend(loc=str(c.rng.choice(["lower right", "upper left", "lower left"])))  # type: ignore[attr-defined]
        axes.set_ylabel("Height (nm)")  # type: ignore[attr-defined]

    _axes(c, f"Distance ({_UM})", draw)


def _spectrum(c: Canvas) -> None:
    """Peaks over wavelengths, labelled, with a width between arrows."""
    wave, at = np.linspace(400, 800, 500), c.pick(480, 700)

    def draw(axes: object) -> None:
        axes.plot(wave, np.exp(-((wave - at) ** 2) / 800) + c.rng.normal(0, 0.01, 500))  # type: ignore[attr-defined]
        arrow = {"arrowstyle": "<->"}
        axes.annotate("", (at - 24, 0.5), (at + 24, 0.5), arrowprops=arrow)  # type: ignore[attr-defined]
        axes.text(at, 0.55, "FWHM 48 nm", ha="center")  # type: ignore[attr-defined]

    _axes(c, "Wavelength (nm)", draw)


def _bars(c: Canvas) -> None:
    """A bar chart with lengths for names or on the bars."""

    def draw(axes: object) -> None:
        names = [str(name) for name in c.rng.choice(_LENGTHS, 4, replace=False)]
        axes.barh(names, c.rng.uniform(1, 9, 4), height=c.pick(0.2, 0.6), color="black")  # type: ignore[attr-defined]

    _axes(c, "Yield (%)", draw)


def _diffraction(c: Canvas) -> None:
    """Rings or spots, and a bar in reciprocal lengths."""
    rows, columns = np.indices((c.height, c.width))
    middle = np.hypot(rows - c.height / 2, columns - c.width / 2)
    wave = np.clip(np.cos(middle / c.pick(6, 14)), 0, 1) ** 8 * 150
    c.pixels = np.dstack([wave * np.exp(-middle / 200) + 500 * np.exp(-middle / 12)] * 3).astype(np.float32)
    label, length, y = str(c.rng.choice(_INVERSE)), round(c.pick(0.12, 0.25) * c.width), c.height - 2.4 * c.size
    c.write(20 + length / 2, y, label, WHITE, anchor="mt")
    c.block(20, round(y + 1.5 * c.size), length, round(c.pick(3, 7)), WHITE)


def _table(c: Canvas) -> None:
    """Rows of samples and lengths between rules."""
    _background(c)
    for row in range(int((c.height - 10) / (2.2 * c.size))):
        y = 8 + 2.2 * c.size * row
        for share, text in ((0.05, f"Sample {row + 1}"), (0.35, _length(c)), (0.65, f"{c.pick(1, 90):.1f} %")):
            c.write(share * c.width, y + 0.5 * c.size, text, BLACK, share=0.9)
        if row < 2 or c.chance(0.5):
            c.block(0.04 * c.width, round(y + 2.0 * c.size), round(0.9 * c.width), 1 + (row == 0), BLACK)


def _screenshot(c: Canvas) -> None:
    """A program's window around a picture: fields, a slider, a progress bar, lengths in words."""
    inner, wide = c.pixels.copy(), round(0.34 * c.width)
    c.pixels = np.pad(inner, ((round(1.8 * c.size), 0), (0, wide), (0, 0)), constant_values=226)
    c.block(0, 0, c.width, round(1.6 * c.size), (40, 70, 120))
    c.write(10, 0.4 * c.size, "Image viewer - grain_04.tif", WHITE, share=0.8)
    x, y = c.width - wide + 12, 3.0 * c.size
    for name in ("Field width", "Working dist.", "Step", "Pixel"):
        c.write(x, y, f"{name}: {_length(c)}", BLACK, share=0.75)
        c.block(x, round(y + 1.3 * c.size), round(c.pick(0.3, 0.85) * wide), round(c.pick(2, 8)), (0, 110, 200))
        y += 2.8 * c.size


def _measured(c: Canvas) -> None:
    """Two particles with `d = 52 nm` between arrows, on the picture or a plate."""
    for _ in range(int(c.pick(1, 4))):
        x, y = c.pick(0.1, 0.6) * c.width, c.pick(0.2, 0.8) * c.height
        length, tilt = c.pick(0.06, 0.2) * c.width, np.deg2rad(c.pick(-35, 35))
        end = (x + length * float(np.cos(tilt)), y + length * float(np.sin(tilt)))
        c.stroke((x, y), end, 2, c.foreground)
        for tip, sign in (((x, y), 1.0), (end, -1.0)):
            for turn in (0.5, -0.5):
                back = sign * 10 * np.asarray((np.cos(tilt + turn), np.sin(tilt + turn)))
                c.stroke(tip, (tip[0] + float(back[0]), tip[1] + float(back[1])), 2, c.foreground)
        text = f"{c.rng.choice(['d = ', '', 'w: ', 'L = '])}{c.pick(10, 99):.1f} {c.rng.choice(['nm', _UM])}"
        at = (max(x, end[0]) + 8, (y + end[1]) / 2)
        if c.chance(0.4):
            c.block(at[0] - 4, at[1] - 0.8 * c.size, c.long(text) + 8, 1.7 * c.size, WHITE)
            c.write(*at, text, BLACK, anchor="lm")
        else:
            c.write(*at, text, c.foreground, anchor="lm")


def _ruler(c: Canvas) -> None:
    """A photographed ruler's edge over the specimen, numbered in centimetres."""
    top, pitch = round(0.7 * c.height), c.pick(5, 9)
    c.block(0, top, c.width, c.height - top, (214, 190, 120))
    for tick in range(int((c.width - 20) / pitch)):
        tall = (1.3 if tick % 10 == 0 else 0.9 if tick % 5 == 0 else 0.5) * c.size
        c.block(10 + tick * pitch, top, 1.5, tall, BLACK)
        if tick % 10 == 0:
            c.write(10 + tick * pitch, top + 1.6 * c.size, str(tick // 10), BLACK, anchor="mt")
    c.write(0.4 * c.width, top + 3.4 * c.size, "STEEL  mm", BLACK)


def _colour_bar(c: Canvas) -> None:
    """A height map with a bar of colours, lying or upright, and its ends in nanometres."""
    c.pixels = np.asarray(cv2.applyColorMap(c.done()[..., 0], cv2.COLORMAP_HOT)[..., ::-1], np.float32).copy()
    ramp = np.asarray(cv2.applyColorMap(np.arange(256, dtype=np.uint8)[None], cv2.COLORMAP_HOT)[0, :, ::-1], np.float32)
    if c.chance(0.5):
        top, length = c.foot(3, WHITE), round(0.4 * c.width)
        c.pixels[top + 8 : top + 8 + c.size, 40 : 40 + length] = ramp[np.linspace(0, 255, length).astype(int)]
        c.write(40, top + 14 + c.size, "0", BLACK, anchor="mt")
        c.write(40 + length, top + 14 + c.size, _length(c), BLACK, anchor="mt")
    else:
        c.pixels = np.pad(c.pixels, ((0, 0), (0, 9 * c.size), (0, 0)), constant_values=255)
        left, rows = c.width - 8 * c.size, np.linspace(255, 0, c.height - 40).astype(int)
        c.pixels[20:-20, left : left + c.size] = ramp[rows][:, None]
        c.write(left + 1.4 * c.size, 20, _length(c), BLACK)
        c.write(left + 1.4 * c.size, c.height - 20, "0 nm", BLACK, anchor="lb")


def _map(c: Canvas) -> None:
    """Roads, names and a bar in kilometres or metres."""
    _background(c, (236, 240, 222))
    for _ in range(7):
        start, end = (0.0, c.pick(0, c.height)), (float(c.width), c.pick(0, c.height))
        c.stroke(start, end, c.pick(2, 8), (255, 190, 90) if c.chance(0.5) else (170, 170, 170))
    for name in ("Elm Street", "Lake Road", "Mill Lane"):
        c.write(c.pick(0.05, 0.7) * c.width, c.pick(0.1, 0.7) * c.height, name, BLACK, share=0.9)
    length, y = round(0.2 * c.width), c.height - 3 * c.size
    c.ticked(24, y, length, BLACK, up=8, down=0)
    c.write(24 + length, y + 0.5 * c.size, str(c.rng.choice(["2 km", "500 m", "1 mi", "100 m"])), BLACK, anchor="mt")


def _schematic(c: Canvas) -> None:
    """A device drawn as blocks, with dimension arrows and lengths."""
    _background(c)
    x, y, wide = round(0.2 * c.width), round(0.3 * c.height), round(0.55 * c.width)
    for row, foreground in enumerate(((180, 200, 240), (240, 200, 160), (200, 230, 190))):
        c.block(x, y + 3 * row * c.size, wide, 3 * c.size, foreground)
    for at, start, length in ((y - 1.2 * c.size, x, wide), (y + 10.5 * c.size, x + 0.2 * wide, 0.4 * wide)):
        c.stroke((start, at), (start + length, at), 2, BLACK)
        for tip, step in ((start, 1), (start + length, -1)):
            c.shape([(tip, at), (tip + 10 * step, at - 5), (tip + 10 * step, at + 5)], BLACK)
        c.write(start + length / 2, at - 1.4 * c.size, _length(c), BLACK, anchor="mt")
    c.write(x + wide / 2, y + 1.2 * c.size, "gate", BLACK, anchor="mt")


def _layers(c: Canvas) -> None:
    """A cross-section: interfaces as lines across, layers named with their thicknesses."""
    y = 0.15 * c.height
    for name in ("Pt", "SiO2", "TiN", "Si"):
        c.block(0, round(y), c.width, round(c.pick(1, 4)), c.foreground)
        text = f"{name} {_length(c)}" if c.chance(0.7) else _length(c)
        c.write(c.pick(0.05, 0.6) * c.width, y + 0.6 * c.size, text, c.foreground)
        y += c.pick(2.5, 6) * c.size


def _histogram(c: Canvas) -> None:
    """Sizes of particles as an inset, white, with axes and a mean."""
    wide, tall = round(0.42 * c.width), round(0.42 * c.height)
    x, y = c.width - wide - 8, 8 if c.chance(0.5) else c.height - tall - 8
    c.block(x, y, wide, tall, WHITE)
    base, step = y + tall - 2 * c.size, (wide - 40) / 8
    for column in range(8):
        rise = (tall - 4.5 * c.size) * float(np.exp(-((column - 3.5) ** 2) / 4))
        c.block(x + 20 + column * step, base - rise, step - 3, rise, (90, 90, 90))
    c.block(x + 18, base, wide - 36, 2, BLACK)
    c.write(x + wide / 2, base + 0.5 * c.size, "Diameter (nm)", BLACK, anchor="mt", share=0.8)
    c.write(x + wide / 2, y + 6, f"{c.pick(10, 90):.0f} nm", BLACK, anchor="mt", share=0.9)


def _underlined(c: Canvas) -> None:
    """A heading with a length in it, underlined, on a plate or beside a rule."""
    text = f"{c.rng.choice(['Film of', 'Pores', 'Pitch', 'after etching'])} {_length(c)}"
    x, y = c.pick(10, 40), c.height - 2.6 * c.size if c.chance(0.5) else 12
    c.block(x - 6, y - 6, c.long(text) + 12, 2.2 * c.size, WHITE)
    c.write(x, y, text, BLACK)
    c.block(x, round(y + 1.4 * c.size), c.long(text), 2, BLACK)


def _other_unit(c: Canvas) -> None:
    """A trace with bars of time and voltage; a picture with one of force or temperature."""
    if c.chance(0.5):
        _background(c)
        c.foreground = BLACK
        points = np.cumsum(c.rng.normal(0, 3, c.width // 4)) + 0.4 * c.height
        for at in range(len(points) - 1):
            c.stroke((4.0 * at, points[at]), (4.0 * at + 4, points[at + 1]), 2, BLACK)
    length, label, y = round(c.pick(0.1, 0.25) * c.width), str(c.rng.choice(_NO_LENGTHS)), c.height - 2.6 * c.size
    x = c.width - max(length, c.long(label)) - 20
    c.block(x, round(y), length, 4, c.foreground)
    c.write(x + length / 2, y + 0.6 * c.size, label, c.foreground, anchor="mt")


def _profile(c: Canvas) -> None:
    """A line drawn on the picture where a profile was taken, and its ends' names and length in a list."""
    y = c.pick(0.3, 0.6) * c.height
    c.stroke((0.2 * c.width, y), (0.6 * c.width, y), 2, (255, 220, 0))
    c.write(0.18 * c.width, y, "A", (255, 220, 0), anchor="rm")
    c.write(0.62 * c.width, y, "B", (255, 220, 0), anchor="lm")
    top = c.foot(3.4, WHITE)
    c.write(20, top + 0.6 * c.size, f"A-B: {_length(c)}   Ra {c.pick(1, 9):.2f} nm", BLACK, share=0.9)
    c.write(20, top + 2.5 * c.size, f"Scan size {_length(c)}   Rate 1 Hz", BLACK, share=0.9)


_DRAW: Final[dict[str, Callable[[Canvas], None]]] = {
    "plot": _plot,
    "spectrum": _spectrum,
    "bar_chart": _bars,
    "diffraction": _diffraction,
    "table": _table,
    "screenshot": _screenshot,
    "measured": _measured,
    "ruler": _ruler,
    "colour_bar": _colour_bar,
    "map": _map,
    "schematic": _schematic,
    "layers": _layers,
    "histogram": _histogram,
    "underlined": _underlined,
    "other_unit": _other_unit,
    "profile": _profile,
}
KINDS: Final = tuple(_DRAW)


def bait_sample(seed: int, *, specimens: Sequence[NDArray[np.uint8]] = ()) -> tuple[str, NDArray[np.uint8]]:
    """A kind's name and a picture of it by its seed, (height, width) or (height, width, 3)."""
    rng = np.random.default_rng([seed, 1819])
    kind = KINDS[seed % len(KINDS)]
    ground = ground_of(rng, seed, specimens)
    foreground = WHITE if rng.random() < 0.6 else BLACK
    size = max(15, round(ground.shape[1] * float(rng.uniform(0.022, 0.036))))
    canvas = Canvas(np.dstack([ground] * 3).astype(np.float32), rng, str(rng.choice(FONTS)), "", size, foreground)
    _DRAW[kind](canvas)
    pixels = spoilt(canvas.done(), 0.0, rng, small=False)[0]
    if np.ptp(pixels.astype(np.int16), axis=2).max(initial=0) <= 12:
        pixels = np.ascontiguousarray(pixels[..., 1])
    return kind, pixels
