"""The shapes of a label's letters against its text."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.imaging.scale.labels.value import parse_label
from pipeline.imaging.scale.recognition.shape import ShapeVerdict, check_shapes
from pipeline.imaging.scale.recognition.text import PAD_PX
from tests.imaging.scale.scale_drawings import font

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


def page_with(printed: str, *pieces: tuple[int, int, int, int], size: int = 24) -> np.ndarray:
    """Black print whose digits stand from row 4 on, with further black or, for negative heights, white boxes."""
    letters = font(size)
    x0, y0, x1, y1 = letters.getbbox(printed)
    page = Image.new("L", (int(x1 - x0) + 2 * PAD_PX, int(y1 - y0) + 2 * PAD_PX), 255)
    pen = ImageDraw.Draw(page)
    pen.text((PAD_PX - x0, PAD_PX - y0), printed, fill=0, font=letters)
    for x, y, width, height in pieces:
        pen.rectangle((x, y, x + width - 1, y + abs(height) - 1), fill=0 if height > 0 else 255)
    return np.asarray(page, dtype=np.uint8)


def checked(crop: np.ndarray, read: str) -> ShapeVerdict:
    value = parse_label(read)
    assert value is not None
    return check_shapes(crop, read, value)


def test_the_end_of_a_digit_that_is_torn_off_is_no_point() -> None:
    # The lower end of the 3 (rows 17 to 21) without the stroke beside it, as thin strokes of serif fonts leave it.
    torn = page_with("300 nm", (7, 17, 3, -6))
    assert not checked(torn, "300 nm").on_point
    assert "points printed" not in checked(torn, "300 nm").reason


@pytest.mark.parametrize("font_name", ["DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "cmr10"])
@pytest.mark.parametrize("printed", [".5 nm", ".2 nm"])
@pytest.mark.parametrize("size", [20, 30])
def test_a_point_before_the_first_digit_is_seen(printed: str, font_name: str, size: int) -> None:
    letters = font(size, font_name)
    x0, y0, x1, y1 = letters.getbbox(printed)
    page = Image.new("L", (int(x1 - x0) + 2 * PAD_PX, int(y1 - y0) + 2 * PAD_PX), 255)
    ImageDraw.Draw(page).text((PAD_PX - x0, PAD_PX - y0), printed, fill=0, font=letters)
    assert checked(np.asarray(page, dtype=np.uint8), printed[1:]).on_point


@pytest.mark.parametrize("level", [100, 160])
def test_a_point_that_one_threshold_shows_is_not_overruled_by_another(level: int) -> None:
    # Between the digits, in columns 18 to 21, and no wider than the space that any two digits may have.
    crop = np.insert(page_with("25 nm"), [18, 18], 255, axis=1)
    assert checked(crop, "25 nm").verdict == "confirms"
    crop[18:21, 18:20] = level
    assert checked(crop, "25 nm").on_point


def test_a_speck_at_the_feet_of_the_unit_is_no_point() -> None:
    whole = page_with("300 nm")
    covered = np.flatnonzero((whole < 140).any(axis=0))
    gap = int(covered[np.flatnonzero(np.diff(covered) > 5)[0] + 1])  # the n's first column
    base = int(np.flatnonzero((whole < 140).any(axis=1))[-1])
    torn = page_with("300 nm", (gap, base - 3, 20, -1))
    assert not checked(torn, "300 nm").on_point


def test_the_space_before_a_unit_in_pieces_is_no_lost_point() -> None:
    """Two digits touch and the m is in two: as many pieces as letters were read."""
    whole = page_with("300 \N{MICRO SIGN}m")
    columns = np.flatnonzero((whole < 140).any(axis=0))
    starts = columns[np.flatnonzero(np.diff(columns, prepend=-9) > 1)]
    middle = int(starts[-1] + columns[-1]) // 2 + 2
    torn = page_with("300 \N{MICRO SIGN}m", (int(starts[1]) - 4, 12, 8, 2), (middle, 0, 2, -40))
    verdict_ = checked(torn, "300 um")
    assert not verdict_.on_point, verdict_


def test_beside_a_point_that_was_read_none_is_lost() -> None:
    found = checked(page_with("40.0 nm", (35, 4, 2, 2), (35, 19, 2, 3)), "40.0 nm")
    assert not found.on_point
    assert checked(page_with("40.0 nm"), "400 nm").on_point


def test_a_blank_crop_says_nothing() -> None:
    value = parse_label("1 um")
    assert value is not None
    assert check_shapes(np.full((30, 60), 255, dtype=np.uint8), "1 um", value).verdict == "silent"
