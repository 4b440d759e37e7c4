"""Data bars whose printed field width and magnification are this picture's own, as makers print them."""

from functools import partial
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from tests.imaging.scale.scale_drawings import NM_PER_UNIT, SPOILS, Drawing, Spoil, Style, draw, font, spoil

Form = Literal["named", "view_field", "width", "table", "jeol"]

FORMS: tuple[Form, ...] = ("named", "view_field", "width", "table", "jeol")
_STYLES: tuple[Style, ...] = ("zeiss", "fei", "jeol", "jeol_right", "tescan")


def in_three_digits(nm: float) -> str:
    """A length as data bars print it: three digits and a unit."""
    for unit, micro in (("mm", "mm"), ("um", "\N{MICRO SIGN}m"), ("nm", "nm")):
        value = nm / NM_PER_UNIT[unit]
        if value >= 0.9995 or unit == "nm":
            return f"{value:.{max(0, 2 - int(np.floor(np.log10(max(1.0, value * 1.0005)))))}f} {micro}"
    raise AssertionError


def settings_lines(form: Form, field_nm: float, magnification: float) -> tuple[str, ...]:
    """Two lines of settings in a maker's form; a table is drawn by `with_table`."""
    field, times = in_three_digits(field_nm), f"{magnification:.3g}"
    thousands = f"{round(float(times)):,}"
    short = f"{float(times) / 1e3:.2f} k" if float(times) >= 1000 else f"{float(times):.0f} "
    return {
        "named": ("WD = 10.1 mm   EHT = 5.00 kV", f"Mag = {short.upper()}X   HFW {field}"),
        "view_field": ("SEM HV: 15.0 kV   WD: 9.87 mm", f"View field: {field}   SEM MAG: {short}x"),
        "width": ("EHT = 5.00 kV   WD = 4.1 mm", f"Width = {field}   Mag = {short.upper()}X"),
        "jeol": (f"SEI  15.0kV  X{thousands}  WD 10.0mm", f"FOV: {field}"),
        "table": (),
    }[form]


def with_table(drawing: Drawing, field_nm: float, magnification: float, *, size: int, font_name: str) -> Drawing:
    """FEI's table at the left of a dark stripe: names above values, between dividers."""
    assert drawing.stripe_top is not None
    picture = Image.fromarray(drawing.gray)
    pen, letters = ImageDraw.Draw(picture), font(size, font_name)
    columns = (
        ("HV", "10.00 kV"),
        ("mag", f"{round(float(f'{magnification:.3g}')):,} x".replace(",", " ")),
        ("HFW", in_three_digits(field_nm)),
        ("WD", "15.8 mm"),
    )
    left, top, bottom = 4, drawing.stripe_top, drawing.gray.shape[0]
    for name, value in columns:
        width = int(max(pen.textlength(name, letters), pen.textlength(value, letters))) + 2 * size
        for row, text in enumerate((name, value)):
            pen.text((left + width // 2, top + 6 + row * (size + 6)), text, fill=255, font=letters, anchor="mt")
        left += width
        pen.line((left, top, left, bottom), fill=255)
    return Drawing(np.asarray(picture, dtype=np.uint8), drawing.scale_nm, drawing.length_px, drawing.stripe_top)


def draw_with_settings(
    seed: int, fonts: tuple[str, ...], *, times: float = 1.0, spoil_by: Spoil | None = None, form: Form | None = None
) -> tuple[Drawing, float, str]:
    """A data bar by its seed, its field width in nanometres, and how it was made.

    ``times`` is what the printed field width is of the true one; the magnification is true.
    """
    rng = np.random.default_rng([seed, 6])
    form = FORMS[int(rng.integers(len(FORMS)))] if form is None else form
    style: Style = "fei" if form == "table" else _STYLES[int(rng.integers(len(_STYLES)))]
    spoil_by = SPOILS[int(rng.integers(len(SPOILS)))] if spoil_by is None else spoil_by
    name = fonts[int(rng.integers(len(fonts)))]
    width = int(rng.choice([1024, 1280, 1536, 2048]))
    text_px = max(18, round(width * float(rng.uniform(0.018, 0.026))))
    unit = str(rng.choice(["nm", "um", "mm"], p=[0.42, 0.5, 0.08]))
    number = (
        str(rng.choice(["1", "2", "5", "10", "20", "50", "100", "200", "300", "400", "500"])) if unit != "mm" else "1"
    )
    shape = partial(
        draw,
        style,
        number=number,
        unit=unit,
        width=width,
        height=round(width * 0.75),
        text_px=text_px,
        font_name=name,
        seed=seed,
    )
    length = int(width * rng.uniform(0.15, 0.22))
    length = int(shape(length=length, distractors=False).length_px)  # FEI's bar has to have room for its label
    field_nm = float(number) * NM_PER_UNIT[unit] / length * width
    magnification = float(rng.uniform(100, 400)) * 1e6 / field_nm
    lines = settings_lines(form, field_nm * times, magnification)
    drawing = shape(length=length, distractors=form != "table", settings=lines)
    if form == "table":
        small = max(9, min(int(0.7 * text_px), width // 70))
        drawing = with_table(drawing, field_nm * times, magnification, size=small, font_name=name)
    how = f"{form} {style} {spoil_by} {name.rpartition('/')[2]} {number} {unit} {text_px}"
    return spoil(drawing, spoil_by, seed), field_nm, how
