"""Coloured bars on gray pictures."""

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.imaging.scale.bars.segment import Segment
from pipeline.imaging.scale.candidates import ScaleCandidate
from pipeline.imaging.scale.decision.coloured import _as_long_as_coloured
from pipeline.imaging.scale.evidence.label import LabelReading
from pipeline.imaging.scale.labels.box import LabelBox
from pipeline.imaging.scale.labels.value import parse_label
from pipeline.imaging.scale.reading import read_scale
from pipeline.imaging.scale.regions.colour_print import colour_print, length_of_coloured_bar
from pipeline.imaging.scale.regions.databar import DataBar
from tests.imaging.scale.scale_drawings import font, specimen


def coloured(colour: tuple[int, int, int]) -> Image.Image:
    gray = specimen(576, 768, 3)
    page = Image.fromarray(np.dstack([gray] * 3))
    pen = ImageDraw.Draw(page)
    pen.rectangle((520, 510, 520 + 179, 516), fill=colour)
    pen.text((610, 480), "5 \N{MICRO SIGN}m", fill=colour, font=font(26), anchor="mm")
    return page


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 200, 0), (255, 255, 0), (30, 60, 255)])
@pytest.mark.parametrize("name", ["PNG", "JPEG"])
def test_a_bar_in_any_colour_is_read(colour: tuple[int, int, int], name: str) -> None:
    content = io.BytesIO()
    coloured(colour).save(content, name, quality=85)
    reading = read_scale(content.getvalue())
    assert (reading.status, reading.scale_nm) == ("read", 5000.0), reading
    assert reading.bar_length_px == pytest.approx(180, abs=1)


def test_gray_pictures_and_coloured_specimens_have_no_coloured_print() -> None:
    gray = specimen(200, 300, 1)
    assert colour_print(gray) is None
    assert colour_print(np.dstack([gray] * 3)) is None
    assert colour_print(np.dstack([gray, gray // 3, gray // 4])) is None
    assert colour_print(np.dstack([gray] * 3).astype(np.uint16)) is None
    assert colour_print(np.zeros((3, 3, 3), np.uint8)) is None


def small_print(x: int, *, colour: tuple[int, int, int], text_px: int) -> bytes:
    """A bar with a label above it, coded so that a colour holds for four pixels."""
    page = Image.fromarray(np.dstack([specimen(480, 640, 3) // 3] * 3))
    pen = ImageDraw.Draw(page)
    pen.rectangle((x, 420, x + 99, 424), fill=colour)
    pen.text((x + 50, 414), "2.5 um", fill=colour, font=font(text_px), anchor="mb")
    content = io.BytesIO()
    page.save(content, "JPEG", quality=80, subsampling=2)
    return content.getvalue()


def test_a_point_that_the_colours_lost_is_seen_in_the_gray_picture() -> None:
    for x in range(200, 232):
        reading = read_scale(small_print(x, colour=(0, 90, 255), text_px=13), thoroughly=x % 16 == 0)
        assert reading.nm_per_px is None or reading.scale_nm == 2500.0
    readings = [read_scale(small_print(x, colour=(0, 255, 0), text_px=18)) for x in range(200, 208)]
    assert [reading.scale_nm for reading in readings if reading.nm_per_px is not None] == [2500.0] * 8


def a_row(*, first: int, last: int, step: int) -> NDArray[np.uint8]:
    """A bar whose level rises and falls by so much a pixel."""
    columns = np.arange(640)
    ramp = np.clip(np.minimum(columns - first + 1, last - columns) * step, 0, 255)
    return np.repeat(ramp[None].astype(np.uint8), 9, axis=0)


@pytest.mark.parametrize(("length", "in_gray", "expected"), [(74, True, 74), (74, False, None), (300, False, 304)])
def test_a_bar_whose_colour_is_blurred_is_measured_in_the_gray_picture(
    length: int, in_gray: bool, expected: int | None
) -> None:
    blurred = a_row(first=100, last=100 + length, step=30)
    gray = a_row(first=100, last=100 + length, step=255) if in_gray else np.zeros_like(blurred)
    box = (98, 2, length + 4, 5)
    assert length_of_coloured_bar(blurred, gray, Segment("solid", box, length + 4.0, box)) == expected
    sharp = a_row(first=100, last=100 + length, step=255)
    assert length_of_coloured_bar(sharp, np.zeros_like(sharp), Segment("solid", box, length + 4.0, box)) == length


@pytest.mark.parametrize(("beside", "level"), [(1, 0), (9, 40)])
def test_the_edge_of_an_outline_or_box_is_not_the_bars(beside: int, level: int) -> None:
    gray = np.full((9, 640), 180, np.uint8)
    gray[:, 100 - beside : 174 + beside] = level
    gray[:, 100:174] = 110
    box = (98, 2, 78, 5)
    blurred = a_row(first=100, last=174, step=30)
    assert length_of_coloured_bar(blurred, gray, Segment("solid", box, 78.0, box)) is None


def test_a_bar_with_ticks_keeps_its_length() -> None:
    segment = Segment("ticked", (0, 2, 50, 5), 48.0, (0, 4, 50, 2))
    assert length_of_coloured_bar(np.zeros((9, 90), np.uint8), np.zeros((9, 90), np.uint8), segment) == 48.0


def _with_shadow(shift: int, *, size: int = 20) -> Image.Image:
    page = Image.fromarray(np.repeat(specimen(480, 640, 4)[..., None] // 3 + 90, 3, axis=2))
    pen = ImageDraw.Draw(page)
    for moved, fill in ((shift, (0, 0, 0)), (0, (200, 0, 0))):
        pen.rectangle((40 + moved, 420 + moved, 159 + moved, 425 + moved), fill=fill)
        pen.text((60 + moved, 432 + moved), "200 nm", fill=fill, font=font(size))
    return page


@pytest.mark.parametrize("shift", [2, 3])
def test_a_gray_shadow_does_not_lengthen_a_coloured_bar(shift: int) -> None:
    content = io.BytesIO()
    _with_shadow(shift).save(content, "PNG")
    reading = read_scale(content.getvalue())
    assert reading.scale_nm == 200.0
    assert reading.bar_length_px == pytest.approx(120.0, abs=1.0)


def test_blurred_colours_do_not_shorten_a_bar() -> None:
    print_alone = np.zeros((60, 200), np.uint8)
    label, bar = LabelBox((60, 40, 50, 12), "below", 0.5), Segment("solid", (40, 20, 120, 6), 120.0, (40, 20, 120, 6))
    reading = LabelReading("200 nm", parse_label("200 nm"), True, 0.99, "")
    in_gray = ScaleCandidate(DataBar(0, 60, 0, 200, "picture", 0, 4), bar, label, reading)
    shorter = Segment("solid", (40, 20, 116, 6), 116.0, (40, 20, 116, 6))
    in_colour = replace(in_gray, segment=shorter)
    print_alone[20:26, 40:156] = 200
    print_alone[40:52, 60:110:5] = 200
    assert _as_long_as_coloured(in_gray, in_colour, print_alone, print_alone).segment.length_px == 116.0
    print_alone[40:52, 60:110] = np.abs(np.arange(50) % 20 - 10) * 20
    assert _as_long_as_coloured(in_gray, in_colour, print_alone, print_alone) == in_gray
    print_alone[40:52, 60:110] = 0
    print_alone[40:52, 60:110:5] = 200
    longer = replace(in_gray, segment=replace(shorter, length_px=116.0))
    assert _as_long_as_coloured(longer, replace(in_gray, segment=bar), print_alone, print_alone) == longer
