"""Bars and labels that no data bar's geometry finds: looked for all over the picture, each rule of the decision."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.imaging.scale.bars.anywhere import marks_near
from pipeline.imaging.scale.bars.segment import find_segments
from pipeline.imaging.scale.decision import decide
from pipeline.imaging.scale.decision.pair_rules import agreeing_pair
from pipeline.imaging.scale.labels.anywhere import find_texts
from pipeline.imaging.scale.labels.exponent import has_exponent
from pipeline.imaging.scale.reading import read_scale
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.recognition.text_detection import text_detector
from pipeline.imaging.scale.regions.databar import DataBar
from tests.imaging.scale.scale_drawings import draw as draw_style
from tests.imaging.scale.scale_drawings import font, specimen

_SIZE = 640, 480


def _picture(seed: int = 1) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.fromarray(specimen(_SIZE[1], _SIZE[0], seed))
    return image, ImageDraw.Draw(image)


def _gray(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image, dtype=np.uint8)


def _two_line_foot(label: str) -> NDArray[np.uint8]:
    """JEOL's: a white block, its label right of it, and other settings in the line below."""
    image, draw = _picture()
    draw.rectangle((0, 430, 639, 479), fill=0)
    draw.rectangle((400, 436, 479, 447), fill=255)
    draw.text((560, 431), label, fill=255, font=font(16, "DejaVuSansMono-Bold"))
    for x, text in ((200, "X 150"), (300, "15.0kV SEI"), (440, "LM"), (520, "WD 11.1mm")):
        draw.text((x, 456), text, fill=255, font=font(16, "DejaVuSansMono-Bold"))
    return _gray(image)


def test_a_block_with_its_label_far_right_of_it_and_other_settings_below() -> None:
    reading = read_scale(_two_line_foot("100\N{MICRO SIGN}m"))
    assert (reading.status, reading.scale_nm) == ("read", 100_000.0), reading.reason
    assert reading.bar_length_px == pytest.approx(80.0, abs=1.0)
    assert "texts and bars all over the picture" in reading.reason
    assert read_scale(_two_line_foot("100\N{MICRO SIGN}m"), thoroughly=False).nm_per_px is None


def test_a_working_distance_is_no_label_where_there_is_no_other() -> None:
    assert read_scale(_two_line_foot("")).nm_per_px is None


def _ruler(top: int, *, tall: bool) -> NDArray[np.uint8]:
    """Hitachi's: eleven ticks, the first, middle and last higher, the label under the last ones."""
    image, draw = _picture()
    draw.rectangle((0, 440, 639, 479), fill=0)
    for tick in range(11):
        height = 12 if tall and tick % 5 == 0 else 8
        draw.rectangle((330 + 25 * tick, top, 332 + 25 * tick, top + height), fill=230)
    draw.text((520, top + 15), "50.0um", fill=230, font=font(15))
    return _gray(image)


@pytest.mark.parametrize("tall", [False, True])
def test_a_ruler_on_a_black_stripe_is_read_from_first_to_last_tick(tall: bool) -> None:
    reading = read_scale(_ruler(444, tall=tall))
    assert (reading.status, reading.scale_nm) == ("read", 50_000.0), reading.reason
    assert reading.bar_length_px == pytest.approx(250.0, abs=0.6)


def _plate(*, bar: bool) -> NDArray[np.uint8]:
    image, draw = _picture(3)
    draw.rectangle((300, 400, 420, 440), fill=255)
    draw.text((312, 404), "100 nm", fill=0, font=font(26))
    if bar:
        draw.rectangle((200, 412, 269, 430), fill=255)
    return _gray(image)


def test_a_plate_alone_is_no_bar() -> None:
    reading = read_scale(_plate(bar=False))
    assert reading.nm_per_px is None
    assert reading.status == "uncertain"


def test_a_bar_beside_a_plate_is_read() -> None:
    reading = read_scale(_plate(bar=True))
    assert (reading.status, reading.scale_nm) == ("read", 100.0), reading.reason
    assert reading.bar_length_px == pytest.approx(70.0, abs=1.0)


def _frequency(exponent: str) -> NDArray[np.uint8]:
    image, draw = _picture(4)
    draw.rectangle((60, 380, 259, 389), fill=255)
    draw.text((100, 400), "5 nm", fill=255, font=font(40))
    draw.text((206, 394), exponent, fill=255, font=font(24))
    return _gray(image)


@pytest.mark.parametrize(("size", "name"), [(24, "DejaVuSans"), (17, "DejaVuSans-Oblique"), (32, "STIXGeneralBol")])
@pytest.mark.parametrize("exponent", ["^-1", "^\N{MINUS SIGN}1"])
def test_an_exponent_after_a_caret_is_one(exponent: str, size: int, name: str) -> None:
    page = Image.new("L", (420, 90), 0)
    draw = ImageDraw.Draw(page)
    draw.text((20, 30), "10 nm" + exponent, fill=255, font=font(size, name))
    left, top, right, bottom = draw.textbbox((20, 30), "10 nm", font=font(size, name))
    box = (int(left), int(top), int(right - left), int(bottom - top))
    assert has_exponent(np.asarray(page), box, 255)
    draw.rectangle((right + 2, 0, 419, 89), fill=0)
    assert not has_exponent(np.asarray(page), box, 255)


@pytest.mark.parametrize(("exponent", "has_value"), [("", True), ("\N{MINUS SIGN}1", False)])
def test_a_spatial_frequency_is_no_length(exponent: str, has_value: bool) -> None:
    reading = read_scale(_frequency(exponent))
    assert (reading.nm_per_px is not None) == has_value, reading.reason


def test_an_asterisk_is_no_exponent() -> None:
    gray = np.zeros((60, 200), np.uint8)
    cv2.putText(gray, "*", (100, 30), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 2)
    assert not has_exponent(gray, (20, 20, 78, 30), 255)


def test_a_blurred_stroke_is_measured_half_way_and_one_that_fades_is_none() -> None:
    gray = np.full((80, 400), 60, np.uint8)
    gray[50:56, 50:150] = 240
    blurred = np.asarray(cv2.GaussianBlur(gray, (0, 0), 1.0), np.uint8)
    (mark,) = marks_near(blurred, (80, 20, 40, 15), foreground=240, background=60)
    assert mark.segment.length_px == pytest.approx(100.0, abs=0.3)
    gray[50:56, 150:350] = np.linspace(240, 60, 200).astype(np.uint8)
    assert all(one.segment.length_px > 120 for one in marks_near(gray, (80, 20, 40, 15), foreground=240, background=60))


def test_text_is_found_where_it_is_and_nowhere_else() -> None:
    image, draw = _picture(5)
    assert text_detector().boxes(_gray(image)) == []
    draw.text((300, 200), "20 nm", fill=255, font=font(30))
    ((x, y, width, height),) = text_detector().boxes(_gray(image))
    assert x <= 302
    assert x + width >= 385
    assert y <= 207
    assert y + height >= 230


def test_a_label_that_was_found_in_two_parts_is_read_as_one() -> None:
    image, draw = _picture(6)
    draw.text((300, 200), "20", fill=255, font=font(30))
    draw.text((362, 200), "nm", fill=255, font=font(30))
    texts = find_texts(_gray(image), LabelMemory())
    assert [text.value.text for text in texts if text.value is not None] == ["20 nm"]
    assert not any(text.seen.text in ("20", "nm") for text in texts)


def test_the_strokes_of_a_label_are_no_halves_of_a_bar() -> None:
    gray = np.full((80, 400), 20, np.uint8)
    for x in (110, 170):
        gray[40:43, x : x + 20] = 255
    assert not any(
        mark.segment.kind == "broken" for mark in marks_near(gray, (100, 30, 100, 24), foreground=255, background=20)
    )
    assert any(
        mark.segment.kind == "broken" for mark in marks_near(gray, (134, 30, 32, 24), foreground=255, background=20)
    )


def test_the_blurred_edge_of_a_bar_does_not_stand_for_the_bar() -> None:
    gray = np.full((80, 400), 10, np.uint8)
    gray[40:48, 50:150] = 255
    gray[39, 50:150] = gray[48, 50:150] = 168
    marks = marks_near(gray, (200, 36, 60, 15), foreground=168, background=10)
    assert [mark.segment.line_box[3] for mark in marks if mark.segment.length_px > 90] == [8]


def test_a_plate_on_a_dark_stripe_is_no_bar_either() -> None:
    image, draw = _picture(7)
    draw.rectangle((0, 400, 639, 479), fill=0)
    draw.rectangle((300, 420, 420, 460), fill=255)
    draw.text((318, 425), "100 nm", fill=0, font=font(24))
    reading = read_scale(_gray(image))
    assert reading.nm_per_px is None
    assert reading.rule == "no plate"


def _line_beside_a_bar(text: str) -> NDArray[np.uint8]:
    image, draw = _picture(11)
    draw.rectangle((60, 400, 209, 405), fill=255)
    draw.text((60, 415), text, fill=255, font=font(24))
    return _gray(image)


@pytest.mark.parametrize(
    ("text", "scale_nm"),
    [("Bar = 5 um", 5000.0), ("Scale bar: 200 nm", 200.0), ("5 \N{ANGSTROM SIGN}", 0.5), ("FWHM 5 um", None)],
)
def test_a_bar_is_called_one_or_measures_angstroms(text: str, scale_nm: float | None) -> None:
    reading = read_scale(_line_beside_a_bar(text))
    assert (reading.scale_nm if reading.nm_per_px else None) == scale_nm, reading
    if scale_nm:
        assert reading.bar_length_px == pytest.approx(150.0, abs=1.0)


def _chequered(fields: int, foreground: int) -> NDArray[np.uint8]:
    """White and black in turn between two rules, the label above the middle."""
    image, draw = _picture(9)
    draw.rectangle((60, 399, 60 + 40 * fields - 1, 412), fill=foreground)
    for field in range(1, fields, 2):
        draw.rectangle((60 + 40 * field, 400, 99 + 40 * field, 411), fill=255 - foreground)
    draw.text((60 + 20 * fields, 370), "800 nm", fill=foreground, font=font(22), anchor="mm")
    return _gray(image)


@pytest.mark.parametrize("fields", [3, 5])
@pytest.mark.parametrize("foreground", [0, 255])
def test_one_field_of_a_chequered_bar_is_not_the_bar(fields: int, foreground: int) -> None:
    reading = read_scale(_chequered(fields, foreground))
    if reading.nm_per_px is not None:
        assert reading.bar_length_px == pytest.approx(40.0 * fields, rel=0.02)
    quick = read_scale(_chequered(fields, foreground), thoroughly=False)
    assert quick.nm_per_px is None, quick


def test_a_frame_measures_to_its_outer_edges_and_a_bracket_between_its_ticks() -> None:
    gray = np.full((90, 400), 40, np.uint8)
    gray[40:55, 50:170] = 255
    gray[43:52, 53:167] = 40
    (mark,) = marks_near(gray, (200, 40, 60, 15), foreground=255, background=40)
    assert (mark.segment.kind, mark.segment.length_px) == ("ticked", 120.0)
    gray[52:55, 53:167] = 40
    (mark,) = marks_near(gray, (200, 40, 60, 15), foreground=255, background=40)
    assert (mark.segment.kind, mark.segment.length_px) == ("ticked", 117.0)


def test_a_frame_with_blurred_edges_is_no_bracket_to_the_quick_way_either() -> None:
    foreground = np.zeros((60, 200), np.uint8)
    foreground[20:41, 40:144] = 1
    foreground[23:38, 43:141] = 0
    foreground[20, 60:120] = foreground[40, 60:120] = 0  # a blurred edge, covered in part
    assert not any(one.kind == "ticked" for one in find_segments(foreground, DataBar(0, 60, 0, 200, "picture", 255)))
    foreground[37:41, 43:141] = 0
    assert any(one.kind == "ticked" for one in find_segments(foreground, DataBar(0, 60, 0, 200, "picture", 255)))


def test_a_bar_that_the_metadata_contradict_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a line that its label breaks was taken for a bar: the whole one bears the metadata out."""
    image, draw = _picture(8)
    draw.rectangle((0, 420, 639, 479), fill=0)
    for x, width in ((200, 60), (340, 60)):
        draw.rectangle((x, 449, x + width - 1, 451), fill=255)
    draw.text((270, 440), "5 um", fill=255, font=font(20))
    found = agreeing_pair(_gray(image), 25.0, LabelMemory())
    assert found is not None
    assert found.segment.length_px == pytest.approx(200.0, abs=1.0)
    assert agreeing_pair(_gray(image), 40.0, LabelMemory()) is None
    monkeypatch.setattr(decide, "agreeing_pair", lambda *_: found)
    assert read_scale(draw_style("zeiss").gray, metadata_nm_per_px=25.0).status == "agrees"
    monkeypatch.setattr(decide, "agreeing_pair", lambda *_: None)
    assert read_scale(draw_style("zeiss").gray, metadata_nm_per_px=25.0).status == "disagrees"
