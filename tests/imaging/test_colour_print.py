"""Coloured bars on gray pictures."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.imaging.colour_print import colour_print
from pipeline.imaging.scale import read_scale
from tests.imaging.scale_drawings import font, specimen


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
