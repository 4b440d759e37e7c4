"""The second crop of a label on a specimen, with its thin strokes."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.imaging.faint_print import faint_crop, read_again
from pipeline.imaging.label_evidence import LabelReading
from pipeline.imaging.label_memory import LabelMemory
from pipeline.imaging.label_text import PAD_PX, TextCandidate, text_crop
from pipeline.imaging.label_value import parse_label
from pipeline.imaging.scale import read_scale
from tests.imaging.scale_drawings import draw, font, specimen, spoil

BOX = (20, 20, 60, 16)


class OneText:
    """A reader that always sees the same, and counts how often it was asked."""

    def __init__(self, text: str) -> None:
        self.text, self.asked = text, 0

    def read(self, crop: np.ndarray) -> list[TextCandidate]:
        self.asked += 1
        return [TextCandidate(self.text, 0.99)]


def first(text: str, *, is_certain: bool = False) -> tuple[str, LabelReading]:
    return "first", LabelReading(text, parse_label(text), is_certain, 0.6, "")


def label_on_specimen(level: int, *, text: str = "20 nm", ink_from: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Letters of one level on texture, and the ink right of a column of their box."""
    gray = Image.fromarray(specimen(60, 120, 3) // 2)
    mask = Image.new("L", gray.size, 0)
    for page, fill in ((gray, level), (mask, 255)):
        ImageDraw.Draw(page).text((BOX[0], BOX[1]), text, fill=fill, font=font(20), anchor="lt")
    x, y, width, height = BOX
    ink = (np.asarray(mask)[y : y + height, x : x + width] > 128).astype(np.uint8)
    ink[:, :ink_from] = 0
    return np.asarray(gray, dtype=np.uint8).copy(), ink


@pytest.mark.parametrize("inverted", [False, True])
def test_strokes_that_the_ink_lacks_are_shown(inverted: bool) -> None:
    gray, ink = label_on_specimen(255, ink_from=14)
    gray = np.asarray(255 - gray, dtype=np.uint8) if inverted else gray
    hidden = text_crop(gray, BOX, ink, fringe_px=1)[PAD_PX:-PAD_PX, PAD_PX : PAD_PX + 10]
    shown = faint_crop(gray, BOX, ink)[PAD_PX + 1 : -PAD_PX - 1, PAD_PX + 1 : PAD_PX + 11]
    assert hidden.min() == 255
    assert shown.min() < 30
    assert np.median(shown) > 200  # the ground is nearly white


def test_the_crop_has_a_pixel_more_on_each_side_that_the_picture_has() -> None:
    gray, ink = label_on_specimen(255)
    assert faint_crop(gray, BOX, ink).shape == (BOX[3] + 2 + 2 * PAD_PX, BOX[2] + 2 + 2 * PAD_PX)
    corner = np.ascontiguousarray(gray[BOX[1] : BOX[1] + BOX[3], BOX[0] : BOX[0] + BOX[2]])
    assert faint_crop(corner, (0, 0, BOX[2], BOX[3]), ink).shape == (BOX[3] + 2 * PAD_PX, BOX[2] + 2 * PAD_PX)


def test_without_ink_or_ground_the_crop_is_white() -> None:
    gray, ink = label_on_specimen(255)
    assert faint_crop(gray, BOX, np.zeros_like(ink)).min() == 255
    solid = np.full((16, 60), 255, np.uint8)
    assert faint_crop(solid, (0, 0, 60, 16), np.ones((16, 60), np.uint8)).min() == 255


def test_what_is_certain_or_no_length_is_not_read_again() -> None:
    gray, ink = label_on_specimen(255)
    reader = OneText("20 nm")
    for before in (first("20 nm", is_certain=True), first("abc"), first("")):
        assert read_again(gray, BOX, ink, before, LabelMemory(reader=reader)) == (before,)
    assert reader.asked == 0


def test_a_second_reading_counts_where_it_is_certain() -> None:
    gray, ink = label_on_specimen(255)
    before = first("2O mm")
    asked = read_again(gray, BOX, ink, before, LabelMemory(reader=OneText("20 nm")))
    assert asked[0] is before
    assert (asked[1][1].is_certain, asked[1][1].text) == (True, "20 nm")
    asked = read_again(gray, BOX, ink, before, LabelMemory(reader=OneText("17 nm")))
    assert asked[1] is before
    assert asked[0][1].text == "17 nm"


@pytest.mark.parametrize("text", ["2.0 nm", "2 0 nm"])
def test_a_point_that_the_first_crop_shows_is_not_lost(text: str) -> None:
    gray, ink = label_on_specimen(255)
    before = first("2.0 nm")[0], LabelReading(text, parse_label("2.0 nm"), False, 0.6, "")
    assert read_again(gray, BOX, ink, before, LabelMemory(reader=OneText("20 nm")))[-1] is before


@pytest.mark.parametrize(
    ("style", "font_name", "number", "seed"),
    [("overlay", "cmr10", "300", 0), ("overlay", "DejaVuSerif", "20", 1), ("hitachi", "DejaVuSerif", "300", 2)],
)
def test_small_serif_letters_on_a_specimen_are_read(style: str, font_name: str, number: str, seed: int) -> None:
    whole = draw(style, number=number, font_name=font_name, text_px=24, length=200, seed=seed)  # type: ignore[arg-type]
    half = spoil(whole, "half", seed)
    assert half.gray.shape == (384, 512)
    reading = read_scale(half.gray, labels=LabelMemory())
    assert reading.scale_nm == half.scale_nm
    assert reading.bar_length_px == pytest.approx(half.length_px, abs=2)
    assert reading.status == "read"


def test_a_pale_point_is_in_the_second_crop() -> None:
    """What `hidden_print` looks for, a reader sees here."""
    gray = np.asarray(specimen(60, 120, 3) // 2, dtype=np.uint8)
    page = Image.fromarray(gray)
    pen = ImageDraw.Draw(page)
    for x, text in ((20, "2"), (40, "5 nm")):
        pen.text((x, 20), text, fill=255, font=font(20), anchor="lt")
    ink = (np.asarray(page)[20:36, 20:90] == 255).astype(np.uint8)
    pen.rectangle((34, 33, 36, 35), fill=200)
    crop = faint_crop(np.asarray(page, dtype=np.uint8), (20, 20, 70, 16), ink)
    assert crop[PAD_PX + 14 : PAD_PX + 17, PAD_PX + 15 : PAD_PX + 18].max() < 140
