"""The field width and the magnification in data bars, drawn and real."""

import csv
from pathlib import Path

import numpy as np
import pytest

from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.formats.decode import decode_image
from pipeline.imaging.scale.evidence.printed_settings import PrintedSettings, read_settings
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.regions.databar import DataBar, find_data_bar
from tests.imaging.scale.scale_drawings import draw, specimen
from tests.imaging.scale.settings_drawings import FORMS, Form, draw_with_settings

FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique")


def settings_of(gray: np.ndarray, memory: LabelMemory | None = None) -> PrintedSettings:
    bar = find_data_bar(gray)
    assert bar is not None
    return read_settings(gray, bar, memory or LabelMemory())


@pytest.mark.parametrize("form", FORMS)
def test_every_makers_form_is_read(form: Form) -> None:
    fields = magnifications = 0
    for seed in range(8):
        drawing, field_nm, how = draw_with_settings(seed, ("DejaVuSans",), spoil_by="none", form=form)
        found = settings_of(drawing.gray)
        if found.field is not None:
            fields += 1
            assert found.field.value == pytest.approx(field_nm, rel=0.006), how
            x, y, width, height = found.field.box
            assert drawing.stripe_top is not None
            assert drawing.stripe_top < y < y + height <= drawing.gray.shape[0]
            assert 0 <= x < x + width <= drawing.gray.shape[1]
        if found.magnification is not None:
            magnifications += 1
            assert 95 < found.magnification.value * field_nm / 1e6 < 405, how
    assert fields >= 7
    assert magnifications >= 4


def test_no_field_width_is_read_wrongly_and_most_are_read() -> None:
    memory = LabelMemory()
    right = 0
    for seed in range(500, 540):
        drawing, field_nm, how = draw_with_settings(seed, FONTS)
        found = settings_of(drawing.gray, memory).field if find_data_bar(drawing.gray) is not None else None
        if found is not None:
            assert found.value == pytest.approx(field_nm, rel=0.006), how
            right += 1
    assert right >= 32


def test_other_lengths_of_a_data_bar_are_no_field_width() -> None:
    lines = ("WD = 10.1 mm   Aperture Size = 30.00 \N{MICRO SIGN}m", "Stage at Z = 48.482 mm   Pixel 11 nm")
    found = settings_of(draw("zeiss", settings=lines).gray)
    assert (found.field, found.magnification, found.has_field) == (None, None, False)
    assert len(found.asked) >= 4


def test_two_field_widths_that_differ_are_none() -> None:
    lines = ("HFW 20.7 \N{MICRO SIGN}m", "View field: 41.4 \N{MICRO SIGN}m")
    found = settings_of(draw("jeol", settings=lines).gray)
    assert found.field is None
    assert found.has_field


def test_a_line_is_read_once() -> None:
    memory = LabelMemory()
    gray = draw("tescan").gray
    first = settings_of(gray, memory)
    memory.used.clear()
    assert settings_of(gray, memory) == first
    assert dict(first.asked) == memory.used


def test_print_on_a_specimen_is_not_read() -> None:
    gray = specimen(600, 800, 3)
    assert read_settings(gray, DataBar(500, 600, 0, 800, "picture", 255, 30), LabelMemory()) == PrintedSettings()


def test_real_data_bars(shared_data: Path) -> None:
    """All that was read is right: widths within 1% of the truth's, displays as wide as each maker's."""
    folder = shared_data / "sem"
    display_mm = {"Zeiss": (370, 385), "JEOL": (117, 123), "FEI/Thermo": (205, 210), "Hitachi": (125, 130)}
    memory, fields, magnifications = LabelMemory(), 0, 0
    with open(folder / "truth.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["pixel_size_nm"]]
    for row in rows:
        gray = to_gray8(decode_image((folder / row["file"]).read_bytes()))
        bar = find_data_bar(gray)
        found = PrintedSettings() if bar is None else read_settings(gray, bar, memory)
        field_nm = float(row["pixel_size_nm"]) * gray.shape[1]
        if found.field is not None:
            fields += 1
            assert found.field.value == pytest.approx(field_nm, rel=0.01), row["file"]
        if found.magnification is not None:
            magnifications += 1
            low, high = display_mm[row["vendor"]]
            assert low < found.magnification.value * field_nm / 1e6 < high, row["file"]
    assert fields >= 3
    assert magnifications >= 48
