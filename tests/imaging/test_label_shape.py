"""The shapes of a label's letters against its text."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.imaging.label_shape import check_shapes
from pipeline.imaging.label_text import PAD_PX
from pipeline.imaging.label_value import parse_label
from tests.imaging.scale_drawings import font

MICRO = "\N{MICRO SIGN}m"


def verdict(printed: str, read: str, *, size: int = 24, font_name: str = "DejaVuSans") -> str:
    letters = font(size, font_name)
    x0, y0, x1, y1 = letters.getbbox(printed)
    page = Image.new("L", (int(x1 - x0) + 2 * PAD_PX, int(y1 - y0) + 2 * PAD_PX), 255)
    ImageDraw.Draw(page).text((PAD_PX - x0, PAD_PX - y0), printed, fill=0, font=letters)
    value = parse_label(read)
    assert value is not None
    return check_shapes(np.asarray(page, dtype=np.uint8), read, value).verdict


@pytest.mark.parametrize("font_name", ["DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif"])
@pytest.mark.parametrize("text", ["200 nm", f"1 {MICRO}", f"30 {MICRO}", "50.0um", "2.00 mm", "500 um", f"2.5 {MICRO}"])
def test_what_is_printed_is_never_contradicted(text: str, font_name: str) -> None:
    assert verdict(text, text, font_name=font_name) != "contradicts"


@pytest.mark.parametrize("text", ["200 nm", f"1 {MICRO}", f"30 {MICRO}", "50.0um", f"2.5 {MICRO}"])
def test_clean_print_is_confirmed(text: str) -> None:
    assert verdict(text, text) == "confirms"


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        (f"5.00 {MICRO}", f"500 {MICRO}"),
        (f"500 {MICRO}", f"5.00 {MICRO}"),
        ("200 nm", "20 nm"),
        ("20 nm", "200 nm"),
        ("200 nm", f"200 {MICRO}"),
        (f"200 {MICRO}", "200 nm"),
        ("50um", "50nm"),
        ("50nm", "50um"),
        ("10 mm", "10 nm"),
        ("10 nm", "10 mm"),
        (f"1 {MICRO}", "1 pm"),
        ("20 nm", "25 nm"),
        ("30 nm", "80 nm"),
    ],
)
def test_a_misreading_is_never_confirmed(printed: str, read: str) -> None:
    assert verdict(printed, read) != "confirms"


def test_a_point_lost_in_the_crop_shows_as_a_gap() -> None:
    letters = font(24)
    page = Image.new("L", (120, 40), 255)
    pen = ImageDraw.Draw(page)
    x = 4.0
    for piece in ("2", ".", f"5 {MICRO}"):
        if piece != ".":
            pen.text((x, 4), piece, fill=0, font=letters)
        x += letters.getlength(piece)
    value = parse_label("25 um")
    assert value is not None
    assert check_shapes(np.asarray(page, dtype=np.uint8), "25 um", value).verdict == "contradicts"


def test_a_blank_crop_says_nothing() -> None:
    value = parse_label("1 um")
    assert value is not None
    assert check_shapes(np.full((30, 60), 255, dtype=np.uint8), "1 um", value).verdict == "silent"
